"""Tuning, as users call it from Python: what is tried, on which data, and what is made of it."""

from __future__ import annotations

import logging
import math
import os
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from helpers import plugin
from made_tuning import fits, write_log, write_model

import recbench
from recbench import Float, RecbenchError, UsageError, load_plugins, tune
from recbench.tune import TuningInterrupted


@pytest.fixture
def log() -> str:
    return write_log()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Any:
    """Return a function that returns what the log has said since the last call."""
    caplog.set_level(logging.INFO, logger="recbench")

    def read() -> str:
        text = "\n".join(record.getMessage() for record in caplog.records)
        caplog.clear()
        return text

    return read


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run models in this process, which is faster."""
    monkeypatch.setattr(recbench.experiment, "AVAILABLE", False)


def _text(shown: Any) -> str:
    """Return a text without line breaks."""
    return " ".join(str(shown).split())


def _options(tuning: Any, study: int = 0) -> list[dict[str, str]]:
    return [dict(trial.options) for trial in tuning.studies[study].trials]


def test_every_model_gets_the_same_number_of_trials(quick: None, log: str) -> None:
    mine, other = write_model(), write_model(path="other.py")
    tuning = tune([mine, other, "popular"], log, trials=3)
    assert [len(study.trials) for study in tuning.studies] == [3, 3, 1]
    assert [trial.number for trial in tuning.studies[0].trials] == [0, 1, 2]
    frame = tuning.to_frame().set_index("model")
    assert frame.index.tolist() == ["mine.py:Mine", "other.py:Mine", "popular"]
    assert frame.loc["popular", "remark"] == "not tuned"
    text = str(tuning)
    assert "Budget: 3 trials per model" in " ".join(text.split())
    assert "popular (not tuned)" in text


def test_the_first_trial_has_the_default_options_and_the_best_is_judged_once(
    quick: None, log: str
) -> None:
    tuning = tune(write_model(), log, trials=4, seed=(0, 1))
    (study,) = tuning.studies
    tried = [line.split() for line in fits()]
    n_train = {line[2] for line in tried[:4]}
    assert tried[0][:2] == ["0.5", "3"]
    assert n_train == {str(400 - 2 * 40)}
    assert [line[2] for line in tried[4:]] == [str(400 - 40)] * 2
    assert [line[3] for line in tried] == ["0"] * 5 + ["1"]
    best = max(study.trials, key=lambda trial: trial.value)
    assert study.best == best
    assert tuning.best == {"Mine": best.model}
    assert [tuple(line[:2]) for line in tried[4:]] == [
        (best.options["a"], best.options["n"]),
    ] * 2
    assert tuning.results is not None
    assert {result.model for result in tuning.results} == {best.model}
    assert all(result.tuned.n_trials == 4 for result in tuning.results if result.tuned)
    assert "(tuned: 4 trials)" in _text(tuning.results)


def test_trials_are_judged_as_in_run(quick: None, log: str) -> None:
    """The value of a trial is that of the same model on the training part alone."""
    tuning = tune(write_model(), log, trials=2)
    frame = pd.read_csv(log)
    without_last = frame[frame["time"] < 9]
    for trial in tuning.studies[0].trials:
        (again,) = recbench.run(
            [trial.model.replace("Mine", "mine.py")], without_last, results=None
        )
        assert again.value("ndcg", 10).mean == pytest.approx(trial.value, abs=1e-12)


def test_stored_trials_are_used_again_and_more_can_follow(quick: None, log: str, said: Any) -> None:
    mine = write_model()
    first = tune(mine, log, trials=3)
    assert len(fits()) == 4
    said()
    again = tune(mine, log, trials=3)
    assert len(fits()) == 4
    assert "Mine: using 3 stored trials" in said()
    assert again.studies[0].trials == first.studies[0].trials
    more = tune(mine, log, trials=5)
    assert more.studies[0].trials[:3] == first.studies[0].trials
    assert len(more.studies[0].trials) == 5
    alone = tune(mine, log, trials=5, results="alone")
    assert _options(alone) == _options(more)
    fewer = tune(mine, log, trials=2)
    assert fewer.studies[0].trials == first.studies[0].trials[:2]
    assert fewer.results is not None
    assert fewer.results[0].tuned == fewer.studies[0].tuned
    assert fewer.to_frame()["trials"].tolist() == [2]
    assert len(recbench.trials(mine)[0].trials) == 5


def test_what_starts_anew_is_said_and_nothing_is_lost(log: str, said: Any) -> None:
    mine = write_model()
    tune(mine, log, trials=1)
    said()
    changes: dict[str, Any] = {
        "the search space has changed": {"space": ["mine.py:a=0..0.3"]},
        "the metric was NDCG@10": {"metric": "mrr@5"},
        "the tuning seed was 0": {"tuning_seed": 1},
        "it was run in a separate process": {"in_process": True},
    }
    for why, change in changes.items():
        tune(mine, log, trials=1, **change)
        assert f"Mine: tuning starts from the beginning: {why}" in said()
    write_model("# changed")
    tune(mine, log, trials=1)
    assert (
        "Mine: tuning starts from the beginning: the code of plugin mine.py has changed" in said()
    )
    write_log(users=41)
    tune(mine, log, trials=1)
    assert "Mine: tuning starts from the beginning: the data have changed" in said()
    stored = recbench.trials()
    assert len(stored) == len(changes) + 3
    assert len({study.key for study in stored}) == len(stored)
    write_model()
    write_log()
    n_fits = len(fits())
    tune(mine, log, trials=1)
    assert "Mine: using 1 stored trial" in said()
    assert len(fits()) == n_fits


def test_a_space_edited_in_the_file_starts_anew(quick: None, log: str, said: Any) -> None:
    mine = write_model()
    tune(mine, log, trials=2)
    said()
    write_model(space="dict(a=recbench.Float(0.9, 1))")
    tuning = tune(mine, log, trials=2)
    assert "the search space has changed" in said()
    assert [{*options} for options in _options(tuning)] == [set(), {"a"}]
    assert float(tuning.studies[0].trials[1].options["a"]) >= 0.9


def test_failed_trials_count_and_have_reasons(log: str) -> None:
    mine = write_model("if count == 2:", "    raise ValueError(f'a is {self.a}')")
    tuning = tune([mine, "popular"], log, trials=3)
    (study, _) = tuning.studies
    assert [trial.state for trial in study.trials] == ["ok", "failed", "ok"]
    a = study.trials[1].options["a"]
    assert f"ValueError: a is {a}" in study.trials[1].reason
    assert math.isnan(study.trials[1].value)
    assert tuning.to_frame()["failed"].tolist() == [1, 0]
    assert f"Mine: trial 1 failed: fit raised ValueError: a is {a}" in _text(tuning)
    assert tuning.holds
    n_fits = len(fits())
    tune([mine, "popular"], log, trials=3)
    assert len(fits()) == n_fits


@pytest.mark.parametrize(
    ("does", "match"),
    [
        ("os._exit(3)", "exit"),
        ("time.sleep(99)", "2 s|--timeout"),
        ("x = [bytearray(10_000_000) for _ in range(100)]", "memory"),
        ("import signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("os.kill(os.getppid(), 9); time.sleep(9)", "recbench|process"),
    ],
)
def test_a_hostile_trial_ends_as_in_run(log: str, does: str, match: str) -> None:
    mine = write_model("if count == 2:", f"    {does}")
    tuning = tune(mine, log, trials=3, timeout=2, memory=400)
    assert [trial.state for trial in tuning.studies[0].trials] == ["ok", "failed", "ok"]
    assert re.search(match, tuning.studies[0].trials[1].reason)
    assert tuning.holds


def test_a_model_without_a_successful_trial_does_not_end_the_others(quick: None, log: str) -> None:
    mine = write_model("raise ZeroDivisionError('always')")
    other = write_model(path="other.py")
    tuning = tune([mine, f"{other}:Mine"], log, trials=2)
    assert not tuning.holds
    assert [study.best is None for study in tuning.studies] == [True, False]
    assert tuning.to_frame()["remark"].tolist()[0] == "no trial succeeded"
    assert "trials 0, 1 failed: fit raised ZeroDivisionError: always" in _text(tuning)
    assert tuning.results is not None
    assert len(tuning.results) == 1


def test_minutes_stop_in_time_and_a_cut_trial_is_stopped(log: str) -> None:
    mine = write_model("time.sleep(60 if count == 3 else 0.05)")
    tuning = tune(mine, log, minutes=6 / 60)
    (study,) = tuning.studies
    assert [trial.state for trial in study.trials] == ["ok", "ok", "stopped"]
    assert study.trials[2].reason == "not finished when the time was up"
    assert study.seconds < 12
    assert "Budget: 0.1 minutes of trials per model" in _text(tuning)
    assert tuning.to_frame()["stopped"].tolist() == [1]
    n_fits = len(fits())
    again = tune(mine, log, minutes=6 / 60)
    assert len(fits()) == n_fits
    assert again.studies[0].trials == study.trials


def test_the_trial_of_the_default_options_is_always_finished(log: str) -> None:
    tuning = tune(write_model("time.sleep(0.5)"), log, minutes=0.001)
    assert [trial.state for trial in tuning.studies[0].trials] == ["ok"]
    assert tuning.holds


REPORTS = (
    "for step in range(6):",
    "    recbench.report_validation(self.a if count > 5 else 2 + count, step)",
)


@pytest.mark.parametrize("in_process", [False, True])
def test_trials_worse_than_others_are_pruned(log: str, in_process: bool) -> None:
    mine = write_model(*REPORTS)
    tuning = tune(mine, log, trials=8, in_process=in_process)
    states = [trial.state for trial in tuning.studies[0].trials]
    assert states == ["ok"] * 5 + ["pruned"] * 3
    assert tuning.to_frame()["pruned"].tolist() == [3]
    assert "pruned at step 3" in tuning.studies[0].trials[-1].reason
    assert tuning.holds


def test_a_metric_in_a_file_of_which_lower_values_are_better(quick: None, log: str) -> None:
    Path("misses.py").write_text(
        "from recbench_metrics import ranks\n\n\n"
        "def misses(ranking, k):\n"
        "    return 1 - ranks.hit(ranking, k)\n\n\n"
        "misses.better = 'lower'\n"
    )
    mine = write_model()
    tuning = tune(mine, log, trials=5, metric="misses.py:misses@3")
    hits = tune(mine, log, trials=5, metric="hit@3")
    lowest = [trial.value for trial in tuning.studies[0].trials]
    assert len(set(lowest)) > 2
    assert tuning.studies[0].better == "lower"
    assert tuning.studies[0].best == tuning.studies[0].trials[lowest.index(min(lowest))]
    assert tuning.best == hits.best
    assert lowest == pytest.approx([1 - trial.value for trial in hits.studies[0].trials])
    assert tuning.results is not None
    assert tuning.results[0].tuned is not None
    assert tuning.results[0].tuned.metric == "misses@3"


def test_defaults_show_what_tuning_has_gained(quick: None, log: str) -> None:
    mine = write_model()
    before = tune([mine, "popular"], log, trials=3)
    assert before.gains is None
    n_fits = len(fits())
    tuning = tune([mine, "popular"], log, trials=3, defaults=True)
    assert len(fits()) == n_fits + 1
    assert tuning.results is not None
    assert [result.model for result in tuning.results] == [
        tuning.best["Mine"],
        "popular",
        "Mine",
    ]
    assert tuning.gains is not None
    (gain,) = tuning.gains
    rows = {result.model: result for result in tuning.results}
    assert gain.tuned.mean == rows[tuning.best["Mine"]].value("ndcg", 10).mean
    assert gain.default.mean == rows["Mine"].value("ndcg", 10).mean
    assert gain.paired.difference == pytest.approx(gain.tuned.mean - gain.default.mean)
    assert "What tuning gained on the test targets" in _text(tuning)
    frame = tuning.results.to_frame()
    assert frame[frame["model"] == "Mine"]["model"].size


def test_wrong_arguments_are_refused_before_anything_runs(quick: None, log: str) -> None:
    mine = write_model()
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("--trials must be", {"trials": 0}),
        ("give --trials or --minutes, not both", {"trials": 3, "minutes": 1}),
        ("--minutes must be above 0", {"minutes": 0}),
        ("--minutes must be above 0", {"minutes": math.nan}),
        ("--metric ndcg: write a metric and a cut-off", {"metric": "ndcg"}),
        ("--metric ndcg@0: write a metric and a cut-off", {"metric": "ndcg@0"}),
        ("no metric 'ndgc'.*ndcg", {"metric": "ndgc@10"}),
        ("--metric ndcg,mrr@5: name a single metric", {"metric": "ndcg,mrr@5"}),
        ("no option 'b'", {"space": ["mine.py:b=1..5"]}),
        ("--space mine.py: write MODEL:OPTION", {"space": ["mine.py"]}),
        ("--space popular: this model is not tuned here", {"space": ["popular:x=1..5"]}),
        ("^--space : write MODEL:OPTION", {"space": [""]}),
        ("^--space :a=0..1: write MODEL:OPTION", {"space": [":a=0..1"]}),
        ("^space: give a dict from models to ranges, or texts, not 5", {"space": 5}),
        ("^space: name models as in results", {"space": {int: {"a": Float(0, 1)}}}),
        ("^--space Mine: n takes whole numbers", {"space": {"mine.py": {"n": Float(1, 3)}}}),
        ("gini@5: gini does not state whether higher or lower", {"metric": "gini@5"}),
        ("a", {"space": ["mine.py:a=5..1"]}),
        ("--tuning-seed must be 0 or more", {"tuning_seed": -1}),
    ]
    for match, arguments in wrong:
        with pytest.raises(UsageError, match=match):
            tune(mine, log, **arguments)
    with pytest.raises(UsageError, match=r"Mine:a=0.2 sets a, and --space"):
        tune(f"{mine}:Mine:a=0.2", log, trials=2, space=["mine.py:a=0..1"])
    with pytest.raises(UsageError, match="no model 'populr'"):
        tune("populr", log, trials=2)
    assert fits() == []
    assert not Path("results").exists()


def test_ctrl_c_raises_an_error_with_what_is_known(
    log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = write_model(
        "import signal",
        "if count == 3:",
        "    os.kill(int(Path('pid').read_text()), signal.SIGINT)",
        "    time.sleep(9)",
    )
    Path("pid").write_text(str(os.getpid()))
    with pytest.raises(TuningInterrupted) as stop:
        tune(["popular", mine], log, trials=5)
    known = stop.value.tuning
    assert [len(study.trials) for study in known.studies] == [1, 2]
    assert known.results is None
    assert "No trial used the test targets" in _text(known)
    again = tune(["popular", mine], log, trials=5)
    assert len(again.studies[1].trials) == 5
    assert len(fits()) == 5 + 1 + 1


@pytest.mark.parametrize(
    ("metric", "stored", "label"),
    [
        ("mrr@5", "mrr@5", "MRR@5"),
        ("MRR@5", "mrr@5", "MRR@5"),
        ("rbp:persistence=0.5@3", "rbp:persistence=0.5@3", "RBP:persistence=0.5@3"),
    ],
)
def test_trials_can_be_compared_by_other_metrics(
    quick: None, log: str, metric: str, stored: str, label: str
) -> None:
    mine = write_model()
    tuning = tune(mine, log, trials=2, metric=metric)
    (study,) = tuning.studies
    assert study.metric == stored
    assert f"{label} (higher is better) on 40 validation cases" in _text(tuning)
    assert tuning.results is not None
    name, _, k = stored.rpartition("@")
    assert tuning.results[0].value(name, int(k)).mean > 0
    assert f"{label} " in str(tuning.results)
    assert [each.key for each in recbench.trials(metric=metric)] == [study.key]
    if metric.islower():
        checks = recbench.verify("results", models=mine, metrics=name)
        assert checks.holds
        assert checks[0].numbers[-1].name == f"validation {stored}"


@pytest.mark.parametrize(
    ("split", "n_train"),
    [
        ("temporal", None),
        ("temporal:at=1970-02-25", None),
        ("temporal:share=0.8,targets=all", None),
        ("random:seed=1", None),
        ("users:share=0.3", None),
        ("windows:length=5", None),
        ("leave-n-out:n=2", 400 - 4 * 40),
        ("sessions", None),
    ],
)
def test_validation_targets_are_held_out_as_those_of_the_test(
    quick: None, split: str, n_train: int | None
) -> None:
    log = write_log(days=True)
    tuning = tune(write_model(), log, split=split, trials=2)
    assert tuning.holds
    (study,) = tuning.studies
    assert study.n_cases > 0
    of_trials, of_test = (int(line.split()[2]) for line in (fits()[0], fits()[-1]))
    assert of_trials < of_test
    assert n_train in (None, of_trials)


def test_given_splits_have_validation_targets_of_their_own(quick: None) -> None:
    folder = Path("parts")
    folder.mkdir()
    parts = {"train": range(8), "valid": [8], "test": [9]}
    for part, times in parts.items():
        rows = [f"{user},{(user + 3 * time) % 30},{time}" for time in times for user in range(40)]
        (folder / f"{part}.csv").write_text("user,item,time\n" + "\n".join(rows) + "\n")
    tuning = tune(write_model(), "parts", split="given", trials=2)
    (study,) = tuning.studies
    assert study.n_cases == 40
    assert [int(line.split()[2]) for line in fits()] == [320, 320, 360]
    frame = pd.concat([pd.read_csv(folder / f"{part}.csv") for part in ("train", "valid")])
    (again,) = recbench.run(["mine.py"], frame, results=None)
    assert study.trials[0].value == pytest.approx(again.value("ndcg", 10).mean, abs=1e-12)


def test_repeats_can_be_targets_of_trials(quick: None) -> None:
    rows = [f"u{u},i{(u + t % 4) % 9},{t}" for u in range(20) for t in range(10)]
    Path("again.csv").write_text("user,item,time\n" + "\n".join(rows) + "\n")
    mine = write_model()
    (study,) = tune(mine, "again.csv:repeats=keep", trials=2).studies
    assert study.setting.repeats == "keep"
    frame = pd.read_csv("again.csv").query("time < 9")
    frame.to_csv("before.csv", index=False)
    (again,) = recbench.run([mine], "before.csv:repeats=keep", results=None)
    assert study.trials[0].value == pytest.approx(again.value("ndcg", 10).mean, abs=1e-12)


def test_too_few_interactions_for_validation_targets(quick: None) -> None:
    Path("short.csv").write_text("user,item,time\na,x,1\na,y,2\nb,x,1\nb,z,2\n")
    with pytest.raises(RecbenchError, match=r"^validation targets: "):
        tune(write_model(), "short.csv", trials=2)
    assert fits() == []


WATCHER = '''
"""A splitter that says where it runs, and a metric that looks for its targets in memory."""

import gc
import os
from pathlib import Path

import recbench
from recbench_metrics import ranks
from recbench_splitters.leave_last_out import LeaveLastOut


class Watched(LeaveLastOut):
    def split(self, interactions):
        with open("splits", "a") as file:
            file.write(f"{os.getpid()}\\n")
        return super().split(interactions)


looked = []


def look(ranking, k):
    if ranking.train.items.size not in (296, 333) or len(looked) > 20:
        return ranks.ndcg(ranking, k)
    looked.append(k)
    held = 0
    for thing in gc.get_objects():  # isinstance would run code of objects that are proxies
        if type(thing) is recbench.Interactions and len(thing.items) == 370:
            held += 1
        if type(thing) is recbench.Split and thing.train.items.size == 333:
            held += 1
    with open("looks", "a") as file:
        file.write(f"{os.getpid()} {held} {ranking.train.items.size}\\n")
    return ranks.ndcg(ranking, k)
'''


def test_targets_of_the_test_are_not_loaded_before_the_last_trial() -> None:
    log = write_log(users=37)  # a size that no log of another test has
    Path("watcher.py").write_text(WATCHER)
    tune(write_model(), log, split="watcher.py:Watched", trials=3, metric="watcher.py:look@10")
    looks = [line.split() for line in Path("looks").read_text().splitlines()]
    assert {pid for pid, *_ in looks} == {str(os.getpid())}
    in_trials = [held for _, held, size in looks if size == "296"]
    assert len(in_trials) >= 3
    assert set(in_trials) == {"0"}
    assert any(held != "0" for _, held, size in looks if size == "333")
    splits = Path("splits").read_text().split()
    assert splits[0] == splits[1] != str(os.getpid())
    assert splits[2:] == [str(os.getpid())]


def test_a_process_that_loads_the_data_and_ends_is_reported(log: str) -> None:
    Path("ends.py").write_text(
        "import os\n\n\nclass Ends:\n    def split(self, interactions):\n        os._exit(3)\n"
    )
    with pytest.raises(RecbenchError, match=r"process that loads and splits .* exited with code 3"):
        tune(write_model(), log, split="ends.py", trials=2)


def test_a_model_of_a_broken_plugin_does_not_end_the_others(quick: None, log: str) -> None:
    plugins = load_plugins(
        broken=plugin(models=ImportError("no such library")), mine=plugin(models={"mine": Plain})
    )
    tuning = tune(["broken", "mine"], log, trials=2, plugins=plugins)
    assert not tuning.holds
    assert tuning.to_frame()["remark"].tolist() == ["no trial succeeded", "not tuned"]
    assert "broken: trial 0 failed: plugin broken is broken: " in _text(tuning)
    assert "no such library" in _text(tuning)
    assert tuning.results is not None
    assert [result.model for result in tuning.results] == ["mine"]


class Plain:
    """A model without options."""

    def fit(self, train: recbench.Interactions) -> Plain:
        self.scores_ = np.bincount(train.items, minlength=train.n_items)
        return self

    def score(self, history: recbench.Interactions) -> Any:
        return np.tile(self.scores_, (len(history), 1))


class Open(Plain):
    """A model with few options."""

    search_space: ClassVar[Any] = {"kind": recbench.Choice("a", "b"), "n": recbench.Int(1, 2)}

    def __init__(self, kind: str = "c", n: int = 1) -> None:
        self.kind, self.n = kind, n


def test_classes_and_frames_can_be_tuned_and_no_combination_is_tried_twice(
    quick: None, log: str
) -> None:
    frame = pd.read_csv(log)
    tuning = tune([Open, Plain], frame, trials=30)
    (study, plain) = tuning.studies
    assert study.trials[0].options == {"n": "1"}
    tried = sorted(f"{trial.options['kind']}{trial.options['n']}" for trial in study.trials[1:])
    assert tried == ["a1", "a2", "b1", "b2"]
    assert tuning.to_frame()["remark"].tolist() == ["all combinations tried", "not tuned"]
    assert tuning.best == {"Open": "Open", "Plain": "Plain"}
    assert len(plain.trials) == 1
    assert study.first(2).exhausted is False


def test_a_tuning_can_be_shown_and_written(quick: None, log: str) -> None:
    tuning = tune([write_model(), "popular"], log, trials=5)
    assert "| Mine" in tuning.to_markdown()
    assert tuning.to_markdown().count("### log.csv, leave-last-out") >= 1
    assert tuning._repr_html_().count("<table") == 2
    tuning.draw("tuning.svg")
    assert "Mine" in Path("tuning.svg").read_text()
    frame = recbench.trials("mine.py").to_frame()
    assert frame["trial"].tolist() == [0, 1, 2, 3, 4]
    assert frame["best"].sum() == 1
    assert frame["spec"].tolist()[0] == "Mine"


def test_ctrl_c_while_the_best_options_are_judged(log: str) -> None:
    mine = write_model("if len(train.items) == 360:", "    raise KeyboardInterrupt")
    with pytest.raises(TuningInterrupted, match="trials that have ended are stored") as stop:
        tune(mine, log, trials=2, in_process=True)
    known = stop.value.tuning
    assert [len(study.trials) for study in known.studies] == [2]
    assert known.results is None
    assert not known.holds


def test_a_metric_that_cannot_be_measured_is_refused(quick: None, log: str, said: Any) -> None:
    Path("broken.py").write_text("def broken(ranking, k):\n    return ranking.no_such_thing\n")
    with pytest.raises(RecbenchError, match="--metric broken@5: broken cannot be measured"):
        tune(write_model(), log, trials=2, metric="broken.py:broken@5")
    assert "no_such_thing" in said()
    with pytest.raises(RecbenchError, match=r"--metric calibration@5: .* on these data"):
        tune(write_model(), log, trials=2, metric="calibration@5")
    assert "genres" in said()
    assert fits() == []


def test_all_metrics_can_be_shown(quick: None, log: str) -> None:
    tuning = tune(write_model(), log, trials=1, metric="rbp:persistence=0.5@3", metrics="all")
    shown = str(tuning.results)
    assert "RBP:persistence=0.5@3" in shown
    assert "Coverage@3" in shown
    assert "Calibration" not in shown


def test_a_model_of_the_same_name_in_another_file_starts_anew(
    quick: None, log: str, said: Any
) -> None:
    tune(write_model(), log, trials=1)
    said()
    tune(write_model(path="other.py"), log, trials=1)
    assert (
        "Mine: tuning starts from the beginning: the stored trials are of another plugin, mine.py"
        in said()
    )
