"""Verifying stored results: same numbers, different ones, and results that cannot run."""

import dataclasses
import json
import math
import re
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import plugin
from made_tuning import fits, write_log, write_model

import recbench
from recbench import Interactions, Store, UsageError, load_plugins
from recbench.cli.main import main
from recbench.verification import COLUMNS, NumberCheck, Verification
from recbench.verify import EXACT, verify
from recbench_popular import Popular


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    def called(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["verify", *args])
        return int(stop.value.code or 0), *capsys.readouterr()

    return called


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run models in this process, which is faster."""
    monkeypatch.setattr(recbench.experiment, "AVAILABLE", False)


class Restless:
    """A model that returns different scores every time."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, train: Interactions) -> "Restless":
        self.scores_ = np.random.default_rng(time.time_ns()).random(train.n_items)
        return self

    def score(self, history: Interactions) -> Any:
        return np.tile(self.scores_, (len(history), 1))


def test_all_numbers_of_all_results_are_compared(call: Any, tiny: str, busy: str) -> None:
    results = recbench.run(
        ["popular", "random"], tiny, seed=(0, 1), split=["leave-last-out", "windows:length=3"]
    )
    recbench.run(["popular"], busy, candidates=8)
    checks = verify(["results"])
    assert len(checks) == 7
    for check in checks:
        assert check.holds
        assert check.result is not None
        assert len(check.numbers) == 4 * len(check.result.values)
        assert {number.bound for number in check.numbers} >= {EXACT}
        assert all(
            number.off <= EXACT * max(1, number.stored) for number in check.numbers if number.off
        )
        assert check.reason == ""
    keys = {check.result.key for check in checks if check.result}
    assert keys >= {result.key for result in results}
    out = str(checks)
    for text in ("tiny.csv, leave-last-out", "busy.csv, leave-last-out, candidates 8"):
        assert text in out
    assert "random, seed 1" in out
    total = sum(len(check.numbers) for check in checks)
    assert f"7 results with {total:,} numbers: all reproduced" in out
    assert out.count("same") == 7
    assert "1.0e-09" in out
    every = str(checks.showing(every=True))
    assert len(every.splitlines()) > total
    assert "NDCG@10 stderr" in every
    code, out, _ = call("results/busy.csv", "--all")
    assert code == 0
    assert "NDCG@10 stderr" in out


def test_a_result_a_dataset_and_a_folder_can_be_verified(
    quick: None, call: Any, tiny: str, busy: str
) -> None:
    recbench.run(["popular", "random"], tiny)
    recbench.run(["popular"], busy)
    assert len(verify(["results/tiny.csv"])) == 2
    assert len(verify(["results/tiny.csv/leave-last-out"])) == 2
    (cell,) = Path("results/busy.csv").rglob("popular*.json")
    assert len(verify([cell])) == 1
    assert len(verify([cell, cell.parent, "results/tiny.csv", "."])) == 3
    shutil.copytree("results", "elsewhere/deep/down")
    assert len(verify(["elsewhere"])) == 3


def test_other_json_files_are_skipped(quick: None, call: Any, tiny: str) -> None:
    recbench.run(["popular"], tiny)
    Path("results/notes.json").write_text('{"by": "hand"}')
    Path("results/tiny.csv/leave-last-out/half.json").write_text("{")
    code, out, err = call("results")
    assert code == 0
    assert "1 result with" in out
    assert "skipped results/notes.json: it is not a result of recbench" in err


def test_edited_and_damaged_results_are_reported(quick: None, call: Any, tiny: str) -> None:
    recbench.run(["popular", "random"], tiny)
    (path,) = Path("results").rglob("popular*.json")
    whole = path.read_text()
    data = json.loads(whole)
    data["values"]["ndcg@10"][0] += 0.01
    path.write_text(json.dumps(data))
    code, out, _ = call("results")
    assert code == 1
    assert "DAMAGED" in out
    assert "was edited: its content does not match its checksum" in " ".join(out.split())
    assert "random, seed 0" in out
    assert "2 results with" in out
    assert "1 not reproduced" in out
    path.write_text(whole[: len(whole) // 2])
    assert call("results")[0] == 1
    path.write_text(whole)
    assert call("results")[0] == 0
    (rows,) = path.parent.glob("popular*.parquet")
    rows.write_bytes(rows.read_bytes()[:-1])
    code, out, _ = call(str(path))
    assert code == 1
    assert "is damaged: it does not match the checksum in its JSON file" in " ".join(out.split())
    rows.unlink()
    assert call(str(path))[0] == 1


def test_a_model_with_different_numbers_is_not_reproduced(busy: str) -> None:
    plugins = load_plugins(mine=plugin(models={"restless": Restless}))
    recbench.run(["restless"], busy, plugins=plugins)
    (check,) = verify(["results"], plugins=plugins)
    assert not check.holds
    assert check.furthest is not None
    assert check.furthest.off > check.furthest.bound
    assert "DIFFERS" in str(Verification([check]))
    assert "1 not reproduced" in str(Verification([check]))
    (check,) = verify(["results"], plugins=plugins, bound=1000)
    assert check.holds
    assert {number.bound for number in check.numbers} == {1000}


def test_on_another_machine_a_seeded_model_may_differ_by_its_standard_error(
    monkeypatch: pytest.MonkeyPatch, busy: str
) -> None:
    recbench.run(["popular", "random"], busy)
    monkeypatch.setattr(recbench.experiment, "provenance", lambda offer: {"versions": {}})
    popular, random = verify(["results"])
    for check in (popular, random):
        assert check.holds
        assert check.reason == "the machine, versions or number of threads differ"
        assert check.result is not None
    bounds = {number.name: number.bound for number in random.numbers}
    assert random.result is not None
    assert bounds["ndcg@10"] == random.result.value("ndcg", 10).stderr
    assert {number.bound for number in popular.numbers if abs(number.stored) < 1} == {EXACT}


class Typed(Popular):
    """A model that is given as a class."""


def test_models_that_are_not_installed_are_given_again(quick: None, call: Any, tiny: str) -> None:
    recbench.run([Typed, {"mine": Typed}], tiny)
    for check in verify(["results"]):
        assert not check.holds
        assert re.match(
            r"no model '(Typed|mine)'; .* If it was given as an object or a file, give it again",
            check.reason,
        )
    checks = verify(["results"], models=[Typed, {"mine": Typed}])
    assert [(check.holds, check.reason) for check in checks] == [(True, ""), (True, "")]
    Path("filed.py").write_text("from recbench_popular import Popular\nclass Filed(Popular): ...\n")
    recbench.run("filed.py", tiny, results="other")
    assert call("other")[0] == 1
    assert call("other", "--models", "filed.py")[0] == 0


def test_recommendations_in_a_frame_cannot_be_judged_again(quick: None, tiny: str) -> None:
    last = pd.read_csv(tiny).groupby("user_id").tail(1)
    lists = last[["user_id", "item_id"]].assign(rank=1)
    recbench.run([], tiny, recs={"mine": lists}, ks=1)
    (check,) = verify(["results"])
    assert check.reason == "its recommendations were a DataFrame, which is not stored"


def test_results_that_cannot_run_are_reported_and_counted(
    quick: None, call: Any, tiny: str
) -> None:
    gone = load_plugins(mine=plugin(models={"gone-model": popular_model()}))
    recbench.run(["gone-model", "popular"], tiny, plugins=gone)
    code, out, _ = call("results")
    assert code == 1
    assert "NOT RUN" in out
    assert "no model 'gone-model'" in " ".join(out.split())
    assert "1 not reproduced" in out
    (path,) = Path("results").rglob("popular*.json")
    moved = Path(tiny).rename(Path(tiny).with_name("moved.csv"))
    code, out, _ = call(str(path))
    assert code == 1
    text = " ".join(out.split())
    assert "there is no dataset or file" in text
    assert "name their place with --dataset" in text
    code, out, _ = call(str(path), "--dataset", str(moved))
    assert code == 0
    assert "has changed" not in out
    moved.write_text(moved.read_text() + "u1,i0,99,1\n")
    moved.rename(tiny)
    code, out, _ = call(str(path))
    assert code == 1
    assert f"the content of {tiny} has changed since this result was stored" in " ".join(
        out.split()
    )


def popular_model() -> Any:
    from recbench_popular import Popular

    return Popular


def test_a_model_that_fails_now_is_not_reproduced(tiny: str) -> None:
    class Sometimes(popular_model()):  # type: ignore[misc]
        def fit(self, train: Interactions) -> Any:
            if Path("fail").exists():
                raise RuntimeError("not today")
            return super().fit(train)

    plugins = load_plugins(mine=plugin(models={"sometimes": Sometimes}))
    recbench.run(["sometimes"], tiny, plugins=plugins)
    Path("fail").touch()
    (check,) = verify(["results"], plugins=plugins)
    assert not check.holds
    assert "not today" in check.reason


def test_results_of_other_rules_or_splits_are_not_reproduced(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recbench.run(["popular"], tiny)
    with monkeypatch.context() as patch:
        now = recbench.experiment.PROTOCOL
        patch.setattr(recbench.experiment, "PROTOCOL", now + 1)
        (check,) = verify(["results"])
        assert not check.holds
        assert check.reason.startswith(f"evaluated under version {now} of the evaluation rules")
    monkeypatch.setattr(
        recbench.experiment, "make_split", lambda plugins, data, split: _other(data)
    )
    (check,) = verify(["results"])
    assert not check.holds
    assert check.reason.startswith("the split leave-last-out of ")


def _other(data: Any) -> Any:
    return "leave-last-out", recbench.Split(
        data.interactions, data.interactions, np.zeros(len(data.interactions))
    )


def test_only_results_of_the_installed_code_are_run(
    call: Any, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(recbench.plugins.Offer, "version_of", lambda *_: "other")
        recbench.run(["popular"], tiny)
    code, out, err = call("results")
    assert code == 0
    assert "popular: the plugin's code has changed since it was stored." in out
    recbench.run(["popular"], tiny)
    with monkeypatch.context() as patch:
        patch.setattr(recbench.plugins.Offer, "version_of", lambda *_: "third")
        recbench.run(["random"], tiny)
    assert len(list(Path("results").rglob("popular*.json"))) == 2
    code, out, err = call("results")
    assert code == 0
    assert "2 results with" in out
    assert "left out: 1 outdated result" in err
    assert "popular: the plugin's code has changed" not in out
    assert "random, seed 0: the plugin's code has changed since it was stored." in out


def test_libraries_that_old_results_do_not_record_do_not_count_as_changed(
    quick: None, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("recbench.code.source.Source.versions", lambda self: {})
        recbench.run(["random"], tiny)
    (check,) = verify(["results"])
    assert (check.holds, check.reason) == (True, "")
    with monkeypatch.context() as patch:
        patch.setattr("recbench.code.source.Source.versions", lambda self: {"numpy": "1.0"})
        (check,) = verify(["results"])
    assert check.reason == "the machine, versions or number of threads differ"


def test_failed_results_are_left_out(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("user,item,time\na,x,1\na,y,2\nb,x,1\nb,y,2\n")
    recbench.run(["popular:rule=rated"], path)
    code, _, err = call("results")
    assert code == 2
    assert "left out: 1 failed result" in err
    assert "no stored results under results" in err


def test_usage_errors(call: Any) -> None:
    assert "nowhere does not exist" in call("nowhere")[2]
    Path("empty").mkdir()
    assert call("empty")[0] == 2
    with pytest.raises(UsageError, match="--bound must be 0 or more"):
        verify(["empty"], bound=-1)
    with pytest.raises(UsageError, match="--bound must be 0 or more"):
        verify(["empty"], bound=math.nan)
    assert call()[0] == 2


def test_a_number_that_becomes_nan_differs() -> None:
    nan = math.nan
    assert NumberCheck("x", nan, nan, 0).holds
    assert not NumberCheck("x", 1, nan, 1e9).holds
    assert not NumberCheck("x", nan, 1, 1e9).holds
    assert NumberCheck("x", 1, 1, 0).holds
    assert not NumberCheck("x", 1, 1 + 1e-12, 0).holds


def test_a_metric_that_is_no_longer_installed_differs(tiny: str) -> None:
    metrics = {"mine": lambda ranking, k: np.ones(len(ranking))}
    recbench.run(["popular"], tiny, plugins=load_plugins(mine=plugin(metrics=metrics)))
    (check,) = verify(["results"])
    assert not check.holds
    assert check.reason.startswith("no longer measured: mine, so give a metric of an object or")
    assert check.furthest is not None
    assert check.furthest.name == "mine@3"
    assert len(Store("results").all()) == 1


def test_the_frame_has_every_number(quick: None, tiny: str) -> None:
    recbench.run(["popular", "random"], pd.read_csv(tiny), ks=3)
    gone = verify("results")
    assert not gone.holds
    assert gone.to_frame()["holds"].tolist() == [False, False]
    assert gone.to_frame()["stored"].isna().all()
    checks = verify(Path("results"), dataset=pd.read_csv(tiny))
    assert checks.holds
    frame = checks.to_frame()
    assert tuple(frame) == COLUMNS
    assert len(frame) == sum(len(check.numbers) for check in checks)
    row = frame[(frame["model"] == "random") & (frame["number"] == "ndcg@3 low")].iloc[0]
    stored = Store("results").all().sections()[0].results
    value = next(result for result in stored if result.model == "random").value("ndcg", 3)
    assert (row["seed"], row["stored"], row["now"]) == (0, value.low, value.low)
    assert frame.loc[frame["model"] == "popular", "seed"].isna().all()
    assert frame["holds"].all()
    html = checks.showing(every=True)._repr_html_()
    assert html.count("<tr>") == len(frame) + 1
    assert checks._repr_html_().count("<tr>") == len(checks) + 1


def test_results_that_are_no_files_are_refused() -> None:
    with pytest.raises(UsageError, match="paths of stored results, such as 'results', not Result"):
        verify(recbench.run(["popular"], "synthetic"))  # type: ignore[arg-type]


def _tuned(split: str = "leave-last-out", **more: Any) -> recbench.Tuning:
    return recbench.tune(write_model(), write_log(days=True), split=split, trials=4, **more)


def _study_file() -> Path:
    (path,) = Path("results").glob("*/*/*.tuning/trials.json")
    return path


@pytest.mark.parametrize("split", ["leave-last-out", "temporal:targets=all", "users:share=0.3"])
def test_a_tuned_result_is_verified_with_its_best_trial(quick: None, call: Any, split: str) -> None:
    tuning = _tuned(split)
    n_fits = len(fits())
    code, out, _ = call("results", "--models", "mine.py", "--all")
    assert code == 0
    best = tuning.studies[0].best
    assert best is not None
    (line,) = [line for line in out.splitlines() if "validation" in line]
    assert line.split().count(f"{best.value:.6f}") == 2
    assert " same " in line
    assert len(fits()) == n_fits + 2
    recbench.run(["popular"], "log.csv", split=split, tuned=True)
    assert len(recbench.verify("results", models="mine.py")) == 2
    assert recbench.verify("results", models="mine.py").holds


def test_edited_trials_of_a_tuned_result_are_reported(quick: None, call: Any) -> None:
    _tuned()
    file = _study_file()
    whole = file.read_text()
    file.write_text(re.sub(r'"value": 0\.\d+', '"value": 0.99', whole, count=1))
    code, out, _ = call("results", "--models", "mine.py")
    assert code == 1
    assert "NOT RUN" in out
    assert "its study: " in out
    assert "trials.json" in out
    file.unlink()
    code, out, _ = call("results", "--models", "mine.py")
    assert code == 0
    assert "the trials that found its options are not stored beside it" in " ".join(out.split())


def test_a_wrong_validation_value_of_a_tuned_result_is_reported(quick: None, call: Any) -> None:
    tuning = _tuned()
    assert tuning.results is not None
    result = tuning.results[0]
    assert result.tuned is not None
    store = Store("results")
    columns = store.case_columns(result)
    better = dataclasses.replace(result.tuned, value=result.tuned.value + 0.01)
    store.write(dataclasses.replace(result, tuned=better), columns)
    code, out, _ = call("results", "--models", "mine.py")
    assert code == 1
    assert "to be the best of 4 trials" in " ".join(out.split())
    _study_file().unlink()
    code, out, _ = call("results", "--models", "mine.py", "--all")
    assert code == 1
    (line,) = [line for line in out.splitlines() if "DIFFERS" in line]
    assert "validation" in line
