"""`check_plugin` and `recbench plugin check`: every rule is a line, and models are isolated."""

from __future__ import annotations

import os
import re
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench
from recbench.checking import executors
from recbench.checking.plugin import PluginCheck
from recbench.cli.main import main

GOOD = '''
import numpy as np
import recbench

class Mine:
    """Popular items.

    Parameters
    ----------
    power : float, default: 1.0
        Exponent of the counts.
    """

    def __init__(self, power: float = 1.0):
        if power <= 0:
            raise recbench.UsageError(f"model Mine: power={power} must be positive")
        self.power = power

    def fit(self, train):
        self.counts_ = np.bincount(train.items, minlength=train.n_items) ** self.power
        return self

    def score(self, history):
        return np.tile(self.counts_, (len(history), 1))
'''

IN_FIT = "        self.counts_ ="
LINUX = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="models are isolated on Linux")


def write(folder: Path, text: str, name: str = "mine.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def outcomes(checked: PluginCheck) -> dict[str, str]:
    return {each.rule: each.outcome for each in checked}


def broken(checked: PluginCheck) -> dict[str, str]:
    return {each.rule: each.detail for each in checked if each.outcome == "failed"}


def test_a_file_is_checked_with_its_options(tmp_path: Path) -> None:
    checked = recbench.check_plugin(f"{write(tmp_path, GOOD)}:power=2")
    assert checked.holds
    assert {(each.kind, each.name) for each in checked} == {("model", "Mine:power=2")}
    details = {each.rule: each.detail for each in checked}
    assert details["options have defaults and descriptions"] == "power=1.0"
    assert re.match(
        r"NDCG@5 0.\d+ on a log with a few popular items",
        details["beats `random` where there is something to learn"],
    )
    assert len(checked) == 24
    with pytest.raises(recbench.UsageError, match=r"power=0\.0 must be positive"):
        recbench.check_plugin(f"{tmp_path / 'mine.py'}:power=0")


@LINUX
def test_a_model_that_exits_or_hangs_does_not_end_the_check(tmp_path: Path) -> None:
    exits = GOOD.replace(IN_FIT, f"        import os; os._exit(3)\n{IN_FIT}")
    found = recbench.check_plugin(write(tmp_path, exits))
    assert broken(found) == {
        "fit returns the model itself": "its process exited with code 3 during fit. A model must "
        "return or raise, not exit"
    }
    assert outcomes(found)["recommendations do not depend on the batch"] == "not run"
    assert outcomes(found)["the plugin loads fast"] == "passed"
    hangs = GOOD.replace(IN_FIT, f"        while True: pass\n{IN_FIT}")
    found = recbench.check_plugin(write(tmp_path, hangs), timeout=0.3)
    (detail,) = broken(found).values()
    assert "the time limit of 0.3 s (--timeout) ran out during fit" in detail


@LINUX
def test_a_model_that_crashes_in_one_rule_is_asked_again_in_the_next(tmp_path: Path) -> None:
    crashes = GOOD.replace(
        "        return np.tile",
        "        import os; history.lengths.all() or os.abort()\n        return np.tile",
    )
    found = recbench.check_plugin(write(tmp_path, crashes))
    assert list(broken(found)) == ["empty histories get recommendations or a clear error"]
    assert "was killed by SIGABRT during score" in next(iter(broken(found).values()))
    assert outcomes(found)["recommendations do not depend on the batch"] == "passed"


@LINUX
def test_memory_that_grows_with_the_cube_of_the_catalogue_is_found(tmp_path: Path) -> None:
    cube = GOOD.replace(IN_FIT, f"        np.ones(train.n_items**3 // 150)\n{IN_FIT}")
    found = recbench.check_plugin(write(tmp_path, cube))
    ((rule, detail),) = broken(found).items()
    assert rule == "memory grows no faster than the square of the catalogue"
    small, large, factor = re.findall(r"(\d+) MB for .* and (\d+) MB \(([\d.]+)x\)", detail)[0]
    assert 6 < float(factor) < 9
    assert 45 < int(small) < 70
    assert 390 < int(large) < 430


@LINUX
def test_a_square_of_the_catalogue_is_allowed_and_stated(tmp_path: Path) -> None:
    square = GOOD.replace(IN_FIT, f"        np.ones((train.n_items, train.n_items)) + 1\n{IN_FIT}")
    found = recbench.check_plugin(write(tmp_path, square))
    assert found.holds
    (detail,) = [each.detail for each in found if each.rule.startswith("memory")]
    assert re.match(r"\d+ MB for 1,000 items and \d+ MB \([34]\.\dx\) for 2,000, on top", detail)


@LINUX
def test_a_process_that_is_left_is_found(tmp_path: Path) -> None:
    leaves = GOOD.replace(
        IN_FIT, f"        import subprocess; subprocess.Popen(['sleep', '60'])\n{IN_FIT}"
    )
    found = recbench.check_plugin(write(tmp_path, leaves))
    ((rule, detail),) = broken(found).items()
    assert rule == "leaves no thread or process behind"
    assert "it left processes running: sleep" in detail


def test_heavy_imports_are_named_with_their_milliseconds(tmp_path: Path) -> None:
    found = recbench.check_plugin(write(tmp_path, f"import pandas\n{GOOD}"))
    ((rule, detail),) = broken(found).items()
    assert rule == "the plugin loads fast"
    assert re.match(
        r"it imports pandas, which takes \d+ ms; import it in the function or method that needs it",
        detail,
    )


def test_hooks_that_take_long_are_found(tmp_path: Path) -> None:
    hook = "import time\n@recbench.hookimpl\ndef recbench_models():\n    time.sleep(0.5)\n"
    found = recbench.check_plugin(write(tmp_path, f"{GOOD}\n{hook}    return {{'slow': Mine}}\n"))
    ((rule, detail),) = broken(found).items()
    assert rule == "the plugin loads fast"
    assert re.search(r"its import and hooks take \d{3,} ms; do the work in the function", detail)


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        ("Exponent of the counts.", "", "option power has no description"),
        ("power: float = 1.0", "power: float", "option power has no default"),
        ('"""Popular items.', '"""', "it needs a docstring, whose first line is the summary"),
    ],
)
def test_options_need_defaults_and_words(old: str, new: str, detail: str, tmp_path: Path) -> None:
    text = GOOD.replace(old, new, 1) + (
        "\n@recbench.hookimpl\ndef recbench_models():\n    return {'mine': Mine}\n"
    )
    found = recbench.check_plugin(write(tmp_path, text))
    assert list(broken(found)) == ["options have defaults and descriptions"]
    assert detail in next(iter(broken(found).values()))


def test_all_that_a_plugin_offers_is_checked_or_only_one_kind() -> None:
    class Tracker:
        @recbench.hookimpl
        def recbench_run_finished(self, result: Any) -> None:
            result.values.clear()

    mixed = plugin(
        metrics={"both": lambda ranking, k: 0.5}, tables={"both": lambda results: "nothing"}
    )
    plugins = recbench.load_plugins(mixed=mixed, tracks=Tracker())
    checked = recbench.check_plugin("mixed", plugins=plugins)
    assert {(each.kind, each.name) for each in checked} == {("metric", "both"), ("table", "both")}
    assert broken(recbench.check_plugin("both", kind="table", plugins=plugins)).keys() >= {
        "every model is in the table"
    }
    found = recbench.check_plugin("tracks", plugins=plugins)
    assert {each.kind for each in found} == {"tracker"}
    assert broken(found) == {
        "what it gets stays unchanged": "a tracker must not change what it gets, but "
        "recbench_run_finished changes result.values"
    }


def test_what_trackers_write_and_print_is_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    class Mine:
        @recbench.hookimpl
        def recbench_run_finished(self, result: Any) -> None:
            Path("mine.txt").write_text(result.model)
            print("written")

    assert recbench.check_plugin("mine", plugins=recbench.load_plugins(mine=Mine())).holds
    printed = capsys.readouterr()
    assert (list(tmp_path.iterdir()), printed.out) == ([], "")
    assert "written" in printed.err


class Lines:
    """A file with a line for each result.

    Parameters
    ----------
    file : str, default: lines.txt
        The file.
    """

    def __init__(self, file: str = "lines.txt") -> None:
        if not file:
            raise recbench.UsageError("file must be named")
        self.file = Path(file)

    @recbench.hookimpl
    def recbench_run_finished(self, result: Any) -> None:
        self.file.write_text(result.model)


def threads(workers: int = 1, address: str = "") -> ThreadPoolExecutor:
    """Threads.

    Parameters
    ----------
    workers : int, default: 1
        How many.
    address : str, default: ""
        Where they are.
    """
    if address:
        raise recbench.RecbenchError(f"no cluster answers at {address}; start one")
    return ThreadPoolExecutor(workers)


def test_named_trackers_and_executors_are_checked_with_their_options(tmp_path: Path) -> None:
    module = plugin(trackers={"lines": Lines}, executors={"threads": threads})
    plugins = recbench.load_plugins(mine=module)
    checked = recbench.check_plugin("mine", plugins=plugins)
    assert broken(checked) == {}
    assert {(each.kind, each.name) for each in checked} == {
        ("tracker", "lines"),
        ("executor", "threads"),
    }
    file = tmp_path / "mine.txt"
    checked = recbench.check_plugin(f"lines:file={file}", kind="tracker", plugins=plugins)
    assert checked.holds
    assert file.exists()
    with pytest.raises(recbench.UsageError, match="file must be named"):
        recbench.check_plugin("lines:file=", plugins=plugins)


def test_an_executor_without_its_cluster_is_not_checked_and_the_report_says_why() -> None:
    plugins = recbench.load_plugins(mine=plugin(executors={"threads": threads}))
    checked = recbench.check_plugin("threads:address=there", plugins=plugins)
    assert checked.holds
    reason = "no executor can be made here: no cluster answers at there; start one"
    not_run = [each for each in checked if each.outcome == "not run"]
    assert {each.detail for each in not_run} == {reason}
    assert len(not_run) == len(executors.RULES)
    assert " ".join(str(checked).split()).count(reason) == 1


SERVICES = """
from concurrent.futures import ThreadPoolExecutor

import recbench

class Counts:
    "Counts results."
    @recbench.hookimpl
    def recbench_all_finished(self, results):
        len(results)

class Threads(ThreadPoolExecutor):
    "Threads."
    def __init__(self):
        super().__init__(1)
"""


def test_trackers_and_executors_in_files_are_found(tmp_path: Path) -> None:
    checked = recbench.check_plugin(write(tmp_path, SERVICES))
    assert broken(checked) == {}
    assert {(each.kind, each.name) for each in checked} == {
        ("tracker", "Counts"),
        ("executor", "Threads"),
    }
    function = "def two():\n    'Two threads.'\n    return ThreadPoolExecutor(2)\n"
    file = write(tmp_path, f"from concurrent.futures import ThreadPoolExecutor\n{function}", "f.py")
    assert {each.kind for each in recbench.check_plugin(file)} == {"dataset"}
    checked = recbench.check_plugin(file, kind="executor")
    assert broken(checked) == {}
    assert {(each.kind, each.name) for each in checked} == {("executor", "two")}


def test_a_plugin_that_is_broken_is_one_line() -> None:
    plugins = recbench.load_plugins(empty=types.ModuleType("empty"))
    (finding,) = recbench.check_plugin("empty", plugins=plugins)
    assert (finding.kind, finding.outcome) == ("plugin", "failed")
    assert finding.detail == "it implements no hook; mark its functions with @recbench.hookimpl"


def test_unknown_names_kinds_and_options_are_usage_errors() -> None:
    with pytest.raises(recbench.UsageError, match="no plugin 'populr' to check; did you mean 'pop"):
        recbench.check_plugin("populr")
    with pytest.raises(
        recbench.UsageError, match="no kind of plugin 'modle'; did you mean 'model'"
    ):
        recbench.check_plugin("popular", kind="modle")
    with pytest.raises(recbench.UsageError, match="no option 'rul'; did you mean 'rule'"):
        recbench.check_plugin("popular:rul=1")
    with pytest.raises(recbench.UsageError, match="no splitter 'popular' to check"):
        recbench.check_plugin("popular", kind="splitter")


def test_what_needs_an_option_is_not_run() -> None:
    checked = recbench.check_plugin("file")
    assert checked.holds
    reasons = {each.detail for each in checked if each.outcome == "not run"}
    assert reasons == {"it needs the option path; write file:path=..."}
    assert str(checked).count("it needs the option path") == 1


def test_the_command_prints_every_rule_and_fails_if_one_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = GOOD.replace("        return self", "        print('fitted')")
    file = write(tmp_path, text)
    with pytest.raises(SystemExit) as stop:
        main(["plugin", "check", file])
    assert stop.value.code == 1
    out = capsys.readouterr().out
    first, *_, last = out.rstrip().splitlines()
    assert first == "model Mine (mine.py)"
    assert last == "24 rules: 18 passed, 1 failed, 5 not applicable, 0 not run."
    assert "FAILED          fit returns the model itself: it returned an object of" in out
    assert "fitted" not in out.replace("be fitted", "").replace("fitted twice", "")
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("name", ["recent-popular", "synthetic", "markdown", "temporal"])
def test_shipped_plugins_pass(name: str) -> None:
    checked = recbench.check_plugin(name)
    assert broken(checked) == {}
    assert sum(each.outcome == "passed" for each in checked) >= 7


def test_the_frame_has_a_row_per_rule() -> None:
    frame = recbench.check_plugin("hit").to_frame()
    assert list(frame) == ["kind", "name", "plugin", "rule", "outcome", "detail"]
    assert set(frame["kind"]) == {"metric"}
    assert np.all(frame["outcome"] == "passed")
