"""What several tests need: an in-memory plugin, tiny logs, real data where there is some."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from recbench.progress import log


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the results, caches or logging of another, or of the person who runs it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    level, handlers = log.level, list(log.handlers)
    yield
    log.setLevel(level or logging.NOTSET)
    log.handlers[:] = handlers


@pytest.fixture
def real() -> Callable[[str], Path]:
    """The path of a real data file, or a skip: RECBENCH_DATA names the folder."""

    def path(name: str) -> Path:
        file = Path(os.environ.get("RECBENCH_DATA", "/nowhere")) / name
        if not file.is_file():
            pytest.skip(f"set RECBENCH_DATA to a folder with {name}")
        return file

    return path


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """A CSV of 6 users with 4 events each, in time order; its path."""
    path = tmp_path / "tiny.csv"
    lines = [f"u{u},i{(u + t) % 7},{t + 10 * u},{1 + t % 5}" for t in range(4) for u in range(6)]
    path.write_text("user_id,item_id,timestamp,rating\n" + "\n".join(lines) + "\n")
    return str(path)


@pytest.fixture
def busy(tmp_path: Path) -> str:
    """A CSV of 60 users with 25 different ones of 40 items each, all at the same times; its path.

    Popular items come more often, and many events of a user share their time.
    """
    draw = np.random.default_rng(3)
    weights = 1 / np.arange(1, 41)
    lines = [
        f"{user + 100},{item},{draw.integers(0, 60)},{draw.integers(1, 6)}"
        for user in range(60)
        for item in draw.choice(40, 25, replace=False, p=weights / weights.sum())
    ]
    path = tmp_path / "busy.csv"
    path.write_text("user,item,time,rating\n" + "\n".join(lines) + "\n")
    return str(path)
