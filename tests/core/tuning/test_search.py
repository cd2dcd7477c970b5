"""Searches: trials that depend on nothing but the seed, and are shared, lost and run again."""

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from made_studies import made_search, options_of, search_on, value_of

from recbench import Choice, Float, Int, RecbenchError
from recbench.tuning.records import read_studies
from recbench.tuning.search import JOURNAL, Search
from recbench.tuning.study import FAILED, OK, STOPPED, StudyTrial

pytest.importorskip("optuna")


@pytest.fixture(autouse=True, scope="module")
def _fast() -> Iterator[None]:
    """Do not wait for the disk, as no test ends the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        yield


RANGES = {"x": Float(0, 1), "n": Int(1, 500, log=True)}
DEFAULTS = {"x": 0.5, "n": 10}


def _journal(folder: Path) -> Path:
    (path,) = folder.glob(f"*/*/*/{JOURNAL}")
    return path


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[StudyTrial], Path]:
    """Return the 14 trials of a search that nothing disturbed, and its folder of results."""
    folder = tmp_path_factory.mktemp("alone")
    with made_search(folder, RANGES, DEFAULTS, max_trials=14) as search:
        return search_on(search), folder


def test_trials_are_numbered_and_stored(alone: tuple[list[StudyTrial], Path]) -> None:
    trials, folder = alone
    assert [trial.number for trial in trials] == list(range(14))
    (study,) = read_studies(folder)
    assert list(study.trials) == trials
    assert trials[0].model == "mine"
    assert trials[0].options == {"x": "0.5", "n": "10"}
    assert len({trial.options["x"] for trial in trials}) > 10
    for trial in trials[1:]:
        assert 0 <= float(trial.options["x"]) <= 1
        assert 1 <= int(trial.options["n"]) <= 500
        assert re.fullmatch(r"[01]|\d(\.0*)?\d{0,3}(e-\d+)?", trial.options["x"])
        assert trial.model == f"mine:n={trial.options['n']},x={trial.options['x']}"
    assert not list(folder.glob("*/*/*/workers/*"))


def test_another_seed_gives_other_trials(
    tmp_path: Path, alone: tuple[list[StudyTrial], Path]
) -> None:
    with made_search(tmp_path, RANGES, DEFAULTS, max_trials=3, seed=1) as search:
        other = options_of(search_on(search))
    assert other[0] == options_of(alone[0])[0]
    assert other[1:] != options_of(alone[0])[1:3]


@pytest.mark.parametrize("loss", ["none", "journal", "damaged", "half", "torn", "trials", "lock"])
def test_a_search_that_is_resumed_has_the_same_trials(
    loss: str,
    tmp_path: Path,
    alone: tuple[list[StudyTrial], Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with made_search(tmp_path, RANGES, DEFAULTS, max_trials=6) as search:
        search_on(search)
    path = _journal(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    if loss == "journal":
        path.unlink()
    elif loss == "damaged":
        path.write_bytes(b"".join([*lines[:3], b"{damaged\n", *lines[3:]]))
    elif loss == "half":  # as if killed while a missing journal was written again
        path.write_bytes(b"".join(lines[: len(lines) // 2]))
    elif loss == "torn":
        path.write_bytes(b"".join(lines) + b'{"op_code": 4, "worker')
    elif loss == "trials":
        path.with_name("trials.json").unlink()
    elif loss == "lock":  # of optuna, when it is killed in the middle of a line
        path.with_name(f"{JOURNAL}.lock").symlink_to(path)
    began = time.monotonic()
    stored = [] if loss == "trials" else [*read_studies(tmp_path)[0].trials]
    with caplog.at_level(logging.WARNING):
        again = made_search(tmp_path, RANGES, DEFAULTS, max_trials=14, trials=tuple(stored))
        with again as search:
            assert len(search.study.trials) == 6
            trials = search_on(search)
    assert options_of(trials) == options_of(alone[0])
    assert ("is damaged" in caplog.text) == (loss == "damaged")
    assert time.monotonic() - began < 20  # optuna waits 30 s for its own lock
    (study,) = read_studies(tmp_path)
    assert len(study.trials) == 14


def test_a_line_that_another_process_has_torn_is_removed_while_this_one_works(
    tmp_path: Path, alone: tuple[list[StudyTrial], Path]
) -> None:
    with made_search(tmp_path, RANGES, DEFAULTS, max_trials=6) as search:
        for torn in (b"", b'{"op_code": 8, "worker', b"\x00" * 9, b"{"):
            with _journal(tmp_path).open("ab") as file:
                file.write(torn)
            claim = search.claim()
            assert claim is not None
            search.end(claim, OK, value_of(claim), 1.0)
        trials = search_on(search)
    assert options_of(trials) == options_of(alone[0])[:6]


def test_a_trial_of_a_killed_process_is_run_again_under_its_number(
    tmp_path: Path, alone: tuple[list[StudyTrial], Path]
) -> None:
    with made_search(tmp_path, RANGES, DEFAULTS, max_trials=4) as first:
        for _ in range(2):
            claim = first.claim()
            assert claim is not None
            first.end(claim, OK, value_of(claim), 1.0)
        lost = first.claim()
        assert lost is not None
    with made_search(tmp_path, RANGES, DEFAULTS, max_trials=4) as second:
        assert len(second.study.trials) == 2
        again = second.claim()
        assert again is not None
        assert (again.number, again.options) == (lost.number, lost.options)
        second.end(again, OK, value_of(again), 1.0)
        trials = search_on(second)
    assert options_of(trials) == options_of(alone[0])[:4]


def test_a_trial_that_was_only_begun_is_given_up(
    tmp_path: Path, alone: tuple[list[StudyTrial], Path]
) -> None:
    """A process can be killed between any two lines that it writes to the journal."""
    with made_search(tmp_path, RANGES, DEFAULTS, max_trials=4) as search:
        search._journal.enqueue_trial({"x": 0.9, "n": 3})
        search._journal.ask()
        search._journal.enqueue_trial({"x": 0.9, "n": 3})
    with made_search(tmp_path, RANGES, DEFAULTS, max_trials=4) as search:
        assert options_of(search_on(search)) == options_of(alone[0])[:4]


def test_searches_share_trials_and_never_exceed_the_budget(tmp_path: Path) -> None:
    with (
        made_search(tmp_path, RANGES, DEFAULTS, max_trials=3) as first,
        made_search(tmp_path, RANGES, DEFAULTS, max_trials=3) as second,
    ):
        claims = [first.claim(), second.claim(), first.claim()]
        assert [claim and claim.number for claim in claims] == [0, 1, 2]
        assert first.claim() is second.claim() is None
        assert first.is_waiting()
        assert second.is_waiting()
        for search, claim in zip((first, second, first), claims, strict=True):
            assert claim is not None
            search.end(claim, OK, value_of(claim), 1.0)
        assert first.claim() is second.claim() is None
        assert not first.is_waiting()
        second.refresh()
        assert first.study.trials == second.study.trials
    assert len({str(claim.options) for claim in claims if claim}) == 3
    (study,) = read_studies(tmp_path)
    assert len(study.trials) == 3


def test_a_trial_that_another_process_loses_is_claimed_by_the_one_that_waits(
    tmp_path: Path,
) -> None:
    with ExitStack() as lives, made_search(tmp_path, RANGES, max_trials=1) as second:
        first = lives.enter_context(made_search(tmp_path, RANGES, max_trials=1))
        assert first.claim() is not None
        assert second.claim() is None
        assert second.is_waiting()
        lives.close()
        assert second.claim() is not None


def test_a_model_without_a_space_has_one_trial_whoever_runs_it(tmp_path: Path) -> None:
    with made_search(tmp_path, {}) as first, made_search(tmp_path, {}) as second:
        claim = first.claim()
        assert claim is not None
        assert (claim.model, claim.options) == ("mine", {})
        assert second.claim() is None
        first.end(claim, FAILED, float("nan"), 1.0, "no")
        assert first.claim() is second.claim() is None
        assert not second.is_waiting()


@pytest.mark.parametrize(
    ("ranges", "defaults", "known"),
    [
        ({"x": Float(0, 1)}, {"x": 0.98765}, {"x": "0.98765"}),
        ({"x": Float(0, 1), "n": Int(1, 9)}, {"n": 3}, {"n": "3"}),
        ({"x": Float(0, 1)}, {}, {}),
    ],
)
def test_the_default_is_first_with_the_options_that_are_known(
    ranges: Any, defaults: Any, known: dict[str, str], tmp_path: Path
) -> None:
    with made_search(tmp_path, ranges, defaults, max_trials=3) as search:
        trials = search_on(search)
    assert (trials[0].model, trials[0].options) == ("mine", known)
    assert all(trial.options.keys() == ranges.keys() for trial in trials[1:])
    _journal(tmp_path).unlink()
    with made_search(tmp_path, ranges, defaults, max_trials=3, trials=tuple(trials)) as search:
        assert list(search.study.trials) == trials


FINITE = {"a": Choice("u", "v", True), "n": Int(1, 4)}


@pytest.mark.parametrize("defaults", [{"a": "v", "n": 2}, {"a": "v"}, {}])
def test_no_combination_of_few_is_tried_twice(defaults: Any, tmp_path: Path) -> None:
    """Failed trials are not tried again either; unknown default options are one more trial."""
    with made_search(tmp_path, FINITE, defaults, max_trials=50) as search:
        while (claim := search.claim()) is not None:
            assert claim.same_as is None
            state = FAILED if claim.number % 3 == 1 else OK
            search.end(claim, state, 0.5 if state == OK else float("nan"), 1.0)
        trials = search.study.trials
        assert search.study.exhausted
        assert not search.has_budget()
    assert len({str(sorted(trial.options.items())) for trial in trials}) == len(trials)
    assert len(trials) == (12 if len(defaults) == 2 else 13)


def test_searches_that_run_together_try_no_combination_twice(tmp_path: Path) -> None:
    with ExitStack() as lives:
        searches = [
            lives.enter_context(made_search(tmp_path, {"n": Int(1, 3)}, {"n": 2})) for _ in range(4)
        ]
        claims = [search.claim() for search in searches]
        assert [claim is None for claim in claims] == [False, False, False, True]
        assert sorted(claim.options["n"] for claim in claims if claim) == ["1", "2", "3"]


def test_of_many_combinations_known_ones_are_not_run_again(tmp_path: Path) -> None:
    """Numbers are written with 12 digits, so these are all 1.5."""
    with made_search(tmp_path, {"x": Float(1.5, 1.5 + 1e-13)}, max_trials=4) as search:
        claims = []
        while (claim := search.claim()) is not None:
            claims.append(claim)
            search.end(claim, OK, 0.5, 1.0)
    assert [claim.same_as and claim.same_as.number for claim in claims] == [None, None, 1, 1]


def test_huge_ranges_take_no_memory(tmp_path: Path) -> None:
    with made_search(tmp_path, {"n": Int(1, 10**12, log=True)}, max_trials=2) as search:
        assert len(search_on(search)) == 2


def test_a_budget_in_seconds_ends_but_not_before_the_default(tmp_path: Path) -> None:
    budget = {"max_trials": None, "max_seconds": 3.0}
    with (
        made_search(tmp_path, RANGES, DEFAULTS, **budget) as first,
        made_search(tmp_path, RANGES, DEFAULTS, **budget) as second,
    ):
        default = first.claim()
        assert default is not None
        other = second.claim()
        assert other is not None
        second.end(other, STOPPED, float("nan"), 3.5, "over")
        assert first.claim() is second.claim() is None
        assert first.seconds_left() < 0
    with made_search(tmp_path, RANGES, DEFAULTS, **budget) as third:  # the default is lost
        again = third.claim()
        assert again is not None
        assert again.number == 0
        third.end(again, OK, 0.5, 1.0)
        assert third.claim() is None
        assert [trial.state for trial in third.study.trials] == [OK, STOPPED]


def test_time_that_runs_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with made_search(tmp_path, RANGES, DEFAULTS, max_trials=None, max_seconds=60.0) as search:
        assert search.claim() is not None
        began = next(iter(search._running()))["began"]
        monkeypatch.setattr("recbench.tuning.search.time.time", lambda: began + 61)
        assert search.seconds_left() == pytest.approx(-1)
        assert search.claim() is None


@pytest.fixture
def known(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Search]:
    """Yield a search with six judged trials that reported 1, 2, 3, 4, 5 and 6 at every step."""
    better = getattr(request, "param", "higher")
    with made_search(tmp_path, RANGES, DEFAULTS, max_trials=20, better=better) as search:
        for _ in range(6):
            claim = search.claim()
            assert claim is not None
            for step in range(5):
                search.report(claim, claim.number + 1.0, step)
            search.end(claim, OK, value_of(claim), 1.0)
        yield search


@pytest.mark.parametrize("known", ["higher", "lower"], indirect=True)
def test_trials_below_the_median_are_pruned_after_a_warm_up(known: Search) -> None:
    """Reported values are better if they are higher, whatever the metric of the study."""
    good, poor = known.claim(), known.claim()
    assert good is not None
    assert poor is not None
    for step in range(3):
        known.report(poor, 1.0, step)
    for step in range(5):
        known.report(good, 5.0, step)
    assert not good.pruned
    with pytest.raises(RecbenchError, match="pruned at step 3: other trials were better there"):
        known.report(poor, 1.0, 3)
    assert poor.pruned


def test_the_same_step_counts_once_and_too_many_are_ignored(
    known: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recbench.tuning.search.MOST_REPORTS", 4)
    claim = known.claim()
    assert claim is not None
    for _ in range(9):
        known.report(claim, 1.0, 0)
    assert claim.reported == [0]
    for step in range(1, 9):
        known.report(claim, 9.0, step)
    assert claim.reported == [0, 1, 2, 3]


def test_the_trial_of_the_default_options_is_never_pruned(tmp_path: Path) -> None:
    with (
        made_search(tmp_path, RANGES, DEFAULTS, max_trials=20) as first,
        made_search(tmp_path, RANGES, DEFAULTS, max_trials=20) as second,
    ):
        default = first.claim()
        assert default is not None
        for _ in range(6):
            claim = second.claim()
            assert claim is not None
            for step in range(5):
                second.report(claim, 3.0, step)
            second.end(claim, OK, 0.5, 1.0)
        for step in range(5):
            first.report(default, 0.0, step)
        assert not default.pruned
        assert default.reported == [0, 1, 2, 3, 4]


def test_lower_values_guide_the_search_if_they_are_better(tmp_path: Path) -> None:
    with made_search(tmp_path, RANGES, DEFAULTS, max_trials=3, better="lower") as search:
        search_on(search, lambda claim: abs(claim.number - 1.0))
        assert search._journal.direction.name == "MINIMIZE"
        assert search._journal.best_value == 0
        assert search.study.best is not None
        assert search.study.best.number == 1


def test_a_relative_folder_of_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with made_search("results", RANGES, DEFAULTS, max_trials=2) as search:
        assert len(search_on(search)) == 2
    assert len(read_studies("results")) == 1
    assert json.loads(_journal(tmp_path / "results").read_text().splitlines()[0])


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the way")
    with pytest.raises(RecbenchError, match="choose another folder with --results"):
        made_search(tmp_path, RANGES).__enter__()


def test_a_journal_that_cannot_be_written_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with made_search(tmp_path, RANGES, DEFAULTS) as search:
        backend = sys.modules["optuna.storages.journal"].JournalFileBackend
        with monkeypatch.context() as patch:
            patch.setattr(backend, "append_logs", full)
            with pytest.raises(RecbenchError, match=r"No space left on device\. Free some space"):
                search.claim()
        assert len(search_on(search)) == 5
