"""Shared fixtures: small logs, real data, and isolation from other tests and from the user."""

import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from made_venv import Venv

from recbench import RecbenchError, load_dataset
from recbench.progress import log
from recbench.scaffold.new import KINDS

# Several test processes share the cores. If torch used all of them in each, all would be slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

COPIES = {"u.data": "ml-100k.inter", "u.item": "ml-100k.item"}
"""Files of MovieLens 100K as published, and their names in the package that pip fetches."""


@pytest.fixture(scope="session", autouse=True)
def _signals() -> None:
    """Let signals end the processes that tests start, even if the suite runs under nohup."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hangup = getattr(signal, "SIGHUP", None)  # not on Windows
    if hangup and signal.getsignal(hangup) == signal.SIG_IGN:
        signal.signal(hangup, lambda *_: None)  # processes do not inherit this


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide the results, caches and logging of other tests and of the user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", list(sys.path))  # .py files that are loaded add their folders
    level, handlers = log.level, list(log.handlers)
    yield
    log.setLevel(level or logging.NOTSET)
    log.handlers[:] = handlers


@pytest.fixture(scope="session")
def ml_100k(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of MovieLens 100K, from RECBENCH_DATA or fetched as recbench fetches it.

    If it cannot be fetched, its tests are skipped, or fail if RECBENCH_TESTS_NEED_DATA is set.
    """
    local = Path(os.environ.get("RECBENCH_DATA", "/nowhere"), "ml-100k")
    if local.is_dir():
        return local
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.delenv("RECBENCH_DATA", raising=False)
        try:
            load_dataset("ml-100k")
        except RecbenchError as error:
            give_up = pytest.fail if os.environ.get("RECBENCH_TESTS_NEED_DATA") else pytest.skip
            give_up(str(error))
    return next(
        file.parent for file in cache.rglob("*") if file.name in {"u.data", COPIES["u.data"]}
    )


@pytest.fixture
def real(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Return a function that finds a real data file under RECBENCH_DATA, or skips the test.

    MovieLens 100K is fetched if it is not there.
    """

    def path(name: str) -> Path:
        folder, _, file = name.partition("/")
        if folder == "ml-100k":
            fetched: Path = request.getfixturevalue("ml_100k")
            return fetched / (file if (fetched / file).is_file() else COPIES[file])
        data = Path(os.environ.get("RECBENCH_DATA", "/nowhere")) / name
        if not data.is_file():
            pytest.skip(f"set RECBENCH_DATA to a folder with {name}")
        return data

    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Venv, Path]:
    """Return a fresh environment with a new plugin of each kind, and the folder that has them.

    The sample plugin is there too.
    """
    folder = tmp_path_factory.mktemp("made")
    env, work = Venv(folder / "venv"), folder / "work"
    shutil.copytree(Path(__file__).parent / "sample_plugin", work / "sample")
    around = "[tool.pytest.ini_options]\naddopts = '--an-option-of-another-project'\n"
    (work / "pyproject.toml").write_text(around)
    for kind in KINDS:
        env.run(f"recbench plugin new my-{kind} --kind {kind}", work)
    env.run(f"pip install ./sample {' '.join(f'-e ./my-{kind}' for kind in KINDS)}", work)
    return env, work


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """Return the path of a CSV of 6 users with 4 interactions each, in time order."""
    path = tmp_path / "tiny.csv"
    lines = [f"u{u},i{(u + t) % 7},{t + 10 * u},{1 + t % 5}" for t in range(4) for u in range(6)]
    path.write_text("user_id,item_id,timestamp,rating\n" + "\n".join(lines) + "\n")
    return str(path)


@pytest.fixture
def busy(tmp_path: Path) -> str:
    """Return the path of a CSV of 60 users with 25 different items each, out of 40.

    Popular items come more often, and many interactions of a user share their time.
    """
    rng = np.random.default_rng(3)
    weights = 1 / np.arange(1, 41)
    lines = [
        f"{user + 100},{item},{rng.integers(0, 60)},{rng.integers(1, 6)}"
        for user in range(60)
        for item in rng.choice(40, 25, replace=False, p=weights / weights.sum())
    ]
    path = tmp_path / "busy.csv"
    path.write_text("user,item,time,rating\n" + "\n".join(lines) + "\n")
    return str(path)
