"""The selfcheck: models get their known metrics, and faults in the referee are found."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import plugin

import recbench
from recbench import Interactions, Split, load_dataset, load_plugins
from recbench.cli.main import main
from recbench.evaluation import counting, referee
from recbench.oracles import Oracle, TyingOracle
from recbench.selfcheck import COLUMNS, Check, SelfCheck, Shuffled, _chance, _sizes, selfcheck

MODULE = importlib.import_module("recbench.selfcheck")  # `recbench.selfcheck` is the function

SMALL = "synthetic:users=150,items=60,interactions=3000"
"""A dataset small enough for many runs."""

SPLITS = [
    "leave-last-out",
    "leave-last-basket",
    "temporal",
    "temporal:targets=all",
    "windows",
    "windows:length=5,step=1",
    "leave-n-out:n=3",
    "random",
    "random:by=log,share=0.6",
    "sessions",
    "sessions:targets=each",
    "users:share=0.7",
]


def _wrong(checks: SelfCheck) -> set[str]:
    return {check.name.partition(",")[0] for check in checks if not check.holds}


@pytest.mark.parametrize("split", SPLITS)
def test_all_checks_hold_for_every_split(busy: str, split: str) -> None:
    checks = selfcheck(busy, split=split)
    assert len(checks) == 36
    assert not _wrong(checks)
    actual = {check.name: check.actual for check in checks}
    assert actual["oracle, NDCG@1"] == 1
    assert actual["oracle that prefers seen items, NDCG@1"] == 1


def test_all_checks_hold_if_repeats_are_kept(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    path = tmp_path / "log.csv"
    lines = [f"u{u},i{i},{t}" for t, (u, i) in enumerate(draw.integers(0, (30, 20), (600, 2)))]
    path.write_text("user,item,time\n" + "\n".join(lines) + "\n")
    sessions = "sessions:share=0.5,gap=0.5,targets=each"  # a user has equal histories
    for split in ("leave-last-out", "temporal:targets=all", sessions):
        checks = selfcheck(f"{path}:repeats=keep", split=split)
        assert len(checks) == 24  # there are no checks of masking, because nothing is masked
        assert not _wrong(checks)


def test_all_checks_hold_on_the_default_dataset() -> None:
    assert not _wrong(selfcheck())


def test_all_checks_hold_if_the_catalogue_is_smaller_than_k(tiny: str) -> None:
    assert not _wrong(selfcheck(tiny))


def test_all_checks_hold_on_movielens(real: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = real("ml-100k/u.data").parent.parent
    with pytest.raises(SystemExit) as stop:
        main(["selfcheck", "--dataset", "ml-100k", "--data-dir", str(folder)])
    assert stop.value.code == 0
    assert "36 checks, none wrong" in capsys.readouterr().out


def _no_masking(monkeypatch: pytest.MonkeyPatch) -> None:
    original = referee.rank_scores

    def rank(scores: Any, targets: Any, offsets: Any, masked: Any, depth: int) -> Any:
        return original(scores, targets, offsets, None, depth)

    monkeypatch.setattr(referee, "rank_scores", rank)


def _ties(monkeypatch: pytest.MonkeyPatch, above: Any) -> None:
    original = referee.rank_scores

    def rank(*args: Any) -> Any:
        ranks, tied, lists = original(*args)
        return above(ranks, tied), np.ones_like(tied), lists

    monkeypatch.setattr(referee, "rank_scores", rank)


def _off_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _ties(monkeypatch, lambda above, tied: above + 1)


def _optimistic(monkeypatch: pytest.MonkeyPatch) -> None:
    _ties(monkeypatch, lambda above, tied: above)


def _pessimistic(monkeypatch: pytest.MonkeyPatch) -> None:
    _ties(monkeypatch, lambda above, tied: above + tied - 1)


def _average(monkeypatch: pytest.MonkeyPatch) -> None:
    _ties(monkeypatch, lambda above, tied: above + tied // 2)


def _masked_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the referee mask targets too."""
    monkeypatch.setattr(
        referee,
        "rank_scores",
        lambda s, t, o, m, d: _all_below(counting.rank_scores(s, t, o, m, d)),
    )


def _all_below(ranks: Any) -> Any:
    return np.full_like(ranks[0], 10**6), ranks[1], ranks[2]


@pytest.mark.parametrize(
    ("plant", "caught_by"),
    [
        (
            _no_masking,
            {"constant", "model that prefers seen items", "oracle that prefers seen items"},
        ),
        (
            _optimistic,
            {"constant", "model that prefers seen items", "oracle with ties", "oracle, shuffled"},
        ),
        (_pessimistic, {"constant", "model that prefers seen items", "oracle with ties"}),
        (_average, {"constant", "model that prefers seen items", "oracle with ties"}),
        (_off_by_one, {"constant", "oracle", "oracle with ties", "oracle that prefers seen items"}),
        (
            _masked_target,
            {"constant", "oracle", "oracle with ties", "oracle that prefers seen items"},
        ),
    ],
)
def test_faults_in_the_referee_are_found_and_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    busy: str,
    plant: Any,
    caught_by: set[str],
) -> None:
    plant(monkeypatch)
    with pytest.raises(SystemExit) as stop:
        main(["selfcheck", "--dataset", busy])
    assert stop.value.code == 1
    out = capsys.readouterr().out
    wrong = [line for line in out.splitlines() if line.endswith("WRONG")]
    assert f"36 checks, {len(wrong)} wrong" in out
    for name in caught_by:
        prefix = name if "shuffled" in name else f"{name}, "
        lines = [line for line in wrong if line.startswith(prefix)]
        assert [line for line in lines if ("shuffled" in line) == ("shuffled" in name)], (name, out)
    if "oracle, shuffled" in caught_by:
        assert sum("shuffled" in line for line in wrong) >= 2


def test_a_splitter_that_draws_new_targets_each_time_is_found() -> None:
    """The oracle knows the first split, and is evaluated on the second."""
    assert "oracle" in _wrong(_with_splitter(Restless()))


class Restless:
    """A splitter that returns different targets each time."""

    def __init__(self) -> None:
        self.draw = np.random.default_rng(0)

    def split(self, interactions: Interactions) -> Split:
        targets = self.draw.integers(0, interactions.n_items, len(interactions))
        return Split(interactions, interactions, targets)


def _with_splitter(splitter: Any) -> SelfCheck:
    plugins = load_plugins(mine=plugin(splitters={"restless": lambda: splitter}))
    return selfcheck(SMALL, split="restless", plugins=plugins)


def test_shuffled_targets_are_uniform_over_unseen_items() -> None:
    data = load_dataset("synthetic:users=40,items=12,interactions=240")
    splitter = recbench.load_plugins().build("splitters", recbench.spec.Spec("leave-last-out"))
    split = splitter.split(data.interactions)
    counts = np.zeros((len(split.judged), 12))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "MAX_DRAWS", 3000)
        drawn = Shuffled(split, data).parts
    rows = np.tile(np.arange(len(split.judged)), 3000)
    assert len(drawn.judged) == len(rows)
    np.add.at(counts, (rows, drawn.targets), 1)
    for row, items in enumerate(split.history.take(split.judged).sequences()):
        free = np.setdiff1d(np.arange(12), items)
        assert counts[row].sum() == counts[row, free].sum() == 3000
        expected = 3000 / len(free)
        assert (np.abs(counts[row, free] - expected) < 5 * np.sqrt(expected)).all()


def test_the_bound_on_chance_holds_for_many_draws() -> None:
    """With targets drawn with many seeds, popularity gets chance on average, within the bound."""
    data = load_dataset(SMALL)
    splitter = recbench.load_plugins().build("splitters", recbench.spec.Spec("leave-last-out"))
    split = splitter.split(data.interactions)
    counts = np.bincount(split.train.items, minlength=60)
    history = split.history.take(split.judged)
    scores = np.tile(counts.astype(float), (len(history), 1))
    gains = 1 / np.log2(np.arange(2, 12))
    chance, variance = _chance(_sizes(split, data), "ndcg", 10)
    free = [np.setdiff1d(np.arange(60), items) for items in history.sequences()]
    values = []
    for seed in range(200):
        draw = np.random.default_rng([seed, 7])
        targets = np.array([draw.choice(items) for items in free])
        offsets = np.arange(len(targets) + 1)
        above, tied, _ = counting.rank_scores(scores, targets, offsets, history, 1)
        values.append(recbench.Ranking(above, tied).expectation(gains).mean())
    off = np.array(values) - chance
    assert abs(off.mean()) < 4 * np.sqrt(variance / 200)
    assert off.std() < 1.15 * np.sqrt(variance)  # ties reduce it
    luck = np.log(2 / MODULE.FALSE_ALARM)
    assert np.abs(off).max() < np.sqrt(2 * variance * luck) + luck / (3 * len(targets))


def test_the_oracle_scores_only_the_targets_of_each_case() -> None:
    data = load_dataset(SMALL)
    splitter = recbench.load_plugins().build("splitters", recbench.spec.Spec("leave-last-out"))
    split = splitter.split(data.interactions)
    scores = Oracle(split).score(split.history.take([3]))
    assert scores.sum() == 1
    assert scores[0, split.targets[3]] == 1


def test_the_oracle_with_ties_ties_each_target_with_one_unseen_item() -> None:
    data = load_dataset(SMALL)
    splitter = recbench.load_plugins().build("splitters", recbench.spec.Spec("leave-last-out"))
    split = splitter.split(data.interactions)
    history = split.history.take([3])
    scores = TyingOracle(split).score(history)
    assert scores.max() == 1
    assert scores.sum() == 2
    assert scores[0, split.targets[3]] == 1
    assert scores[0, history.items].sum() == 0


def test_the_frame_has_a_row_for_each_check() -> None:
    checks = selfcheck(SMALL)
    frame = checks.to_frame()
    assert tuple(frame) == COLUMNS
    assert len(frame) == len(checks)
    oracle = frame[(frame["model"] == "oracle") & (frame["metric"] == "ndcg")]
    assert oracle["k"].tolist() == [1, 5, 10]
    assert oracle["actual"].tolist() == oracle["expected"].tolist() == [1, 1, 1]
    assert oracle["bound"].tolist() == [0, 0, 0]
    drawn = frame[frame["bound"] > 1e-3]
    assert drawn["model"].unique().tolist() == [
        "oracle, shuffled targets",
        "popular, shuffled targets",
    ]
    assert ((drawn["actual"] - drawn["expected"]).abs() <= drawn["bound"]).all()
    assert frame["holds"].all()
    assert set(frame["status"]) == {"ok"}
    html = checks._repr_html_()
    assert "oracle that prefers seen items, Recall@10" in html
    assert f"{len(checks)} checks, none wrong." in html


def test_a_wrong_check_is_wrong_everywhere() -> None:
    wrong = Check("oracle", "ndcg", 10, expected=1.0, actual=0.5, bound=0.0)
    failed = Check("oracle", "ndcg", 5, 1.0, float("nan"), 0.0, "failed: it raised ValueError")
    checks = SelfCheck([wrong, failed])
    assert not checks.holds
    assert [check.holds for check in checks] == [False, False]
    assert str(checks).count("WRONG") == 2
    assert "failed: it raised ValueError" in str(checks)
    assert "2 checks, 2 wrong." in str(checks)
    assert checks.to_frame()["holds"].tolist() == [False, False]


def test_data_can_be_given_as_objects() -> None:
    log = pd.DataFrame({"user": np.repeat(np.arange(20), 5), "item": np.arange(100) % 33})
    assert selfcheck(log).holds
    assert selfcheck(recbench.load_dataset(SMALL)).holds
