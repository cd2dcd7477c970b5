"""Step 6, store: what is recorded so that a number can be reproduced."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from recbench.code.installed import DISTRIBUTION
from recbench.offers import Offer

GIT_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
"""Variables that git hooks set. They would make git read another repository."""


def provenance(offer: Offer | None) -> dict[str, Any]:
    """Return versions, commits, machine, threads and command, for a cell.

    offer: the model's; None for recommendations from a file.

    Keys: versions (python, recbench, numpy, torch, and the libraries that the plugin uses);
    commits (of recbench and of the plugin if they are in a git repository, with "+" if files have
    changed since the commit); machine (system, processor, cores, memory in bytes, gpu); threads;
    command.
    """
    versions = {"python": platform.python_version()}
    for package, distribution in (
        ("recbench", DISTRIBUTION),
        ("numpy", "numpy"),
        ("torch", "torch"),
    ):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(distribution)
    folders = {"recbench": Path(__file__).parents[1]}
    if offer is not None:
        source = offer.source
        versions |= source.versions()
        if source.files:
            folders[f"plugin {offer.plugin}"] = source.files[0].parent
    commits = {name: _commit(folder) for name, folder in folders.items()}
    return {
        "versions": versions,
        "commits": {name: commit for name, commit in commits.items() if commit},
        "machine": _machine(),
        "threads": threads(),
        "command": command(),
    }


def command() -> str:
    """Return the command line of this process, with the program's name only."""
    return shlex.join([*(Path(program).name for program in sys.argv[:1]), *sys.argv[1:]])


def threads() -> int:
    """Return how many threads numerical code may use."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(limit) if limit.isdigit() else cores or 1


@cache
def _machine() -> dict[str, Any]:
    import psutil

    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "gpu": _gpu(),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _gpu() -> str:
    """Return the GPU's name from the driver, without loading torch; "" if there is none."""
    return _stdout_of("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").partition("\n")[0]


@cache
def _commit(folder: Path) -> str:
    """Return the commit of the git repository that tracks the folder's files, or ""."""
    if not _stdout_of("git", "-C", str(folder), "ls-files", "--", "*.py"):
        return ""
    changed = _stdout_of("git", "-C", str(folder), "status", "--porcelain", "--", str(folder))
    return _stdout_of("git", "-C", str(folder), "rev-parse", "HEAD") + ("+" if changed else "")


def _stdout_of(*command: str) -> str:
    """Return what a command prints, or "" if it cannot be run."""
    environment = {name: value for name, value in os.environ.items() if name not in GIT_VARIABLES}
    try:
        done = subprocess.run(  # noqa: S603  fixed commands
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=5,
            check=True,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
