"""Stored results: which are used again, why others run again, and what is kept in the end."""

import dataclasses
import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench
from recbench import Interactions, RecbenchError, Results, Store, UsageError, load_plugins
from recbench.code.source import has_source
from recbench.plugins import Plugins
from recbench.store.format import decode_result, encode_result
from recbench.verify import verify
from recbench_popular import Popular

MODEL = """
import numpy as np
import recbench
from helper_of_mine import SIGN

FITS = []

class Mine:
    def __init__(self, seed: int = 0, device: str = "auto"):
        self.device = device

    def fit(self, train):
        FITS.append(self.device)
        self.counts = np.bincount(train.items, minlength=train.n_items)
        return self

    def score(self, history):
        return np.tile(SIGN * self.counts, (len(history), 1))

@recbench.hookimpl
def recbench_models():
    return {"mine": Mine}
"""

Here = Callable[..., Results]


@pytest.fixture
def here(tmp_path: Path, busy: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs a plugin in this process: one file, with a helper beside it."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "plugin_of_mine.py").write_text(MODEL)
    (tmp_path / "helper_of_mine.py").write_text("SIGN = 1\n")

    def run(**more: Any) -> Results:
        for name in ("helper_of_mine", "plugin_of_mine"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        run.module = importlib.import_module("plugin_of_mine")  # type: ignore[attr-defined]
        run.plugins = load_plugins(mine=run.module)  # type: ignore[attr-defined]
        given = {"in_process": True, "plugins": run.plugins, **more}  # type: ignore[attr-defined]
        return recbench.run(["mine"], busy, **given)

    yield run
    for name in ("helper_of_mine", "plugin_of_mine"):
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


def _reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return why models ran again, as the log says."""
    start = "running again: "
    found = [text.partition(start)[2] for text in caplog.messages if start in text]
    caplog.clear()
    return found


def test_a_first_run_gives_no_reason_and_a_second_one_reuses(
    here: Any, caplog: pytest.LogCaptureFixture
) -> None:
    first = here()
    assert (_reasons(caplog), first.reused, here.module.FITS) == ([], (), ["auto"])
    second = here()
    assert (_reasons(caplog), here.module.FITS) == ([], [])
    assert second.reused == tuple(second)
    assert second.showing(["recall"]).reused == second.reused
    here(force=True)
    assert (_reasons(caplog), here.module.FITS) == (["--force"], ["auto"])
    here(force=True, seed=7)
    assert _reasons(caplog) == []


def test_an_edit_of_a_helper_runs_the_model_again_and_its_undoing_shows_the_first_numbers(
    here: Any, tmp_path: Path, busy: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = here(ks=(3,))[0].value("ndcg", 3)
    (tmp_path / "helper_of_mine.py").write_text("SIGN = -1\n")
    second = here(ks=(3,))[0].value("ndcg", 3)
    assert _reasons(caplog) == ["the code of plugin mine has changed"]
    assert second != first
    (tmp_path / "helper_of_mine.py").write_text("SIGN = 1\n")
    again = here(ks=(3,))
    assert (again[0].value("ndcg", 3), len(again.reused), here.module.FITS) == (first, 1, [])
    stored = Store("results").all(here.plugins)
    assert [result.value("ndcg", 3) for result in stored] == [first]
    assert stored.left_out == (
        "1 outdated result of mine, made by another version of the model's code",
    )
    recbench.run(["popular"], busy, ks=(3,), in_process=True)
    (compared,) = recbench.compare("mine", "popular", plugins=here.plugins)
    assert compared.first_value == first
    (check, _) = verify(["results"], plugins=here.plugins)
    assert check.holds
    assert check.result is not None
    assert check.result.value("ndcg", 3) == first


def test_an_edit_of_a_helper_that_is_loaded_is_never_stored_as_the_new_code(
    here: Any, tmp_path: Path, busy: str
) -> None:
    """The main process has the old code until it ends."""
    first = here()[0].value("ndcg", 3)
    (tmp_path / "helper_of_mine.py").write_text("SIGN = -1\n")
    for _ in range(2):
        old = recbench.run(["mine"], busy, in_process=True, plugins=here.plugins)
        assert (old[0].value("ndcg", 3), old.reused) == (first, ())
        assert not has_source(old[0].model_version)
    new = here()
    assert (new[0].value("ndcg", 3) != first, new.reused) == (True, ())
    assert has_source(new[0].model_version)


def test_the_device_that_was_asked_for_belongs_to_the_cell(
    here: Any, caplog: pytest.LogCaptureFixture
) -> None:
    auto = here()[0]
    cpu = here(device="cpu")[0]
    assert here.module.FITS == ["cpu"]
    assert _reasons(caplog) == ["it ran with --device auto"]
    assert (auto.device, cpu.device) == ("", "cpu")
    assert auto.key != cpu.key
    assert (auto.provenance["device"], cpu.provenance["device"]) == ("auto", "cpu")
    for device in ("cpu", "auto"):
        here(device=device)
        assert here.module.FITS == []
    (check,) = verify(["results"], plugins=here.plugins)
    assert here.module.FITS == ["cpu"], "the one that finished last, on its own device"
    assert check.holds
    stored = Store("results").all(here.plugins)
    assert stored.left_out == ("1 outdated result of mine, made with --device auto",)


def test_a_model_without_a_device_has_one_cell(tiny: str) -> None:
    results = [recbench.run("popular", tiny, device=device) for device in ("auto", "cpu")]
    assert results[0][0].key == results[1][0].key
    assert len(results[1].reused) == 1


def test_results_of_the_main_process_are_kept_apart(
    here: Any, caplog: pytest.LogCaptureFixture
) -> None:
    debugged = here()[0]
    isolated = here(in_process=False)
    assert _reasons(caplog) == ["it was run in the main process"]
    assert (debugged.isolated, isolated[0].isolated, isolated.reused) == (False, True, ())
    assert debugged.key != isolated[0].key
    assert debugged.provenance["isolated"] is False
    stored = Store("results").all(here.plugins)
    assert [result.key for result in stored] == [isolated[0].key]
    assert stored.left_out == ("1 outdated result of mine, made in the main process",)
    here(force=True)
    assert [result.key for result in Store("results").all(here.plugins)] == [isolated[0].key]


def test_verify_runs_a_result_of_the_main_process_there(here: Any) -> None:
    here()
    (check,) = verify(["results"], plugins=here.plugins)
    assert check.holds
    assert here.module.FITS == ["auto", "auto"]


def test_changed_data_and_several_differences_are_named(
    here: Any, busy: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here()
    Path(busy).write_text(Path(busy).read_text() + "101,new,99,1\n")
    here()
    assert _reasons(caplog) == ["the data have changed"]
    (tmp_path / "helper_of_mine.py").write_text("SIGN = 3\n")
    here(in_process=False)
    assert _reasons(caplog) == [
        "the code of plugin mine has changed; it was run in the main process"
    ]


def test_damaged_files_are_a_reason(here: Any, caplog: pytest.LogCaptureFixture) -> None:
    here()
    (path,) = Path("results").rglob("mine*.json")
    path.write_text(path.read_text()[:-20])
    here()
    assert _reasons(caplog) == ["its files are damaged"]
    assert len(here().reused) == 1


def _typed(tiny: str, value: int, **more: Any) -> tuple[Results, list[int]]:
    """Run a model whose class is typed, as in a notebook."""
    fits: list[int] = []
    space = {"__name__": "__main__", "Popular": Popular, "fits": fits}
    exec(
        "class Mine(Popular):\n"
        "    def fit(self, train):\n"
        f"        fits.append({value})\n"
        "        return super().fit(train)\n",
        space,
    )
    plugins = load_plugins(mine=plugin(models={"mine": space["Mine"]}))
    runs = recbench.run("mine", tiny, plugins=plugins, in_process=True, **more)
    return runs, fits


def test_nothing_is_reused_for_a_class_that_was_typed(
    tiny: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    first, fits = _typed(tiny, 1)
    assert (fits, _reasons(caplog)) == ([1], [])
    for value in (1, 2):
        again, fits = _typed(tiny, value)
        assert (fits, again.reused) == ([value], ())
        assert _reasons(caplog) == [
            (
                "its code is in no file (a class typed in a notebook), or was edited after it was "
                "loaded, so nothing is reused"
            )
        ]
    assert first[0].model_version == "0+no-source"
    assert not list(Path("results").rglob("*.model"))
    stored = Store("results").all()
    assert [result.key for result in stored] == [again[0].key]
    assert stored.left_out == ("2 outdated results of mine, made by an earlier run",)


def test_other_versions_of_libraries_are_said(here: Any, caplog: pytest.LogCaptureFixture) -> None:
    here()
    (path,) = Path("results").rglob("mine*.json")
    stored = decode_result(path, path.read_bytes())
    versions = {**stored.provenance["versions"], "numpy": "1.26.0", "torch": "1.0"}
    provenance = {**stored.provenance, "versions": versions}
    path.write_bytes(encode_result(dataclasses.replace(stored, provenance=provenance)))
    again = here()
    note = (
        f"its stored result was made with other versions: numpy 1.26.0 then, {np.__version__} now"
    )
    assert here.module.FITS == []
    assert f"mine, seed 0: {note}" in caplog.messages
    (section,) = again.sections()
    assert f"mine: {note}." in " ".join(recbench.footer_lines(section, verbose=True))
    here()
    assert decode_result(path, path.read_bytes()).notes == ()


# Metrics that need longer lists


def _lacking(results: Results) -> tuple[list[str], list[str]]:
    keys = sorted(key for key in results[0].values if "coverage" in key)
    return keys, results.not_measured


def test_requested_metrics_of_longer_lists_run_the_model_again(
    busy: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = ["ndcg", "coverage"]
    recbench.run("popular", busy, ks=10)
    assert _lacking(recbench.run("popular", busy, ks=10, metrics=asked)) == (["coverage@10"], [])
    unasked = recbench.run("popular", busy, ks=20)
    assert (_reasons(caplog), len(unasked.reused)) == ([], 1)
    longer = recbench.run("popular", busy, ks=20, metrics=asked)
    assert _reasons(caplog) == ["its lists hold 10 items; coverage@20 needs 20"]
    fresh = recbench.run("popular", busy, ks=20, metrics=asked, results=None)
    assert longer[0].value("coverage", 20) == fresh[0].value("coverage", 20)
    again = recbench.run("popular", busy, ks=(10, 20, 99), metrics=asked)
    assert _reasons(caplog) == ["its lists hold 20 items; coverage@40 needs 40"], "the catalogue"
    assert again.not_measured == []
    whole = recbench.run("popular", busy, ks=(10, 20, 99), metrics=asked)
    assert len(whole.reused) == 1


def test_a_metric_that_fails_in_every_run_causes_one_run_only(
    busy: str, caplog: pytest.LogCaptureFixture
) -> None:
    def late(ranking: recbench.Ranking, k: int) -> Any:
        if len(ranking) > 50:  # the contract checks have fewer cases
            raise KeyError("late")
        return ranking.expectation(np.ones(k))

    plugins = load_plugins(bad=plugin(metrics={"late": late}))
    for reused in (0, 0, 1, 1):  # the first has lists of 10 items, the second of 20
        ks = 10 if not reused and not list(Path().glob("results")) else 20
        results = recbench.run("popular", busy, ks=ks, metrics=["ndcg", "late"], plugins=plugins)
        assert len(results.reused) == reused
        assert results.not_measured == [f"late@{ks}"]
    (section,) = results.sections()
    assert "late: not measured in these results." in recbench.footer_lines(section, verbose=True)


# What is kept in the end


class Saves(Popular):
    """A model that does something while it is saved, or at its end."""

    act: Callable[[Path], None] = staticmethod(lambda folder: None)  # type: ignore[assignment]

    def save(self, folder: Path) -> None:
        self.act(folder)

    def load(self, folder: Path) -> "Saves":
        return self


class Exits(Saves):
    """Its process ends while it is saved."""

    act = staticmethod(lambda folder: os._exit(3))  # type: ignore[assignment]


class Hangs(Saves):
    """It never returns from save."""

    act = staticmethod(lambda folder: __import__("signal").pause())  # type: ignore[assignment]


class Raises(Saves):
    """It cannot be saved."""

    act = staticmethod(lambda folder: {}["x"])  # type: ignore[assignment]


class Looks(Saves):
    """It checks that its numbers are stored before it is saved."""

    @staticmethod
    def act(folder: Path) -> None:
        (stored,) = folder.parent.glob("looks*.json")
        (folder / stored.name).touch()


MODELS = {"exits": Exits, "hangs": Hangs, "raises": Raises, "looks": Looks}
PLUGINS = load_plugins(mine=plugin(models=MODELS))


@pytest.mark.parametrize("model", ["exits", "raises", "hangs"])
def test_a_model_that_fails_in_save_keeps_its_numbers(
    tiny: str, caplog: pytest.LogCaptureFixture, model: str
) -> None:
    heard = []
    listener = plugin(run_finished=None)
    listener.recbench_run_finished = recbench.hookimpl(lambda result: heard.append(result.status))
    plugins = load_plugins(mine=plugin(models=MODELS), listener=listener)
    timeout = 20 if model == "hangs" else None
    (result,) = recbench.run(model, tiny, plugins=plugins, timeout=timeout)
    assert result.ok
    assert f"{model}: the fitted model was not saved: " in caplog.text
    assert heard == ["ok"]
    assert [stored.status for stored in Store("results").all(plugins)] == ["ok"]


def test_numbers_are_stored_before_the_model_is_saved(tiny: str) -> None:
    assert recbench.run("looks", tiny, plugins=PLUGINS)[0].ok
    (folder,) = Path("results").rglob("*.model")
    assert any(file.suffix == ".json" for file in folder.iterdir())


def test_the_peak_memory_is_stored_though_it_is_known_only_at_the_end(tiny: str) -> None:
    recbench.run("popular", tiny)
    (stored,) = Store("results").all()
    assert stored.peak_memory


class LeavesThread(Popular):
    """It leaves a thread running, which only its end shows."""

    def score(self, history: Interactions) -> Any:
        import threading

        if Path("leave").exists():
            threading.Thread(target=threading.Event().wait, name="left").start()
        return super().score(history)


def test_a_violation_at_the_end_replaces_the_numbers_of_this_run_only(
    tiny: str, caplog: pytest.LogCaptureFixture
) -> None:
    plugins = load_plugins(mine=plugin(models={"leaves": LeavesThread}))
    Path("leave").touch()
    (failed,) = recbench.run("leaves", tiny, plugins=plugins)
    assert "left threads running: left" in failed.status
    assert [result.status for result in Store("results").all(plugins)] == [failed.status]
    assert not list(Path("results").rglob("*.parquet"))
    Path("leave").unlink()
    (good,) = recbench.run("leaves", tiny, plugins=plugins)
    assert good.ok
    Path("leave").touch()
    assert not recbench.run("leaves", tiny, plugins=plugins, force=True)[0].ok
    (kept,) = Store("results").all(plugins)
    assert (kept.ok, kept.values, kept.finished) == (True, good.values, good.finished)
    assert "leaves: the stored result of an earlier run is kept" in caplog.text


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs permissions of POSIX")
def test_a_folder_that_cannot_be_written_is_refused_only_if_something_must_be_written(
    here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here()

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("recbench.files.atomic", refuse)
    for more in ({}, {"ks": (2,)}):  # the numbers at other cut-offs follow from the stored ranks
        runs = here(**more)
        assert (len(runs.reused), runs.not_stored) == (1, ())
    assert runs[0].value("ndcg", 2).mean > 0
    with pytest.raises(RecbenchError, match="Read-only file system"):
        here(seed=1)
    assert here.module.FITS == []


def test_a_plugin_that_is_edited_during_the_run_fails_before_it_is_trained(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(self: Any, experiment: Any, cell: Any) -> None:
        (tmp_path / "helper_of_mine.py").write_text("SIGN = 2\n")

    monkeypatch.setattr("recbench.keeper.Keeper.find", find)
    (result,) = here()
    assert "the code of plugin mine was changed while the command ran" in result.status
    assert here.module.FITS == []
    assert here()[0].ok


# Factories


def _picky(name: str = "") -> Any:
    raise UsageError("name must not be empty" if not name else f"name must not be {name!r}")


def test_a_factory_that_raises_a_usage_error_ends_the_command_only_for_written_options(
    tiny: str,
) -> None:
    plugins = load_plugins(mine=plugin(models={"picky": _picky}))
    with pytest.raises(UsageError) as caught:
        recbench.run(["popular", "picky:name=x"], tiny, plugins=plugins)
    assert str(caught.value) == "model picky (plugin mine): name must not be 'x'"
    assert not Path("results").exists()
    good, bad = recbench.run(["popular", "picky"], tiny, plugins=plugins)
    assert good.ok
    assert "name must not be empty" in bad.status


def test_a_factory_without_a_signature_does_not_end_the_run(tiny: str) -> None:
    plugins = load_plugins(mine=plugin(models={"no-model": dict, "mine": Popular}))
    bad, good = recbench.run(["no-model", "mine"], tiny, plugins=plugins)
    assert good.ok
    assert "no-model (plugin mine)" in bad.status


@pytest.mark.parametrize("number", [10**300, 10**400, -1])
def test_an_impossible_number_of_parameters_is_left_out(
    tiny: str, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    class Huge(Popular):
        def fit(self, train: Interactions) -> Any:
            super().fit(train)
            self.n_parameters = number
            return self

    plugins = load_plugins(mine=plugin(models={"huge": Huge}))
    for in_process in (True, False):
        (result,) = recbench.run("huge", tiny, plugins=plugins, in_process=in_process)
        assert (result.ok, result.parameters) == (True, None)
    assert json.loads(next(Path("results").rglob("[!.]*.json")).read_text())["parameters"] is None


def test_a_model_that_sorts_its_input_fails_and_later_models_have_the_right_numbers(
    busy: str,
) -> None:
    class Sorts(Popular):
        def fit(self, train: Interactions) -> Any:
            items = train.items
            while items.base is not None and isinstance(items.base, np.ndarray):
                items = items.base
            items.flags.writeable = True
            items.sort()
            return super().fit(train)

    plugins: Plugins = load_plugins(mine=plugin(models={"sorts": Sorts}))
    bad, popular = recbench.run(["sorts", "popular"], busy, plugins=plugins, in_process=True)
    assert "fit changed the interactions" in bad.status
    alone = recbench.run("popular", busy, results=None)[0]
    assert popular.values == alone.values
