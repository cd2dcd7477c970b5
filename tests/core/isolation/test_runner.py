"""Models that break a rule: each becomes a failed result with the reason, and the others run."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench
from recbench import Result, load_plugins
from recbench.isolation.runner import AVAILABLE
from recbench.isolation.stdout import OutputRelay
from recbench.models.answers import Answers

HOSTILE = Path(__file__).parents[2] / "hostile"
sys.path.insert(0, str(HOSTILE))

import recbench_hostile as hostile  # noqa: E402

pytest.importorskip("fcntl", reason="needs signals of POSIX")

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")

RAISES = {
    "raises": "ZeroDivisionError: on purpose",
    "exit": "SystemExit: 7",
    "interrupt": "KeyboardInterrupt",
    "generator": "GeneratorExit",
    "stop": "StopIteration",
    "memoryerror": "MemoryError",
    "own": "Own: of mine",
    "unspeakable": "UnspeakableError",
    "endless-words": "ValueError: word word",
    "surrogate": r"ValueError: \\udcff",
    "os-exit": "exited with code 3",
    "abort": "SIGABRT",
}
READ_ONLY = "ValueError: .*(read-only|WRITEABLE).*copy an array of train or history"
IN_FIT = {
    "writes-train": READ_ONLY,
    "sorts-train": READ_ONLY,
    "flag": READ_ONLY,
    "setflags": READ_ONLY,
    "setattr": "fit changed the interactions that it was given",
    "strides": READ_ONLY,
    "interface": "SIGSEGV",
    "address": "SIGSEGV during fit.* writes into train or history, which are read-only",
    "mprotect": "SIGSEGV",
    "thread-writes": f"one of its threads raised {READ_ONLY}",
    "segfault": "SIGSEGV during fit",
    "kills-itself": "SIGKILL during fit",
    "kills-parent": "fit killed the process that monitors it",
    "kills-grandparent": "fit killed the process that monitors it",
    "daemon-and-kills-parent": "fit killed the process that monitors it",
    "alarm": "SIGALRM during fit",
    "recursion": "fit raised RecursionError",
    "stack-overflow": "SIGSEGV|RecursionError",
    "prints": "it printed more than 1 MB during fit",
    "writes-stdout": "it printed more than 1 MB during fit",
    "child-prints": "it printed more than 1 MB during fit",
    "leaves-thread": "it left threads running: Thread-",
    "leaves-nameless-thread": "it left threads running: a thread without a name",
    "leaves-daemon-thread": "it left threads running: mine",
    "leaves-process": r"it left processes running: sleep 1000 \(process",
    "leaves-stubborn-process": "it left processes running: sleep 1000",
    "leaves-fork": "it left processes running",
    "leaves-daemon": "it left processes running",
    "closes-all": "fit closed or corrupted the connection to recbench",
    "closes-all-and-hangs": "fit closed or corrupted the connection to recbench",
    "garbage": "fit closed or corrupted the connection to recbench",
    "forges": "fit closed or corrupted the connection to recbench",
    "forges-arrays": "fit closed or corrupted the connection to recbench",
    "forges-types": "fit closed or corrupted the connection to recbench",
    "forges-nesting": "fit closed or corrupted the connection to recbench",
}
FIRST = r"\(first affected: user u0\)"
IN_SCORE = {
    "nan": r"score returned nan for item number 2; .* \(first affected: user u1\)",
    "inf": r"score returned inf for item number 2; .* \(first affected: user u1\)",
    "transposed": rf"score .* shape \(7, 6\); .* = \(6, 7\).* {FIRST}",
    "row-less": rf"score .* shape \(5, 7\); .* = \(6, 7\).* {FIRST}",
    "column-less": rf"score .* shape \(6, 6\); .* = \(6, 7\).* {FIRST}",
    "too-wide": rf"score .* shape \(6, 35\); .* = \(6, 7\).* {FIRST}",
    "one-number": rf"score .* shape \(\); .* = \(6, 7\).* {FIRST}",
    "strings": rf"score returned an array of type <U32; it must return numbers {FIRST}",
    "objects": rf"score returned an array of type object; it must return numbers;.* {FIRST}",
    "complex": rf"score returned an array of type complex128; it must return numbers;.* {FIRST}",
    "bools": rf"score returned an array of type bool; it must return numbers;.* {FIRST}",
    "nothing": rf"score returned None; .* {FIRST}",
    "ragged": rf"score returned rows of different lengths; .* {FIRST}",
    "duplicates": rf"recommend returned item number \d twice in the list \[.*\]; .* {FIRST}",
    "above-range": rf"recommend returned item number 100000\d in .* must be from 0 to 6.*{FIRST}",
    "below-range": rf"recommend returned item number -2 in .* must be from 0 to 6.*{FIRST}",
    "too-short": rf"recommend .* shape \(6, 2\); .* = \(6, 3\).* {FIRST}",
    "too-long": rf"recommend .* shape \(6, 27\); .* = \(6, 3\).* {FIRST}",
    "words": rf"recommend returned an array of type <U\d+; it must return whole numbers;.* {FIRST}",
    "floats": rf"recommend returned an array of type float64; it must .* whole numbers;.* {FIRST}",
    "gap": rf"recommend returned item number \d after the padding -1 in the list.*{FIRST}",
    "seen": rf"recommend returned item number \d, which is in the user's history; leave .*{FIRST}",
    "batch-mean": r"scores depend on the batch: .*first affected: user u\d\)",
    "batch-size": r"scores depend on the batch: .*first affected: user u\d\)",
    "first-in-batch": r"scores depend on the batch: .*first affected: user u\d\)",
    "batch-neighbours": r"scores depend on the batch: .*first affected: user u\d\)",
    "writes-history": rf"score raised {READ_ONLY} .*{FIRST}",
    "history-flag": rf"score raised {READ_ONLY} .*{FIRST}",
    "history-base": rf"score raised TypeError: cannot modify read-only memory .* {FIRST}",
    "history-address": rf".*SIGSEGV during score.*{FIRST}",
    "history-setattr": rf"score changed the interactions that it was given; copy .* {FIRST}",
    "keeps-train": rf"score raised {READ_ONLY} .*{FIRST}",
    "keeps-history": rf"score raised {READ_ONLY} .*\(first affected: user u\d\)",
}


@pytest.fixture(autouse=True)
def _nothing_is_left_running(tmp_path: Path) -> Iterator[None]:
    yield
    until = time.monotonic() + 3
    while left := _running_in(tmp_path):
        assert time.monotonic() < until, left
        time.sleep(0.02)


def _running_in(folder: Path) -> list[str]:
    """Return the command lines of processes in this working directory, where tests start them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = Path(os.readlink(process / "cwd"))
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if where.is_relative_to(folder) and int(process.name) != os.getpid() and state != "Z":
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def _status(dataset: str, name: str, **limits: Any) -> str:
    """Return the status of a hostile model that runs before a good one."""
    models = {name: hostile.MODELS[name], "fine": hostile.Counts}
    plugins = load_plugins(theirs=plugin(models=models))
    results = recbench.run([name, "fine"], dataset, ks=3, results=None, plugins=plugins, **limits)
    first, last = results
    assert last.ok, last.status
    assert first.ok or first.status.startswith(f"failed: {name} (plugin theirs): ")
    return first.status


def _assert_matches(status: str, words: str) -> None:
    assert re.search(words, status), f"{status!r} does not match {words!r}"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Return the results of models that raise or return wrong answers, from a single run."""
    lines = [f"u{u},i{(u + t) % 7},{t + 10 * u}" for t in range(4) for u in range(6)]
    dataset = tmp_path_factory.mktemp("finished") / "log.csv"
    dataset.write_text("\n".join(["user_id,item_id,timestamp", *lines]) + "\n")
    raising = [f"{where}-{name}" for where in ("factory", "fit", "score") for name in RAISES]
    plugins = load_plugins(theirs=plugin(models=hostile.MODELS))
    names = ["popular", *raising, *IN_SCORE, "good"]
    results = recbench.run(names, dataset, ks=3, results=None, plugins=plugins)
    assert len(results.failed) == len(results) - 2
    first, *_, last = results
    assert first.values == last.values
    return {result.model: result for result in results}


@pytest.mark.parametrize("name", RAISES)
@pytest.mark.parametrize("where", ["factory", "fit", "score"])
def test_exceptions_become_failed_results(
    finished: dict[str, Result], where: str, name: str
) -> None:
    status = finished[f"{where}-{name}"].status
    _assert_matches(status, rf"^failed: {where}-{name} \(plugin theirs\): .*{RAISES[name]}")
    assert ("(first affected: user u" in status) == (where == "score")
    assert len(status) < 1500


@pytest.mark.parametrize("name", IN_FIT)
def test_violations_in_fit_become_failed_results(
    tiny: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutputRelay, "MAX_BYTES", 2**20)
    status = _status(tiny, name)
    _assert_matches(status, IN_FIT[name])
    assert "first affected" not in status


@pytest.mark.parametrize("name", IN_SCORE)
def test_invalid_answers_become_failed_results(finished: dict[str, Result], name: str) -> None:
    _assert_matches(finished[name].status, rf"^failed: {name} \(plugin theirs\): {IN_SCORE[name]}")


def test_the_first_user_of_a_batch_that_fails_is_named(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        Answers.__init__.__kwdefaults__, "memory", 2 * 7 * 10
    )  # two histories per batch
    _assert_matches(_status(tiny, "score-raises"), r"on purpose .*\(first affected: user u2\)")


@pytest.mark.parametrize("name", ["factory-hangs", "fit-hangs", "score-hangs"])
def test_models_that_never_return_become_failed_results(tiny: str, name: str) -> None:
    step = "model construction" if name == "factory-hangs" else name.removesuffix("-hangs")
    _assert_matches(
        _status(tiny, name, timeout=1), rf"time limit of 1 s \(--timeout\) ran out during {step}"
    )


@pytest.mark.parametrize("name", ["eats-memory", "eats-shared-memory", "child-eats-memory"])
def test_models_that_use_too_much_memory_become_failed_results(tiny: str, name: str) -> None:
    words = r"fit used more memory than the limit of 300 MB \(--memory\)"
    _assert_matches(_status(tiny, name, memory=300), words)


@pytest.mark.parametrize("name", [name for name in hostile.MODELS if name.startswith("good")])
def test_unusual_but_valid_models_do_not_fail(tiny: str, name: str) -> None:
    assert _status(tiny, name, timeout=60, memory=700) == "ok"


# plugins that are installed, and the command line


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a folder of installed plugins: the hostile one, and some that exit on import."""
    folder = tmp_path / "site"
    folder.mkdir()
    ends = {"raise": "1 / 0", "sysexit": "sys.exit(3)", "osexit": "os._exit(0)"}
    modules = {f"broken_{name}": f"import os, sys\n{text}\n" for name, text in ends.items()}
    modules["broken_abort"] = "from os import abort\nabort()\n"
    modules["recbench_eager"] = EAGER
    modules["recbench_hostile"] = (HOSTILE / "recbench_hostile.py").read_text()
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[recbench]\n{module} = {module}\n")
    return folder


EAGER = """
import sys
import recbench
from recbench_popular import Popular

class Eager(Popular):
    def fit(self, train):
        if "scipy" not in sys.modules:
            raise ImportError("it must be imported here")
        import scipy
        return super().fit(train)

@recbench.hookimpl
def recbench_models():
    return {"eager": Eager}
"""
"""A model that expects a slow package to be imported already."""


def _start(installed: Path, *args: str, **more: Any) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [str(installed), os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, "-m", "recbench", *args],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        **{"stderr": subprocess.PIPE, "text": True, **more},
    )


def _cells(text: str) -> dict[str, dict[str, str]]:
    return {row["model"]: row for row in csv.DictReader(io.StringIO(text))}


def _numbers(text: str) -> dict[str, dict[tuple[str, str], str]]:
    found: dict[str, dict[tuple[str, str], str]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        found.setdefault(row["model"], {})[row["metric"], row["k"]] = row["value"]
    return found


def test_failures_of_installed_models_are_shown_and_do_not_affect_others(
    installed: Path, tiny: str
) -> None:
    expected = {
        "nan": IN_SCORE["nan"],
        "duplicates": IN_SCORE["duplicates"],
        "first-in-batch": IN_SCORE["first-in-batch"],
        "score-raises": "ZeroDivisionError: on purpose",
        "factory-os-exit": "exited with code 3",
        "fit-abort": "SIGABRT",
        "score-exit": "SystemExit: 7",
        "score-hangs": r"the time limit of 3 s \(--timeout\) ran out during score",
        "eats-memory": r"used more memory than the limit of 300 MB \(--memory\)",
        "prints": "it printed more than 32 MB during fit",
        "leaves-thread": "it left threads running",
        "leaves-daemon": "it left processes running",
        "kills-parent": "killed the process that monitors it",
        "kills-grandparent": "killed the process that monitors it",
        "garbage": "corrupted the connection",
        "address": "SIGSEGV",
        "keeps-history": READ_ONLY,
        "broken-raise": "plugin broken_raise is broken: ZeroDivisionError",
        "broken-sysexit": "plugin broken_sysexit is broken: SystemExit: 3",
        "broken-osexit": r"plugin broken_osexit is broken: it calls os\._exit when it is imported",
        "broken-abort": r"plugin broken_abort is broken: it calls os\.abort when it is imported",
    }
    kept = ["--results", "r", "--format", "csv"]
    data = ["--dataset", tiny, *kept, "--timeout", "3", "--memory", "300"]
    running = _start(installed, "run", "popular", *expected, "eager", "good", *data)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 1, err[-3000:]
    shown = _start(installed, "table", *kept)
    table, err = shown.communicate(timeout=60)
    for cells in (_cells(out), _cells(table)):
        assert cells.keys() == {"popular", "eager", "good", *expected}
        for name, words in expected.items():
            _assert_matches(cells[name]["status"], words)
            _assert_matches(cells[name]["status"], rf"failed: {name}\b")
        assert all(cells[name]["status"] == "ok" for name in ("popular", "eager", "good"))
    for text in (out, table):
        numbers = _numbers(text)
        assert numbers["popular"] == numbers["good"]
        assert ("ndcg", "10") in numbers["popular"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_or_killed_run_leaves_no_processes(
    installed: Path, tiny: str, tmp_path: Path, number: signal.Signals
) -> None:
    running = _start(installed, "run", "popular", "fit-hangs", "--dataset", tiny, "--results", "r")
    assert running.stderr is not None
    while "fit-hangs: fitting" not in running.stderr.readline():
        assert running.poll() is None
    while len(_running_in(tmp_path)) < 4:  # the run, the fork server, a watcher and the model
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(number)
    running.communicate(timeout=30)
    assert running.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert [result.model for result in recbench.Store("r").all()] == ["popular"]


def test_a_model_cannot_find_the_targets_in_its_memory(installed: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    targets = 100 + random.permutation(100)  # each once
    lines = [f"{user},{10 + (user + nth) % 50},{nth}" for user in range(100) for nth in range(3)]
    lines += [f"{user},{target},9" for user, target in enumerate(targets)]
    Path("log.csv").write_text("\n".join(["user_id,item_id,timestamp", *lines]) + "\n")
    numbers = np.unique([int(line.split(",")[1]) for line in lines], return_inverse=True)[1]
    pattern = numbers[-100:][:12].astype(np.int32).tobytes()
    spy = f"spy:pattern=x{hostile.hidden(pattern)}".replace("=x", "=")
    data = ["--dataset", "log.csv", "--results", "r", "--format", "json", "--force"]
    for model, found, more in (
        (spy, False, []),
        (f"{spy},plants=true", True, []),
        (spy, True, ["--in-process"]),
    ):
        running = _start(installed, "run", model, *data, *more)
        out, err = running.communicate(timeout=60)
        assert running.returncode == found, err
        assert ("LookupError: found" in json.dumps(out)) == found


def test_on_a_terminal_a_model_prints_to_a_terminal(installed: Path, tiny: str) -> None:
    import pty

    ours, theirs = pty.openpty()
    running = _start(
        installed, "run", "good-stdout", "--dataset", tiny, "--results", "r", stderr=theirs
    )
    os.close(theirs)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "good-stdout" in out
    assert b"to be seen" in os.read(ours, 2**16)
    os.close(ours)
