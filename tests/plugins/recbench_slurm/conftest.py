"""A small SLURM on this machine."""

import importlib
import os
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the functions of made_work, which jobs can import too."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("made_work")


@pytest.fixture
def fake(work: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the commands of fake_slurm, and return the folder of their log."""
    state = tmp_path / "state"
    importlib.import_module("fake_slurm").install(tmp_path / "bin", state)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("recbench_slurm.clusters.Slurm.poll", 0.1)
    return state
