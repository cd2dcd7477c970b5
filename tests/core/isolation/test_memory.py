"""How much memory a process may still use."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import recbench
from recbench.isolation import memory
from recbench.isolation.memory import free_memory
from recbench.isolation.runner import AVAILABLE

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="limits of processes need Linux")

MB = 2**20


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of groups, of which this process belongs to outer/inner."""
    (tmp_path / "own").write_text("4:memory:/other\n0::/outer/inner\n")
    (tmp_path / "groups" / "outer" / "inner").mkdir(parents=True)
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "OWN_GROUP", tmp_path / "own")
    return tmp_path / "groups"


def limit(group: Path, most: str, used: int, files: int) -> None:
    (group / "memory.max").write_text(f"{most}\n")
    (group / "memory.current").write_text(f"{used}\n")
    (group / "memory.stat").write_text(f"anon 7\ninactive_file {files}\n")


def test_it_is_at_most_the_memory_of_the_machine() -> None:
    assert 0 < free_memory() <= psutil.virtual_memory().total


def test_the_limit_of_a_group_counts_without_copies_of_files(groups: Path) -> None:
    limit(groups / "outer/inner", str(50 * MB), 30 * MB, 10 * MB)
    assert free_memory() == 30 * MB


@pytest.mark.parametrize("place", ["outer", "."])
def test_the_groups_around_it_count_too(place: str, groups: Path) -> None:
    limit(groups / "outer/inner", str(50 * MB), 10 * MB, 0)
    limit(groups / place, str(50 * MB), 30 * MB, 0)
    assert free_memory() == 20 * MB


def test_a_group_that_uses_more_than_its_limit_has_nothing_left(groups: Path) -> None:
    limit(groups / "outer", str(50 * MB), 60 * MB, 0)
    assert free_memory() == 0


def test_groups_without_limits_do_not_matter(groups: Path) -> None:
    limit(groups / "outer/inner", "max", 30 * MB, 0)
    (groups / "outer" / "memory.max").write_text(str(MB))  # and no other file
    assert free_memory() > MB


def test_the_limit_of_the_process_of_a_model_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    used = memory.memory_used([os.getpid(), *memory.descendants(os.getpid())], 0)
    monkeypatch.setenv(memory.LIMIT, str(used + 100 * MB))
    assert 50 * MB < free_memory() <= 150 * MB
    monkeypatch.setenv(memory.LIMIT, "1")
    assert free_memory() == 0


def test_the_largest_size_of_a_process_counts() -> None:
    code = (
        "import resource, psutil\n"
        "from recbench.isolation.memory import free_memory\n"
        "size = psutil.Process().memory_info().vms\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (size + {100 * MB}, size + {100 * MB}))\n"
        "print(free_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 50 * MB < int(done.stdout) <= 100 * MB


def test_a_model_knows_the_limit_of_its_process(tmp_path: Path) -> None:
    path = tmp_path / "asks.py"
    path.write_text(
        "import recbench\n"
        "class Asks:\n"
        "    def fit(self, train):\n"
        "        free = recbench.free_memory()\n"
        f"        assert {100 * MB} < free < {700 * MB}, free\n"
        "        return self\n"
        "    def score(self, history):\n"
        "        return history.matrix().toarray()\n"
    )
    results = recbench.run([str(path)], "synthetic", results=None, memory=700)
    assert [result.ok for result in results], results
