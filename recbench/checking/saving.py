"""Outside the flow: the rules for models that can be saved, and whose training can resume."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recbench.checking.rule import NotApplicableError, require
from recbench.checking.subject import Subject
from recbench.errors import RecbenchError
from recbench.models.checkpoint import KEPT

PLACE = "check.checkpoint"
"""What checkpoints are called: those of one training have the same name."""

POLL = 0.0005
"""Seconds between two looks at what a training has saved."""


def saves(subject: Subject) -> str:
    """A model that is saved and loaded gives the same answers."""
    model = subject.fitted()
    if not model.traits.storable:
        raise NotApplicableError("it has no save and load")
    kept = subject.kept()
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        loaded = subject.new()
        loaded.load(Path(folder))
    shown = kept.difference(loaded, subject.train, ("before", "afterwards"))
    require(not shown, f"a model that is saved and loaded must give the same answers: {shown}")
    return f"{len(files)} files, {size:,} bytes"


def resumes(subject: Subject) -> str:
    """A training that was interrupted resumes, and ends with the same model."""
    kept = subject.kept()
    default = kept.traits.checkpoint
    if not default:
        raise NotApplicableError("its fit has no parameter checkpoint")
    require(default == "None", f"the default of fit's checkpoint must be None, but it is {default}")

    def resume(place: Path, rule: str) -> None:
        try:
            model = subject.fit(subject.train, place)
        except RecbenchError as error:
            raised = str(error).removeprefix("fit raised ")
            raise AssertionError(f"{rule}; it raised {raised}") from error
        shown = kept.difference(model, subject.train, ("without interruption", "then"))
        require(not shown, f"{rule}: {shown}")

    with tempfile.TemporaryDirectory() as parent:
        done, interrupted, blocked = (
            Path(parent, name, PLACE) for name in ("done", "interrupted", "blocked")
        )
        with _copying_the_first_state(done / KEPT, interrupted / KEPT):
            resume(done, "fit with an empty checkpoint must give the same model")
        files = sorted(path.name for path in (done / KEPT).iterdir())
        if interrupted.exists():
            resume(
                interrupted,
                "fit that was interrupted and resumes from its checkpoint must give the same model",
            )
        resume(done, "fit that resumes from its checkpoint must give the same model")
        for file in files:  # a folder with the file's name: nothing can be read or written there
            Path(blocked, KEPT, file, "in the way").mkdir(parents=True)
        resume(blocked, "fit that cannot write its checkpoint must give the same model")
    if not files:
        return "it saved nothing in so short a training"
    return "after its first state, after its last one, and where nothing can be written"


@contextmanager
def _copying_the_first_state(folder: Path, to: Path) -> Iterator[None]:
    """Copy what a training saves in the folder first: what would be left if it were killed then.

    Nothing is copied while it is being written.
    """
    ended = threading.Event()

    def watch() -> None:
        before: dict[str, int] = {}
        while not ended.wait(POLL):
            with suppress(OSError, shutil.Error):  # a file is being replaced
                sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
                if sizes and sizes == before and all(sizes.values()):
                    shutil.rmtree(to, ignore_errors=True)
                    shutil.copytree(folder, to)
                    return
                before = sizes

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
