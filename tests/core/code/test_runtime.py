"""What code consists of at run time: no two models of one file share their results."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from recbench.code.python_file import load_file
from recbench.code.source import source_of

TEXT = """
import dataclasses, functools, threading
SCALE, LOCK, WORDS = 1.0, threading.Lock(), {"one", "two", "three"}
def helper(): return SCALE
class Base:
    sign = 1
    def fit(self, train): return helper(), LOCK, WORDS, "x" in {"x", "y", "z"}
    @property
    def half(self): return 0.5
    @functools.cached_property
    def third(self): return 0.3
    @staticmethod
    def plain(): return 1
class Same(Base): pass
class Other(Base): sign = -1
@dataclasses.dataclass
class Data:
    k: int = 3
    more: list = dataclasses.field(default_factory=lambda: [1])
    def fit(self, train): return self
first, second = lambda: Base(), lambda: Other()
one, two = lambda: 1, lambda: 2
def build(k=1): return Base()
"""

NAMES = ("Base", "Same", "Other", "Data", "first", "second", "one", "two", "build")


@pytest.fixture
def mine(tmp_path: Path) -> ModuleType:
    """A file, loaded from its path."""
    (tmp_path / "mine.py").write_text(TEXT)
    return load_file(str(tmp_path / "mine.py"))


def test_all_that_a_file_offers_can_be_told_apart(mine: ModuleType) -> None:
    digests = [source_of(getattr(mine, name)).digest() for name in NAMES]
    assert "" not in digests
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        ("", "SCALE", 2.0),
        ("", "WORDS", {"four"}),
        ("Base", "sign", 5),
        ("Base", "plain", staticmethod(lambda: 2)),
        ("build", "__defaults__", (2,)),
        ("helper", "__defaults__", (2,)),
    ],
)
def test_a_value_that_is_changed_at_run_time_counts(
    mine: ModuleType, place: str, name: str, value: Any
) -> None:
    def digests() -> list[str]:
        return [source_of(made).digest() for made in (mine.Same, mine.build)]

    before, holder = digests(), getattr(mine, place) if place else mine
    kept = vars(holder)[name] if name in vars(holder) else getattr(holder, name)
    setattr(holder, name, value)
    assert all(new != old for new, old in zip(digests()[place == "build" :], before, strict=False))
    setattr(holder, name, kept)
    assert digests() == before


def test_a_script_is_recognised_in_another_process_and_only_with_the_same_values(
    tmp_path: Path,
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys\nfrom recbench.code.source import source_of\n{TEXT}\nLOCK = 0\n"
        "SCALE = float(sys.argv[1])\n"
        f"print([source_of(made).digest() for made in ({', '.join(NAMES)})])\n"
    )

    def printed(scale: int) -> str:
        command = [sys.executable, str(script), str(scale)]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ}
        ).stdout

    first = printed(1)
    assert "''" not in first
    assert printed(1) == first != printed(2)
