"""Outside the flow: the rules for models that can be saved, and whose training can resume."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recbench.checking.rule import NotApplicableError
from recbench.checking.subject import Subject
from recbench.code.raised import require
from recbench.errors import RecbenchError, counted
from recbench.models.checkpoint import KEPT

PLACE = "check.checkpoint"
"""What checkpoints are called: those of one training have the same name."""

POLL = 0.0005
"""Seconds between two looks at what a training has saved."""


def saves(subject: Subject) -> str:
    """A model that is saved and loaded gives the same answers."""
    if not subject.fitted().traits.storable:
        raise NotApplicableError("it has no methods save and load")
    kept = subject.kept()
    with tempfile.TemporaryDirectory() as parent:
        saved, moved, other = (Path(parent, name) for name in ("saved", "moved", "other"))
        saved.mkdir()
        subject.fitted().save(saved)
        saved.rename(moved)
        files = [path for path in moved.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        _save_another(subject, other)
        loaded = subject.new()
        loaded.load(moved)
        shown = kept.difference(loaded, subject.train, ("before saving", "after loading"))
    require(
        not shown,
        "a model that is saved and loaded must give the same recommendations, even if its folder "
        f"was moved and another model was saved in between: {shown}",
    )
    return f"{counted(len(files), 'file')}, {size:,} bytes"


def _save_another(subject: Subject, folder: Path) -> None:
    """Save a model of other data, which shows if models are saved outside of their folders."""
    folder.mkdir()
    with suppress(RecbenchError):  # so few data may be refused
        subject.fit(subject.others).save(folder)


def resumes(subject: Subject) -> str:
    """A training that was interrupted resumes, and ends with the same model."""
    kept = subject.kept()
    default = kept.traits.checkpoint
    if not default:
        raise NotApplicableError("fit has no parameter checkpoint")
    require(default == "None", f"the default of fit's checkpoint must be None, but it is {default}")

    def resume(place: Path, rule: str) -> None:
        try:
            model = subject.fit(subject.train, place)
        except RecbenchError as error:
            raised = str(error).removeprefix("fit raised ")
            raise AssertionError(f"{rule}; it raised {raised}") from error
        shown = kept.difference(model, subject.train, ("without interruption", "after one"))
        require(not shown, f"{rule}: {shown}")

    with tempfile.TemporaryDirectory() as parent:
        done, first, interrupted, halved, blocked = (
            Path(parent, name, PLACE) for name in ("done", "first", "again", "halved", "blocked")
        )
        with _keeping_the_first_state(done / KEPT, first, interrupted / KEPT):
            resume(done, "fit with an empty checkpoint must give the same model")
        files = sorted(path.name for path in (done / KEPT).iterdir())
        rewritten = _rewritten(first, interrupted / KEPT)
        if rewritten:
            shutil.copytree(interrupted, halved)
            for path in rewritten:
                half = path.read_bytes()[: path.stat().st_size // 2]
                (halved / KEPT / path.relative_to(interrupted / KEPT)).write_bytes(half)
        found = []
        if interrupted.exists():
            resume(
                interrupted,
                "fit that was interrupted and resumes from its checkpoint must give the same model",
            )
            found.append("after its first state")
        if rewritten:
            resume(
                halved,
                f"fit that was interrupted while it wrote {rewritten[0].name} must give the same "
                "model; recbench.write_checkpoint writes completely or not at all",
            )
            found.append(f"with half of {rewritten[0].name}")
        resume(done, "fit that resumes from its checkpoint must give the same model")
        for file in files:  # a folder with the file's name: nothing can be read or written there
            Path(blocked, KEPT, file, "in the way").mkdir(parents=True)
        resume(blocked, "fit that cannot write its checkpoint must give the same model")
    if not files:
        return "it saved nothing in so short a training"
    return ", ".join([*found, "after its last state", "where nothing can be written"])


def _rewritten(first: Path, copy: Path) -> list[Path]:
    """Return the files of a copy that were written again in place, of which half may be left.

    first: links to the files that were copied. A file that replaces another is not linked.
    """
    files = [path for path in copy.rglob("*") if path.is_file()]
    return [
        path
        for path in files
        if path.stat().st_size > 1
        and (first / path.relative_to(copy)).read_bytes() != path.read_bytes()
    ]


@contextmanager
def _keeping_the_first_state(folder: Path, first: Path, copy: Path) -> Iterator[None]:
    """Keep what a training saves in the folder first: what would be left if it were killed then.

    It is linked, where links are possible, and copied, but not while it is being written.
    """
    ended = threading.Event()

    def watch() -> None:
        before: dict[str, int] = {}
        while not ended.wait(POLL):
            with suppress(OSError, shutil.Error):  # a file is being replaced
                sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
                if sizes and sizes == before and all(sizes.values()):
                    for place in (first, copy):
                        shutil.rmtree(place, ignore_errors=True)
                    shutil.copytree(folder, first, copy_function=_link)
                    shutil.copytree(first, copy)
                    return
                before = sizes

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _link(path: str, to: str) -> None:
    try:
        os.link(path, to)
    except FileNotFoundError:  # the file is being replaced
        raise
    except OSError:  # the file system has no links
        shutil.copy2(path, to)
