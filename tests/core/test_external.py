"""Recommendations made elsewhere: a round trip through files, and the errors for wrong ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import plugin
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import recbench
from recbench import Interactions, Result, Store, UsageError, load_plugins
from recbench.cli.main import main
from recbench.experiment import Experiment
from recbench.export import export_split
from recbench.external import judge_file


class TopList:
    """A model of lists, in order of training interactions and then of item number."""

    def fit(self, train: Interactions) -> "TopList":
        self.order_ = np.argsort(-np.bincount(train.items, minlength=train.n_items), kind="stable")
        return self

    def recommend(self, history: Interactions, k: int) -> Any:
        lists = np.full((len(history), k), -1)
        for row, items in enumerate(history.sequences()):
            best = self.order_[~np.isin(self.order_, items)][:k]
            lists[row, : len(best)] = best
        return lists


def _popular(folder: Path, form: str = "parquet") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return each case with its user, and each item with its count in train; in pandas only."""
    read = pd.read_parquet if form == "parquet" else pd.read_csv
    train, history = read(folder / f"train.{form}"), read(folder / f"history.{form}")
    targets = read(folder / f"targets.{form}")
    items = sorted({*train["item"], *history["item"], *targets["item"]})
    counts = train["item"].value_counts().reindex(items, fill_value=0)
    return targets[["row", "user"]].drop_duplicates(), counts.rename("score").reset_index()


def _scores(folder: Path, form: str = "parquet") -> pd.DataFrame:
    rows, counts = _popular(folder, form)
    return rows.merge(counts, how="cross")


def _lists(folder: Path, k: int) -> pd.DataFrame:
    rows, counts = _popular(folder)
    history = pd.read_parquet(folder / "history.parquet").groupby("row")["item"].agg(set)
    order = counts.sort_values("score", ascending=False, kind="stable")["item"]
    lines = [
        (row, user, item, rank)
        for row, user in rows.itertuples(index=False)
        for rank, item in enumerate([i for i in order if i not in history[row]][:k], 1)
    ]
    return pd.DataFrame(lines, columns=["row", "user", "item", "rank"])


def _judged(path: Path | str, dataset: str = "synthetic", **more: Any) -> Result:
    result: Result = recbench.run([], dataset, recs={"mine": path}, **more)[0]
    return result


@pytest.mark.parametrize(
    "split",
    ["leave-last-out", "temporal:targets=all", "leave-last-basket", "windows:length=5"],
)
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_scores_from_a_file_get_the_values_of_the_model(busy: str, split: str, form: str) -> None:
    export_split(busy, split=split, output="split")
    scores = _scores(Path("split"), form).sample(frac=1, random_state=0)
    scores = scores.drop(columns="user" if split.startswith("windows") else "row")
    getattr(scores, f"to_{form}")(f"mine.{form}", index=False)
    model, external = recbench.run(
        ["popular"], busy, split=split, ks=(1, 3, 10, 30), recs={"mine": f"mine.{form}"}
    )
    assert external.ok, external.status
    assert external.setting.n_cases > 10
    assert repr(external.values) == repr(model.values)
    store = Store("results")
    for name in ("above", "tied", "lists", "segment", "history"):
        assert repr(store.case_columns(external)[name]) == repr(store.case_columns(model)[name])


@pytest.mark.parametrize("split", ["leave-last-out", "temporal:targets=all", "windows:length=5"])
def test_lists_from_a_file_get_the_values_of_a_model_of_lists(busy: str, split: str) -> None:
    export_split(busy, split=split, output="split")
    _lists(Path("split"), 12).to_csv("mine.csv", index=False)
    plugins = load_plugins(top=plugin(models={"top-list": TopList}))
    model, external = recbench.run(
        ["top-list"], busy, split=split, ks=(5, 12), recs={"mine": "mine.csv"}, plugins=plugins
    )
    assert external.ok, external.status
    assert external.setting.n_cases > 10
    assert repr(external.values) == repr(model.values)
    assert (external.depth, external.model_version != model.model_version) == (12, True)


def test_a_frame_gets_the_values_of_its_file(tiny: str) -> None:
    export_split(tiny, output="split")
    lists = _lists(Path("split"), 7).drop(columns="row")
    lists.to_csv("mine.csv", index=False)
    of_file, of_frame = _judged("mine.csv", tiny, ks=[7]), _judged(lists, tiny, ks=[7])  # type: ignore[arg-type]
    assert of_frame.ok, of_frame.status
    assert of_frame.values == of_file.values
    assert of_frame.key == of_file.key
    lists["item"] = lists["item"].iloc[0]
    assert "mine.csv line 3: item" in _judged(lists, tiny, ks=[7]).status  # type: ignore[arg-type]


def test_what_is_neither_a_path_nor_a_frame_is_refused(tiny: str) -> None:
    class Polars:
        def to_pandas(self) -> None: ...

    for wrong, message in (
        (3, "recs 'mine': int is neither a path nor a pandas DataFrame; give one of these"),
        (Polars(), "Polars is neither .*; give its .to_pandas"),
    ):
        with pytest.raises(UsageError, match=message):
            _judged(wrong, tiny)  # type: ignore[arg-type]


def test_seen_items_can_be_listed_if_repeats_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "user,item,time\n" + "".join(f"u{u},i{t % 3},{t}\n" for u in "ab" for t in range(4))
    )
    recs = tmp_path / "recs.csv"
    recs.write_text(
        "user,item,rank\n" + "".join(f"u{u},i{t},{t}\n" for u in "ab" for t in range(3))
    )
    result = _judged(recs, f"{log}:repeats=keep", ks=[3])
    assert result.value("hit", 3).mean == 1
    assert result.value("mrr", 3).mean == 1
    assert "and seen items are masked" in _judged(recs, str(log), ks=[1]).status


@pytest.fixture
def split(tiny: str) -> pd.DataFrame:
    """Export the split of `tiny`, and return lists of all items that its users have not seen."""
    export_split(tiny, output="split")
    return _lists(Path("split"), 7).drop(columns="row")


def test_a_user_with_several_cases_needs_a_column_row(tiny: str, split: pd.DataFrame) -> None:
    split.to_csv("mine.csv", index=False)
    status = _judged("mine.csv", tiny, split="windows:length=2,step=1,test=0.9").status
    assert "a user has several cases. Add a column `row`" in status


def test_items_that_are_not_listed_rank_below_all_others(
    tiny: str, split: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    targets = pd.read_csv("split/targets.csv").set_index("user")["item"]
    listed = split[split["user"].isin(["u0", "u1"])]
    listed = listed[(listed["user"] == "u0") | (listed["item"] != targets["u1"])]
    listed.to_csv("mine.csv", index=False)
    result = _judged("mine.csv", tiny, ks=[7])
    assert result.ok
    rank = split.set_index(["user", "item"])["rank"]["u0", targets["u0"]]
    assert result.value("mrr", 7).mean == pytest.approx(1 / rank / 6)
    note = (
        "5 of 6 cases have fewer than 7 items, and 4 have none; a target that is not listed counts "
        "as not found"
    )
    assert f"mine: {note}" in caplog.messages
    assert result.notes == (note,)


def test_equal_scores_count_as_ties(tiny: str, split: pd.DataFrame) -> None:
    split.assign(score=1).drop(columns="rank").to_csv("mine.csv", index=False)
    result = _judged("mine.csv", tiny, ks=[1, 3, 7])
    room = split.groupby("user").size()
    assert result.value("hit", 1).mean == pytest.approx((1 / room).mean())
    assert result.value("hit", 7).mean == 1


def test_results_of_a_file_are_stored_shown_and_compared_like_those_of_models(
    tiny: str, split: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    split.to_csv("mine.csv", index=False)

    def call(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(args)
        return int(stop.value.code or 0), *capsys.readouterr()

    code, out, _ = call("run", "popular", "--recs", "mine=mine.csv", "--dataset", tiny)
    assert code == 0
    assert call("table")[1] == out
    assert "mine" in out
    assert "mine" in call("compare", "mine", "popular")[1]
    assert "\nmine\n" in call("inspect", "--user", "u1", "--dataset", tiny)[1]
    assert call("verify", "results")[0] == 0
    before = Store("results").all()
    split[::-1].to_csv("mine.csv", index=False)
    assert call("verify", "results")[0] == 1
    call("run", "--recs", "mine=mine.csv", "--dataset", tiny)
    keys = {cell.key for cell in Store("results").all()}
    assert len(keys - {cell.key for cell in before}) == 1
    assert len(keys) == 2
    Path("mine.csv").write_text("user,item,rank\nu1,i99,1\n")
    code, out, _ = call("run", "popular", "--recs", "mine=mine.csv", "--dataset", tiny)
    assert code == 1
    assert "mine.csv: none of its item ids is in tiny.csv" in " ".join(out.split())
    assert "popular" in out


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("popular", "a model has this name"),
        ("random", "a model has this name"),
        ("a:b", "without ':' or '='"),
        ("", "1 to 100 characters"),
    ],
)
def test_names_that_are_taken_or_invalid_are_refused(tiny: str, name: str, problem: str) -> None:
    Path("mine.csv").write_text("")
    with pytest.raises(UsageError, match=problem):
        recbench.run(["popular"], tiny, recs={name: "mine.csv"})


def test_a_missing_file_and_sampled_candidates_are_failed_results(
    tiny: str, split: pd.DataFrame
) -> None:
    assert "cannot read gone.csv: No such file" in _judged("gone.csv", tiny).status
    split.to_csv("mine.csv", index=False)
    assert "Leave one out" in _judged("mine.csv", tiny, candidates=2).status


SHOP = "user,item,time\n" + "".join(f"u{u},i{t},{t}\n" for u in "abcd" for t in range(5))
"""Four users with the history i0 to i3, and the target i4."""


def _judged_in_shop(lines: str, ks: tuple[int, ...] = (1, 2, 3), log: str = SHOP) -> Result:
    Path("shop.csv").write_text(log)
    Path("recs.csv").write_text(lines)
    result: Result = recbench.run([], "shop.csv", ks=ks, recs={"mine": "recs.csv"})[0]
    return result


def _columns(result: Result) -> Any:
    return Store("results").case_columns(result)


def test_a_foreign_item_keeps_its_place_in_a_list(caplog: pytest.LogCaptureFixture) -> None:
    lists = "".join(f"u{u},x,1\nu{u},i4,2\n" for u in "abc") + "ud,i4,1\nud,y,2\n"
    result = _judged_in_shop(f"user,item,rank\n{lists}")
    assert result.ok, result.status
    note = "4 of 8 rows recommend items that are not in shop.csv, such as 'x'; they count as wrong"
    assert f"mine: {note}" in caplog.messages
    assert result.notes == Store("results").all()[0].notes == (note,)
    assert _columns(result)["above"].tolist() == [1, 1, 1, 0]
    assert result.value("hit", 1).mean == 0.25
    assert result.value("mrr", 2).mean == (3 / 2 + 1) / 4


def test_metrics_of_lists_count_only_the_items_that_the_dataset_has() -> None:
    """With one item left to recommend, of five, and a foreign one above it for three users."""
    lists = "".join(f"u{u},x,1\nu{u},i4,2\n" for u in "abc") + "ud,i4,1\n"
    result = _judged_in_shop(f"user,item,rank\n{lists}")
    assert _columns(result)["lists"][:, :2].tolist() == [[-1, 4]] * 3 + [[4, -1]]
    for metric, at_1, at_2 in (
        ("coverage", 0.2, 0.2),
        ("gini", 0.8, 0.8),
        ("popularity", 0, 0),
        ("novelty", np.log2(21) / 4, np.log2(21)),  # 16 training interactions and 5 items
    ):
        assert result.value(metric, 1).mean == pytest.approx(at_1), metric
        assert result.value(metric, 2).mean == pytest.approx(at_2), metric


@pytest.mark.parametrize(
    ("score", "above", "tied"), [(2, 1, 1), (1, 0, 2), (0, 0, 1)], ids=["above", "tied", "below"]
)
def test_a_foreign_item_is_ranked_by_its_score(score: int, above: int, tied: int) -> None:
    result = _judged_in_shop(
        "user,item,score\n" + "".join(f"u{u},i4,1\nu{u},x,{score}\n" for u in "abcd")
    )
    columns = _columns(result)
    assert columns["above"].tolist() == [above] * 4
    assert columns["tied"].tolist() == [tied] * 4
    assert result.value("hit", 1).mean == (0 if above else 1 / tied)


def test_ranks_with_foreign_items_are_those_counted_by_hand(busy: str) -> None:
    export_split(busy, output="split")
    random = np.random.default_rng(5)
    targets = pd.read_csv("split/targets.csv").set_index("user")["item"]
    seen = pd.read_csv("split/history.csv").groupby("user")["item"].agg(set)
    lines = [
        (user, item, score)
        for user in targets.index
        for item, score in zip(range(50), random.integers(0, 9, 50), strict=True)  # 40 to 49: no
        if random.random() < 0.8
    ]
    scores = pd.DataFrame(lines, columns=["user", "item", "score"])
    scores.to_csv("recs.csv", index=False)
    result = recbench.run([], busy, ks=[3], recs={"mine": "recs.csv"})[0]
    columns = _columns(result)
    unseen = {
        user: group.set_index("item")["score"].drop(seen[user], errors="ignore")
        for user, group in scores.groupby("user")
    }
    n_found = 0
    for row, user in enumerate(columns["user"]):
        found = unseen[user].get(targets[user])
        if found is None:
            assert columns["above"][row] > 1000
            continue
        n_found += 1
        assert columns["above"][row] == (unseen[user] > found).sum()
        assert columns["tied"][row] == (unseen[user] == found).sum()
        best = sorted(unseen[user].index, key=lambda item: (-unseen[user][item], item))
        width = columns["lists"].shape[1]
        expected = [item if item < 40 else -1 for item in best[:width]]
        assert columns["lists"][row][: len(expected)].tolist() == expected
        assert (columns["lists"][row][len(expected) :] == -1).all()
    assert n_found > 20


def test_a_list_is_long_enough_with_foreign_items(caplog: pytest.LogCaptureFixture) -> None:
    log = SHOP + "ua,i5,-1\nua,i6,-2\nue,i7,1\n"  # i5, i6 and i7 are left to recommend to most
    lists = "".join(f"u{u},x,1\nu{u},y,2\nu{u},i4,3\n" for u in "abcd")
    result = _judged_in_shop(f"user,item,rank\n{lists}", (3,), log)
    assert (result.ok, result.depth) == (True, 3)
    assert "fewer" not in caplog.text
    result = _judged_in_shop(f"user,item,rank\n{lists}", (4,), log)
    assert "the longest has 3 items" in result.status


def test_a_list_of_all_items_is_complete_with_foreign_items_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lists = "".join(f"u{u},x,1\nu{u},i4,2\n" for u in "abcd")
    result = _judged_in_shop(f"user,item,rank\n{lists}", (1, 2, 5, 100))
    assert (result.ok, result.depth) == (True, 5)
    assert "fewer" not in caplog.text
    assert result.value("hit", 100).mean == 1
    assert result.value("coverage", 100).mean == 0.2


def test_foreign_items_alone_do_not_make_a_list_complete() -> None:
    lists = "".join(f"u{u},{item},1\n" for u, item in zip("abcd", "xxyy", strict=True))
    assert "its item ids is in shop.csv" in _judged_in_shop(f"user,item,rank\n{lists}").status
    result = _judged_in_shop(f"user,item,rank\n{lists}ua,i4,2\n", (1, 2))
    assert (result.ok, result.depth) == (True, 2)
    assert result.value("hit", 2).mean == 0.25


def test_foreign_users_are_counted_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    lists = "".join(f"u{u},i4,1\n" for u in "abcd")
    result = _judged_in_shop(f"user,item,rank\nyou,i4,1\n{lists}me,x,1\n")
    assert result.value("hit", 1).mean == 1
    note = "2 of 6 rows are for users who are not in shop.csv, such as 'you', and are ignored"
    assert f"mine: {note}" in caplog.messages
    assert result.notes == (note,)


def test_notes_stand_under_the_table_of_stored_results_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lists = "".join(f"u{u},x,1\nu{u},i4,2\n" for u in "abc")
    _judged_in_shop(f"user,item,rank\nme,i1,1\n{lists}", ks=(2,), log=f"{SHOP}ue,i5,1\n")
    with pytest.raises(SystemExit):
        main(["table"])
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "interactions. mine: 3 of 6 rows recommend items that are not in shop.csv, such as 'x'; "
        "they count as wrong. mine: 1 of 4 cases have fewer than 2 items, and 1 have none; a "
        "target that is not listed counts as not found. mine: 1 of 7 rows are for users who are "
        "not in shop.csv, such as 'me', and are ignored. "
    ) in shown


def test_a_note_says_how_a_file_without_a_header_was_read() -> None:
    result = _judged_in_shop("".join(f"u{u},i4\n" for u in "abcd"), ks=(1,))
    assert result.notes == ("recs.csv was read without a header: user, item, in order of rank",)
    assert _judged_in_shop("user,item,rank\n" + "".join(f"u{u},i4,1\n" for u in "abcd")).notes == ()


TASTES = {"a": "01234567", "b": "34560", "c": "67812", "d": "5678", "e": "0"}
"""User -> items, oldest first. The last is the target; e has no other item and is not judged.

Only two items can be recommended to a, fewer than the test's cut-off.
"""

ITEMS = "012345678xyz"
"""The items of the users, and three that the dataset does not have."""

Line = tuple[str, str, int]


@st.composite
def _lists_of_users(draw: st.DrawFn) -> tuple[str, list[Line]]:
    """Return `rank` or `score`, and lines with a user, an item and this number."""
    kind = draw(st.sampled_from(["rank", "score"]))
    lines: list[Line] = []
    for user in draw(st.sets(st.sampled_from("abcdef"), min_size=1)):  # f is in no dataset
        seen = TASTES.get(user, "")[:-1] if kind == "rank" else ""
        items = draw(st.lists(st.sampled_from(sorted({*ITEMS} - {*seen})), unique=True))
        some = st.integers(1, 4) if kind == "score" else st.integers(1, 99)
        size = len(items)
        numbers = draw(st.lists(some, min_size=size, max_size=size, unique=kind == "rank"))
        lines += [(user, item, number) for item, number in zip(items, numbers, strict=True)]
    return kind, draw(st.permutations(lines))


def _best_first(kind: str, lines: list[Line], user: str) -> list[tuple[str, int]]:
    """Return the items that can be recommended to a user, with how many are strictly better."""
    place_in_file = list(dict.fromkeys(item for name, item, _ in lines if name in "abcd"))
    unseen = [
        (-number if kind == "score" else number, item)
        for name, item, number in lines
        if name == user and item not in TASTES[user][:-1]
    ]
    unseen.sort(key=lambda pair: (pair[0], pair[1] in "xyz", _number(pair[1], place_in_file)))
    return [(item, sum(other < value for other, _ in unseen)) for value, item in unseen]


def _number(item: str, place_in_file: list[str]) -> int:
    return place_in_file.index(item) if item in "xyz" else int(item)


def test_ranks_lists_and_notes_are_those_counted_by_hand() -> None:
    Path("shop.csv").write_text(
        "user,item,time\n"
        + "".join(
            f"u{user},i{item},{time}\n"
            for user, items in TASTES.items()
            for time, item in enumerate(items)
        )
    )
    experiment = Experiment.prepare(load_plugins(), "shop.csv", "leave-last-out")
    assert experiment.dataset.item_ids.tolist() == [f"i{number}" for number in range(9)]
    k = 3

    @settings(deadline=None)
    @given(_lists_of_users())
    def check(recs: tuple[str, list[Line]]) -> None:
        kind, lines = recs
        text = "".join(f"u{user},i{item},{number}\n" for user, item, number in lines)
        Path("recs.csv").write_text(f"user,item,{kind}\n{text}")
        judged = [item for user, item, _ in lines if user in "abcd"]
        assume(set(judged) - {*"xyz"})
        found = {user: _best_first(kind, lines, user) for user in "abcd"}
        result, columns = judge_file(experiment, "mine", Path("recs.csv"), [1, k])
        complete = {
            user: {*"012345678"} - {*TASTES[user][:-1]} <= {item for item, _ in found[user]}
            for user in found
        }
        short = [user for user in found if len(found[user]) < k and not complete[user]]
        if len(short) == 4:
            assert "its lists are too short" in result.status
            return
        assert result.ok, result.status
        width = np.shape(columns["lists"])[1]
        assert width >= 9
        longest = max(len(items) for items in found.values())
        assert result.depth == (9 if all(complete.values()) else longest)
        for case, user in enumerate("abcd"):
            better = dict(found[user])
            above = better.get(TASTES[user][-1])
            tied = list(better.values()).count(-1 if above is None else above)
            assert columns["tied"][case] == max(tied, 1)
            assert columns["above"][case] == (2**31 - 1 if above is None else above)
            best = [-1 if item in "xyz" else int(item) for item in better]
            assert columns["lists"][case].tolist() == [*best, *[-1] * 10][:width]
        n_foreign = sum(item in "xyz" for item in judged)
        notes = "\n".join(result.notes)
        missed = all(TASTES[user][-1] not in dict(found[user]) for user in found)
        assert ("no target is in any list" in notes) == missed
        assert (f"{n_foreign} of {len(judged)} row" in notes) == bool(n_foreign)
        assert (f"{len(short)} of 4 cases have fewer than 3 items" in notes) == bool(short)
        ignored = sum(user == "f" for user, _, _ in lines)
        assert (f"{ignored} of {len(lines)} rows are for users" in notes) == bool(ignored)

    check()
