"""Inspecting one user: history, targets, and their ranks in stored results."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import recbench
from recbench import Store, UsageError
from recbench.cli.main import main
from recbench.inspect_user import COLUMNS, inspect_user


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def called(*args: str, width: int = 0) -> tuple[int, str, str]:
        monkeypatch.setattr(recbench.report.text, "terminal", lambda: width)
        with pytest.raises(SystemExit) as stop:
            main(["inspect", *args])
        return int(stop.value.code or 0), *capsys.readouterr()

    return called


def test_history_target_ranks_and_lists_are_those_of_the_referee(tiny: str) -> None:
    results = recbench.run(["popular", "random"], tiny, seed=(0, 1))
    (case,) = inspect_user("u1", dataset=tiny, k=2)
    ids = case.dataset.item_ids
    assert [ids[item] for item in case.history] == ["i1", "i2", "i3"]
    assert [ids[item] for item in case.targets] == ["i4"]
    assert [(o.result.model, o.result.seed) for o in case.rankings] == [
        (o.model, o.seed) for o in Store("results").all().sections()[0].results
    ]
    assert len(case.rankings) == len(results) == 3
    for ranking in case.rankings:
        rows = Store("results").case_columns(ranking.result)
        row = list(rows["user"]).index("u1")
        assert ranking.above.tolist() == [rows["above"][row]]
        assert ranking.tied.tolist() == [rows["tied"][row]]
        assert ranking.top_items.tolist() == rows["lists"][row][:2].tolist()
        assert not set(ranking.top_items) & set(case.history)
    popular = next(o for o in case.rankings if o.result.model == "popular")
    counts = {
        "i0": 1,
        "i4": 3,
        "i5": 3,
        "i6": 2,
    }  # interactions in train, of items that u1 has not seen
    assert popular.above.tolist() == [0]
    assert popular.tied.tolist() == [sum(n == counts["i4"] for n in counts.values())]


def test_the_text_shows_titles_and_held_out_items(real: Any, call: Any) -> None:
    folder = str(real("ml-100k/u.item").parent.parent)
    recbench.run(["popular", "random"], "ml-100k", seed=(0, 1), data_dir=folder)
    for width in (0, 80):
        code, out, _ = call("--user", "42", "--data-dir", folder, width=width)
        assert code == 0
        assert "History of user 42 in ml-100k, leave-last-out, oldest first (last 20 of 182)" in out
        assert "845   That Thing You Do! (1996)" in out
        assert "Held-out item\n\nitem  title\n" in out
        assert "834   Halloween: The Curse of Michael Myers (1995)" in out
        assert "popular        693 to 704" in out
        assert "random   0     1" in out
        assert "\npopular\n\nrank  item  title\n" in out
        assert "\nrandom, seed 1\n\n" in out
        assert "1     100   Fargo (1996)" in out
        assert max(map(len, out.splitlines())) <= 80
    recbench.run(["popular"], "ml-100k", data_dir=folder, split="temporal:targets=all")
    split = ("--split", "temporal:targets=all", "--data-dir", folder)
    code, out, _ = call("--user", "112", *split, width=80)
    assert "Held-out items, with their rank by model" in out
    assert max(map(len, out.splitlines())) <= 80


def test_several_cases_and_several_targets(call: Any, busy: str) -> None:
    for split in ("windows", "temporal:targets=all"):
        recbench.run(["popular", "random"], busy, split=split, ks=[10])
    stored = Store("results").all()
    windows = next(result for result in stored if result.setting.split == "windows")
    rows = stored.read_columns(windows)["user"]
    users, counts = np.unique(np.asarray(rows), return_counts=True)
    several = users[counts.argmax()]
    cases = inspect_user(several, dataset=busy, split="windows")
    assert len(cases) == counts.max() > 1
    assert all(len(case.targets) == 1 and len(case.history) == 3 for case in cases)
    code, out, _ = call("--user", str(several), "--dataset", busy, "--split", "windows")
    assert code == 0
    for number in range(1, len(cases) + 1):
        assert f", case {number} of {len(cases)}, oldest first\n" in out
    split = "temporal:targets=all"
    for user in range(100, 160):
        try:
            (case,) = inspect_user(user, dataset=busy, split=split)
        except UsageError:
            continue
        if len(case.targets) > 3:
            break
    assert len(case.targets) > 3
    for ranking in case.rankings:
        assert ranking.above.shape == ranking.tied.shape == case.targets.shape
        for above, item in zip(ranking.above, case.targets, strict=True):
            if ranking.result.model == "random" and above < 10:
                assert ranking.top_items[above] == item
    code, out, _ = call("--user", str(user), "--dataset", busy, "--split", split)
    assert "Held-out items, with their rank by model" in out
    assert "popular" in out.partition("rank by model")[2].partition("---")[0]


def test_a_target_outside_the_list_is_reported_as_not_listed(call: Any, tiny: str) -> None:
    with open("mine.csv", "w") as file:
        file.write("user,item,rank\nu1,i5,1\nu1,i6,2\n")
    recbench.run([], tiny, ks=[2], recs={"mine": "mine.csv"})
    code, out, _ = call("--user", "u1", "--dataset", tiny)
    assert code == 0
    assert "mine   not listed" in out
    code, out, _ = call("--user", "u2", "--dataset", tiny)
    assert "(no list is stored)" in out


def test_an_item_that_the_dataset_does_not_have_keeps_its_place(call: Any, tiny: str) -> None:
    with open("mine.csv", "w") as file:
        file.write("user,item,rank\nu1,x,1\nu1,i5,2\nu1,y,3\nu1,i4,4\nu2,x,1\n")
    recbench.run([], tiny, ks=[2, 3], recs={"mine": "mine.csv"})
    (case,) = inspect_user("u1", dataset=tiny)
    ids = [*case.dataset.item_ids, "none"]
    assert [ids[item] for item in case.rankings[0].top_items] == ["none", "i5", "none", "i4"]
    assert case.rankings[0].above.tolist() == [3]
    _, out, _ = call("--user", "u1", "--dataset", tiny)
    listed = [" ".join(line.split()) for line in out.partition("\nmine\n")[2].splitlines()[3:]]
    assert listed == ["1 (not in the dataset)", "2 i5", "3 (not in the dataset)", "4 i4 <"]
    assert "(no list is stored)" in call("--user", "u2", "--dataset", tiny)[1]


def test_without_stored_results_the_text_says_what_to_do(call: Any, tiny: str) -> None:
    code, out, _ = call("--user", "u1", "--dataset", tiny)
    assert code == 0
    assert "History of user u1" in out
    assert "No results are stored for this dataset and split. Add one with: recbench run" in out
    recbench.run(["popular"], tiny, split="windows:length=3")
    assert "No results are stored" in call("--user", "u1", "--dataset", tiny)[1]


def test_results_of_other_data_with_the_same_name_are_not_shown(call: Any, tiny: str) -> None:
    recbench.run(["popular"], tiny)
    with open(tiny, "a") as file:
        file.write("u0,i6,99,1\n")
    assert "No results are stored" in call("--user", "u1", "--dataset", tiny)[1]
    recbench.run(["random"], tiny)
    out = call("--user", "u1", "--dataset", tiny)[1]
    assert "random, seed 0" in out
    assert "popular" not in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--user", "zzz"], "no user 'zzz' in log.csv; its user ids look like: 'a', 'b', 'c'"),
        (["--user", "c"], "user c is not judged under leave-last-out: the user has no target"),
        (["--user", "a", "--split", "window"], "did you mean 'windows'"),
        (["--user", "a", "--k", "0"], "--k must be 1 or more"),
        ([], "Missing option '--user'"),
    ],
)
def test_usage_errors_are_reported(call: Any, args: list[str], message: str) -> None:
    with open("log.csv", "w") as file:
        file.write("user,item,time\na,x,1\na,y,2\nb,x,1\nb,y,2\nc,x,1\n")
    code, out, err = call(*args, "--dataset", "log.csv")
    assert (code, out) == (2, "")
    assert message in err


def test_k_is_the_number_of_items_shown(busy: str) -> None:
    recbench.run(["popular"], busy, ks=[3])
    for k, shown in ((3, 3), (10, 10), (50, 10)):
        (case,) = inspect_user(101, dataset=busy, k=k)
        assert len(case.rankings[0].top_items) == shown
        assert len(np.unique(case.rankings[0].top_items)) == shown


def test_the_frame_has_histories_targets_and_lists(tiny: str) -> None:
    log = pd.read_csv(tiny)
    recbench.run(["popular", "random"], log, seed=(0, 1))
    found = inspect_user("u1", dataset=log, k=2)
    frame = found.to_frame()
    assert tuple(frame) == COLUMNS
    history, target, lists = (
        frame[frame["part"] == part] for part in ("history", "target", "list")
    )
    assert history["item"].tolist() == ["i1", "i2", "i3"]
    assert history["place"].tolist() == [1, 2, 3]
    assert target["item"].tolist() == ["i4"] * 3
    assert sorted(target["model"]) == ["popular", "random", "random"]
    for ranking, (_, row) in zip(found[0].rankings, target.iterrows(), strict=True):
        assert row["rank"] == ranking.above[0] + 1
        assert row["last_rank"] == ranking.above[0] + ranking.tied[0]
    assert len(lists) == 3 * 2
    assert (lists["is_target"] == (lists["item"] == "i4")).all()
    html = found._repr_html_()
    assert "History of user u1 in" in html
    assert html.count("<caption") == 3 + 3
    assert "Its rank by model" in html


def test_a_target_that_is_not_listed_has_no_rank(tiny: str) -> None:
    Path("recs.csv").write_text("user,item,rank\nu1,nothing,1\nu1,i6,2\n")
    recbench.run([], tiny, ks=1, recs={"theirs": "recs.csv"})
    frame = inspect_user("u1", dataset=tiny).to_frame()
    assert frame.loc[frame["part"] == "target", "rank"].isna().all()
    listed = frame[frame["part"] == "list"]
    assert listed["item"].isna().tolist() == [True, False]
    assert listed["item"].iloc[1] == "i6"
    assert listed["is_target"].tolist() == [False, False]
