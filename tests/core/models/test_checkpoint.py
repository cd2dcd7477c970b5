"""Interrupted training resumes; a checkpoint belongs to one cell and run, and is not a result."""

import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest
from helpers import plugin
from made_epochs import TRIES, Epochs, read_tries, run_epochs

import recbench
from recbench import RecbenchError, Store, load_plugins
from recbench.files import locked
from recbench.isolation.runner import AVAILABLE
from recbench.models.checkpoint import (
    folder_for,
    read_checkpoint,
    remove,
    remove_stale,
    write_checkpoint,
)
from recbench.verify import verify

pytest.importorskip("fcntl", reason="needs POSIX signals and locks")

ISOLATED = pytest.param(
    False, marks=pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")
)


def _start(*given: Any, before: str = "") -> subprocess.Popen[str]:
    """Start `run_epochs` in a process that may be killed; it prints whether each result is ok."""
    run = f"print([result.ok for result in made_epochs.run_epochs(*{given!r})])"
    return subprocess.Popen(
        [sys.executable, "-c", f"import made_epochs; {before or 0}; {run}"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _checkpoints() -> list[Path]:
    return list(Path("r").rglob("*.checkpoint"))


def _wait(until: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)


def _reached(epoch: str) -> bool:
    return any(file.read_text() == epoch for file in Path("r").rglob("epoch.json"))


def _epoch() -> str:
    (place,) = _checkpoints()
    return (place / "kept" / "epoch.json").read_text().strip()


@pytest.mark.parametrize("in_process", [ISOLATED, True])
def test_training_resumes_after_a_kill(tiny: str, in_process: bool) -> None:
    running = _start(tiny, in_process)
    running.communicate(timeout=60)
    assert running.returncode == (-signal.SIGKILL if in_process else 0)
    assert _epoch() == "2"
    (result,) = run_epochs(tiny, in_process)
    assert result.ok
    assert read_tries() == ["0", "2"]
    assert np.isnan(result.fit_seconds)  # the time of the first attempt is unknown
    assert not _checkpoints()
    (whole,) = run_epochs(tiny, in_process, results=None)
    assert whole.values == result.values
    assert whole.fit_seconds >= 0
    assert read_tries() == ["0", "2", "none"]


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("epochs:ends=raise", {"in_process": True}),
        pytest.param("epochs:ends=raise", {}, marks=ISOLATED.marks),
        pytest.param("epochs:ends=wait", {"timeout": 2}, marks=ISOLATED.marks),
    ],
)
def test_a_failure_keeps_the_checkpoint_and_reports_it(
    tiny: str, model: str, more: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (result,) = run_epochs(tiny, model=model, **more)
    assert not result.ok
    assert _epoch() == "2"
    assert "Run the command again to resume the training, or add --force" in caplog.text
    caplog.clear()
    (result,) = run_epochs(tiny, model=model, **more)
    assert result.ok
    assert read_tries() == ["0", "2"]
    assert "its checkpoint" not in caplog.text
    assert not _checkpoints()


def test_force_restarts_the_training(tiny: str) -> None:
    run_epochs(tiny, in_process=True, model="epochs:ends=raise")
    run_epochs(tiny, in_process=True, model="epochs:ends=raise", force=True)
    assert read_tries() == ["0", "0"]
    assert not _checkpoints()


def test_the_checkpoint_is_kept_until_the_result_is_stored(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RecbenchError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write", fails)
        (result,) = run_epochs(tiny, in_process=True, model="epochs:ends=not")
    assert result.ok
    assert _epoch() == "4"
    (again,) = run_epochs(tiny, in_process=True, model="epochs:ends=not")
    assert again.values == result.values
    assert read_tries() == ["0", "4"]
    assert not _checkpoints()


def test_a_failure_without_a_checkpoint_leaves_no_folder(tiny: str) -> None:
    class Fails(Epochs):
        def fit(self, train: Any, checkpoint: Path | None = None) -> Any:
            raise ZeroDivisionError(checkpoint)

    plugins = load_plugins(mine=plugin(models={"fails": Fails}))
    (result,) = recbench.run(["fails"], tiny, results="r", plugins=plugins, in_process=True)
    assert "kept" in result.status
    assert not _checkpoints()


def test_each_cell_has_a_separate_checkpoint(tiny: str, busy: str) -> None:
    run_epochs(tiny, in_process=True, model="epochs:ends=raise")
    run_epochs(tiny, in_process=True, model="epochs:ends=raise,padding=1")
    run_epochs(busy, in_process=True, model="epochs:ends=raise")
    assert read_tries() == ["0", "0", "0"]
    assert _epoch() == "2"


@pytest.mark.parametrize("in_process", [ISOLATED, True])
@pytest.mark.parametrize("force", [False, True])
def test_only_the_first_of_two_simultaneous_runs_uses_the_checkpoint(
    tiny: str, in_process: bool, force: bool
) -> None:
    model = "epochs:ends=wait"
    running = _start(tiny, in_process, model)
    _wait(lambda: read_tries() and _reached("2"))
    (second,) = run_epochs(tiny, in_process, model, force=force)
    assert _checkpoints()  # the checkpoint of the other run
    Path("go").touch()
    out, err = running.communicate(timeout=60)
    assert "[True]" in out, err
    assert second.ok
    assert read_tries() == ["0", "none"]
    assert not _checkpoints()


@pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")
def test_a_model_that_outlives_its_killed_run_keeps_the_checkpoint_locked(tiny: str) -> None:
    running = _start(tiny, False, "epochs:ends=wait")
    _wait(lambda: _reached("2"))
    running.kill()
    running.communicate(timeout=60)

    def is_free() -> bool:
        with locked(_checkpoints()[0], patience=0) as alone:
            return alone

    _wait(is_free)
    (result,) = run_epochs(tiny, model="epochs:ends=wait")
    assert result.ok
    assert read_tries() == ["0", "2"]


def test_without_locks_training_uses_no_checkpoint(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", no_locks)
    (result,) = run_epochs(tiny, in_process=True, model="epochs:ends=not")
    assert result.ok
    assert read_tries() == ["none"]
    assert not _checkpoints()


def test_a_folder_that_cannot_be_created_does_not_stop_training(tiny: str) -> None:
    run_epochs(tiny, in_process=True, model="epochs:ends=raise")
    (place,) = _checkpoints()
    shutil.rmtree(place)
    place.touch()
    (result,) = run_epochs(tiny, in_process=True, model="epochs:ends=raise")
    assert result.ok
    assert read_tries() == ["0", "none"]


@pytest.mark.parametrize("in_process", [ISOLATED, True])
def test_a_full_disk_does_not_stop_training(tiny: str, in_process: bool) -> None:
    TRIES.write_text("earlier\n")
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))"
    running = _start(tiny, in_process, "epochs:padding=5000", before=f"import resource; {limit}")
    out, err = running.communicate(timeout=60)
    assert "[True]" in out, err
    assert "NOT STORED" in err
    assert not list(Path("r").rglob("epoch.json"))


def test_a_checkpoint_is_never_read_as_a_result(tiny: str) -> None:
    run_epochs(tiny, in_process=True, model="popular")
    run_epochs(tiny, in_process=True, model="epochs:ends=raise")
    (stored,) = (result for result in Store("r").all() if result.ok)
    (place,) = _checkpoints()
    shutil.copy(Store("r").path(stored), place / "kept")
    Store("r").ready()
    assert [result.model for result in Store("r").all()] == ["epochs:ends=raise", "popular"]
    (again,) = recbench.run(["popular"], tiny, ks=3, results="r", in_process=True)
    assert again.model == "popular"
    assert _epoch() == "2"
    (cut,) = (place / "kept").glob("popular*.json")
    cut.write_bytes(cut.read_bytes()[:-9])
    assert [check.path for check in verify(["r"])] == [Store("r").path(stored)]


def test_only_one_thread_holds_a_checkpoint_while_others_remove_it(tmp_path: Path) -> None:
    place = tmp_path / "r" / "x.checkpoint"
    had, removed = [0] * 4, [0] * 2

    def is_enough() -> bool:
        return min(sum(had), sum(removed)) >= 10

    def train(nth: int) -> None:
        while not is_enough():
            with folder_for(Epochs(), place) as folder:
                if folder is not None:
                    file = folder / "epoch.json"
                    file.touch(exist_ok=False)  # no other thread holds the folder, and it is empty
                    time.sleep(0.001)
                    file.unlink()  # the folder was not removed in the meantime
                    had[nth] += 1

    def remove_again(nth: int) -> None:
        while not is_enough():
            removed[nth] += remove(place)

    with ThreadPoolExecutor(6) as threads:
        done = [threads.submit(train, nth) for nth in range(4)]
        done += [threads.submit(remove_again, nth) for nth in range(2)]
        for future in done:
            future.result(timeout=60)


def _outside(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    for file in (outside / "state", outside / "kept" / "state"):
        file.write_text("mine")
    return outside


def _place(tmp_path: Path, where: str, outside: Path) -> Path:
    """Return a checkpoint with a link to a folder outside: in its place, as `kept`, or inside."""
    place = tmp_path / "results" / "x.checkpoint"
    link = {"place": place, "kept": place / "kept", "inside": place / "kept" / "link"}[where]
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    return place


@pytest.mark.parametrize("where", ["place", "kept", "inside"])
@pytest.mark.parametrize("use", ["train", "remove", "stale"])
def test_links_in_a_checkpoint_are_not_followed(tmp_path: Path, where: str, use: str) -> None:
    outside = _outside(tmp_path)
    before = sorted(outside.rglob("*"))
    place = _place(tmp_path, where, outside)
    if use == "train":
        with folder_for(Epochs(), place) as folder:
            assert folder == place / "kept"
            assert folder.resolve() == folder
            write_checkpoint(folder, b"new")
            assert read_checkpoint(folder) == b"new"
    elif use == "remove":
        assert remove(place)
    else:
        for path in (place, *place.parent.rglob("*")):
            os.utime(path, (0, 0), follow_symlinks=False)
        remove_stale(place.parent)
    assert os.path.lexists(place) == (use == "train")
    assert sorted(outside.rglob("*")) == before
    assert (outside / "state").read_text() == (outside / "kept" / "state").read_text() == "mine"


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_checkpoint(None, b"no folder")
    assert read_checkpoint(None) is None
    assert read_checkpoint(tmp_path) is None
    for content in (b"", b"old", os.urandom(1000)):
        write_checkpoint(tmp_path, content)
        assert read_checkpoint(tmp_path) == content
    (tmp_path / ".writing-0123").touch()  # of a run that was killed
    assert read_checkpoint(tmp_path) == content
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _replace(make: Callable[[Path], Any]) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


DAMAGE = [
    _flip,
    lambda path: path.write_bytes(path.read_bytes()[:-1]),
    lambda path: path.write_bytes(b""),
    _replace(os.mkfifo),
    _replace(Path.mkdir),
    _replace(lambda path: path.symlink_to("nowhere")),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_removed_with_a_warning(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    write_checkpoint(tmp_path, b"the state of a training")
    damage(tmp_path / "state")
    assert read_checkpoint(tmp_path) is None
    assert f"{tmp_path / 'state'} is damaged or of another training" in caplog.text
    assert not list(tmp_path.iterdir())
    write_checkpoint(tmp_path, b"again")
    assert read_checkpoint(tmp_path) == b"again"


def test_a_checkpoint_of_another_cell_is_not_used(tmp_path: Path) -> None:
    mine, other = (tmp_path / f"{name}.checkpoint" / "kept" for name in ("mine", "other"))
    other.mkdir(parents=True)
    write_checkpoint(other, b"other")
    shutil.copytree(tmp_path / "other.checkpoint", tmp_path / "mine.checkpoint")
    assert read_checkpoint(mine) is None
    assert read_checkpoint(other) == b"other"


def test_a_checkpoint_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "nowhere", tmp_path / "file"):
        write_checkpoint(folder, b"state")
        assert read_checkpoint(folder) is None


class Strange:
    fit = 3


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        (Epochs(), True),
        (Strange(), False),
        (type("Any", (), {"fit": lambda _self, *_given, **_more: None})(), False),
        (type("Many", (), {"fit": lambda _self, *checkpoint: None})(), False),
        (type("Keyword", (), {"fit": lambda _self, _train, *, checkpoint=None: None})(), True),
    ],
)
def test_checkpoints_are_for_models_with_a_parameter_of_that_name(model: Any, takes: bool) -> None:
    assert isinstance(model, recbench.Resumable) == takes
