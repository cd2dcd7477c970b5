"""Comparing two stored models: a small example, and the errors if results are missing."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import plugin
from scipy import stats

import recbench
from recbench import Interactions, Store, UsageError, compare, load_plugins
from recbench.cli.main import main
from recbench.compare import COLUMNS


def _lists(path: str, ranks: list[int]) -> str:
    """Write lists with each user's target, t, at these ranks, and return the path."""
    lines = []
    for user, rank in enumerate(ranks):
        items = [f"x{number}" for number in range(5)]
        items.insert(rank - 1, "t")
        lines += [f"u{user},{item},{place}" for place, item in enumerate(items, 1)]
    Path(path).write_text("user,item,rank\n" + "\n".join(lines) + "\n")
    return path


def _call(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(args)
    return int(stop.value.code or 0), *capsys.readouterr()


def test_comparisons_agree_with_the_stored_values_per_case(busy: str) -> None:
    recbench.run(["popular", "random"], busy, ks=(5, 10))
    comparisons = compare("popular", "random")
    assert [(each.metric, each.k) for each in comparisons] == [("ndcg", 5), ("ndcg", 10)]
    store = Store("results")
    a, b = (
        store.case_columns(cell)["ndcg@10"]
        for name in ("popular", "random")
        for cell in store.all()
        if cell.model == name
    )
    comparison = comparisons[1]
    assert comparison.first_value.mean == pytest.approx(a.mean())
    assert comparison.second_value.mean == pytest.approx(b.mean())
    paired = comparison.paired
    assert paired.difference == pytest.approx((a - b).mean())
    assert paired.p == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert paired.wins == (a > b).sum()
    assert paired.losses == (a < b).sum()
    error = (a - b).std(ddof=1) / np.sqrt(len(a))
    assert paired.low == pytest.approx(paired.difference - 1.96 * error, rel=0.15)
    assert paired.high == pytest.approx(paired.difference + 1.96 * error, rel=0.15)
    back = compare("random", "popular", ks=[10])[0].paired
    assert back.difference == -paired.difference
    assert (back.low, back.high) == (
        pytest.approx(-paired.high),
        pytest.approx(-paired.low),
    )
    assert (back.wins, back.losses, back.p) == (paired.losses, paired.wins, paired.p)


def test_seeds_are_averaged_and_users_count_once(busy: str) -> None:
    recbench.run(
        ["popular", "random"],
        busy,
        split="windows",
        ks=[10],
        seed=(0, 1, 2),
    )
    (comparison,) = compare("popular", "random")
    paired = comparison.paired
    store = Store("results")
    rows = [store.case_columns(cell) for cell in store.all() if cell.model == "random"]
    assert len(rows) == 3
    assert comparison.second_value.mean == pytest.approx(np.mean([row["ndcg@10"] for row in rows]))
    users = len(np.unique(np.asarray(rows[0]["user"])))
    assert paired.wins + paired.losses + paired.ties == users
    assert users < len(np.asarray(rows[0]["user"]))


def test_every_section_with_both_models_is_compared(tiny: str, busy: str) -> None:
    recbench.run(["popular", "random"], tiny, split=["leave-last-out", "windows:length=2,test=0.5"])
    recbench.run(["popular"], tiny, split="windows:length=3")
    recbench.run(["popular", "random"], busy, candidates=8, ks=[10])
    comparisons = compare("popular", "random", ks=[10])
    assert [each.section.title.partition(", SAMPLED")[0] for each in comparisons] == [
        "busy.csv, leave-last-out",
        "tiny.csv, leave-last-out",
        "tiny.csv, windows:length=2,test=0.5",
    ]
    for dataset in ("tiny.csv", tiny):
        assert len(compare("popular", "random", ks=[10], dataset=dataset)) == 2
    assert len(compare("popular", "random", ks=[10], dataset=tiny, split="leave-last-out")) == 1
    recbench.run(["popular", "random"], tiny, split="windows:step=1,length=3")
    assert len(compare("popular", "random", ks=[3], split="windows:length=3,step=1")) == 1


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("tiny.csv:min_rating=2", "./tiny.csv:min_rating=2.0"),
        ("tiny.csv", "tiny.csv:min_user_interactions=1,repeats=first"),
        ("synthetic:min_rating=2,users=600", "synthetic:users=600,min_rating=2.0"),
    ],
)
def test_a_dataset_is_found_by_other_spellings_of_its_options(
    tiny: str, stored: str, typed: str
) -> None:
    assert Path(tiny).samefile("tiny.csv")
    recbench.run(["popular", "random"], stored, ks=[3])
    assert [each.k for each in compare("popular", "random", dataset=typed)] == [3]
    for other in (f"{stored.partition(':')[0]}:min_rating=3", "gone.csv:min_rating=2"):
        with pytest.raises(UsageError, match="nothing to compare"):
            compare("popular", "random", dataset=other)


def test_other_protocols_are_left_out(
    tiny: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recbench.run(["popular", "random"], tiny)
    monkeypatch.setattr(recbench.experiment, "PROTOCOL", recbench.experiment.PROTOCOL - 1)
    recbench.run(["popular", "popular:rule=rated"], tiny)
    stored = Store("results").all()
    assert len(stored) == 4
    sections = stored.sections()
    assert len(sections) == 2
    assert all(
        len({cell.setting.protocol for cell in section.results}) == 1 for section in sections
    )
    code, out, err = _call(capsys, "table")
    assert code == 0
    assert "popular:rule=rated" not in out
    assert "2 results from version" in " ".join((out + err).split())
    code, _, err = _call(capsys, "compare", "popular", "popular:rule=rated")
    assert code == 2
    assert "2 results from version" in err
    assert len(compare("popular", "random")) == 3


def test_all_numbers_of_a_small_example(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"u{user},{item}" for user in range(5) for item in ("x5", "x6", "t")]
    lines += [f"v{number},x{number}" for number in range(5)]
    Path("log.csv").write_text("user,item\n" + "\n".join(lines) + "\n")
    recs = {
        "mine": _lists("mine.csv", [1, 1, 1, 2, 4]),
        "yours": _lists("yours.csv", [2, 1, 3, 1, 5]),
    }
    recbench.run([], "log.csv", recs=recs, ks=(1, 3))
    code, out, err = _call(capsys, "compare", "mine", "yours", "--metrics", "hit,mrr")
    assert code == 0, err
    table = [re.split("  +", line) for line in out.splitlines() if "  " in line]
    lines_by_label = {line[0]: line[1:] for line in table}
    assert lines_by_label["mine"] in (["0.6000", "0.8000"], ["0.6000", "0.7000"])
    blocks = out.split("\n\n")
    assert blocks[0] == "log.csv, leave-last-out"
    hit, mrr = (
        {line[0]: line[1:] for line in (re.split("  +", text) for text in block.splitlines())}
        for block in blocks[1:3]
    )
    assert hit[""] == ["HR@1", "HR@3"]
    assert hit["mine"] == ["0.6000", "0.8000"]
    assert hit["yours"] == ["0.4000", "0.8000"]
    assert hit["difference"] == ["+0.2000", "+0.0000"]
    assert hit["p"] == ["0.62", "1"]
    assert hit["users for whom mine is better"] == ["2", "0"]
    assert hit["users for whom yours is better"] == ["1", "0"]
    assert hit["users without a difference"] == ["2", "5"]
    assert mrr["mine"] == ["0.6000", "0.7000"]
    assert mrr["yours"] == ["0.4000", "0.5667"]
    assert mrr["users for whom mine is better"] == ["2", "2"]
    assert hit["95% interval"][1] == "[+0.0000, +0.0000]"
    assert "Difference: mine minus yours, on the same users" in out


def test_long_names_stay_readable_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, busy: str
) -> None:
    monkeypatch.setattr(recbench.report.text, "terminal", lambda: 80)
    recbench.run(["popular:rule=rated", "popular:rule=consumed"], busy)
    code, out, _ = _call(capsys, "compare", "popular:rule=rated", "popular:rule=consumed")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80


def test_impossible_comparisons_are_usage_errors(
    capsys: pytest.CaptureFixture[str], tiny: str
) -> None:
    recbench.run(["popular", "random"], tiny)
    for args, message in (
        ("popular popular", "are the same model"),
        ("popular populr", "no result of 'populr' (did you mean 'popular'?)"),
        ("popular random --k 77", "recbench run popular random"),
        ("popular random --metrics coverage", "the metric has no value per case"),
        ("popular random --metrics ndgc", "did you mean 'ndcg'"),
        ("popular random --dataset other", "nothing to compare"),
        ("popular random --results nowhere", "no result of 'popular'. To run both"),
    ):
        code, out, err = _call(capsys, "compare", *args.split())
        assert (code, out) == (2, ""), args
        assert message in err, args


def test_a_failed_result_cannot_be_compared(tiny: str) -> None:
    class BrokenModel:
        def fit(self, train: Interactions) -> None:
            raise RuntimeError("no")

        def score(self, history: Interactions) -> None:
            pass

    plugins = load_plugins(broken=plugin(models={"broken": BrokenModel}))
    recbench.run(["popular", "broken"], tiny, plugins=plugins)
    with pytest.raises(UsageError, match="no result of 'broken'"):
        compare("popular", "broken")


def test_the_frame_has_what_the_text_has(busy: str) -> None:
    recbench.run(["popular", "random"], busy, ks=(5, 10), seed=(0, 1))
    comparisons = compare("popular", "random", ks=10, metrics="ndcg, HR")
    frame = comparisons.to_frame()
    assert tuple(frame) == COLUMNS
    assert list(zip(frame["metric"], frame["k"], strict=True)) == [("ndcg", 10), ("hit", 10)]
    first, row = comparisons[0], frame.iloc[0]
    assert (row["dataset"], row["split"]) == ("busy.csv", "leave-last-out")
    assert (row["first"], row["second"]) == ("popular", "random")
    assert row["first_value"] - row["second_value"] == pytest.approx(row["difference"])
    paired = first.paired
    assert (row["low"], row["high"], row["p"]) == (paired.low, paired.high, paired.p)
    assert row["wins"] + row["losses"] + row["ties"] == 60
    html = comparisons._repr_html_()
    for text in (f"{row['difference']:+.4f}", "NDCG@10", "random is the mean of 2 seeds."):
        assert text in str(comparisons)
        assert text in html


class Mine:
    """A model that is given as a class."""

    def fit(self, train: Interactions) -> "Mine":
        return self

    def score(self, history: Interactions) -> Any:
        return np.tile(np.arange(history.n_items), (len(history), 1))


def test_models_and_datasets_can_be_given_as_objects(busy: str) -> None:
    frame, other = pd.read_csv(busy), pd.read_csv(busy).query("item != 7")
    recbench.run(["popular", Mine], [recbench.load_dataset(frame), busy], ks=10)
    recbench.run(["popular", {"other": Mine}], [other], ks=10)
    assert len(compare(Mine, "popular", dataset=frame)) == 2  # the same content under two names
    assert len(compare(Mine, "popular", dataset=recbench.load_dataset(frame))) == 2
    assert len(compare(Mine, "popular", dataset=Path(busy))) == 1
    (found,) = compare({"other": Mine}, "popular", dataset=other)
    assert found.section.setting.n_items == 39
    with pytest.raises(UsageError, match="no results of both"):
        compare(Mine, "popular", dataset=other)
