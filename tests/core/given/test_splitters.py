"""Splitters that are given as objects or files: what they are called, and what is refused."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recbench
from recbench import Interactions, Split, UsageError, load_plugins
from recbench.given.splitters import with_splitter, with_splitters

SPLITTERS = """
import numpy as np
import recbench

class Last:
    def __init__(self, back: int = 1):
        self.back = back

    def split(self, interactions):
        return last(interactions, self.back)

def last(interactions, back: "int" = 1):
    places = interactions.offsets[1:] - back
    keep = np.ones(interactions.n_interactions, dtype=bool)
    keep[places] = False
    train = interactions.keep(keep)
    return recbench.Split(train, train, interactions.items[places])

def needing(size: int):
    return Last(size)
"""


class Last:
    """The last interaction but some is the target."""

    def __init__(self, back: int = 1) -> None:
        self.back = back

    def split(self, interactions: Interactions) -> Split:
        return last(interactions, self.back)


def last(interactions: Interactions, back: int = 1) -> Split:
    """Hold out the last interaction but some."""
    places = interactions.offsets[1:] - back
    keep = np.ones(interactions.n_interactions, dtype=bool)
    keep[places] = False
    train = interactions.keep(keep)
    return Split(train, train, interactions.items[places])


def make() -> Last:
    return Last(2)


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("leave-last-out", ["leave-last-out"]),
        ("temporal:share=0.8|0.9,users", ["temporal:share=0.8", "temporal:share=0.9", "users"]),
        ("mine.py:Last", ["Last"]),
        ("mine.py:Last:back=2,./mine.py:last:back=3", ["Last:back=2", "last:back=3"]),
        (Last(2), ["Last:back=2"]),
        (Last, ["Last"]),
        (last, ["last"]),
        (functools.partial(last, back=2), ["last:back=2"]),
        ([make, {"mine": Last(3)}, "leave-last-out"], ["make", "mine", "leave-last-out"]),
        (["mine.py:last", Path("mine.py:Last")], ["last", "Last"]),
    ],
)
def test_every_form_of_a_splitter_has_a_name(place: Path, split: Any, names: list[str]) -> None:
    (place / "mine.py").write_text(SPLITTERS)
    assert with_splitters(load_plugins(), split)[1] == names


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("mine.py", r"several splitters \(Last, last\); name one of them, as in mine.py:Last$"),
        ("mine.py:lasst", "^mine.py has no splitter 'lasst'; did you mean 'last'[?]"),
        ("mine.py:needing", "^needing needs the option size; write mine.py:needing:size=VALUE$"),
        ("none.py", r"none.py has no splitter: it has no class with split\(interactions\), and no"),
        (3, "^an object of type int is not a splitter; give a name"),
        (object, r"^class object is not a splitter: it has no split\(interactions\)$"),
        ([lambda: Last(1)], "^a lambda is not a valid name for a splitter"),
        ("temporal:share=0.8|0.9", r"^name a single splitter, not 2 \(temporal:share=0.8"),
        ("", "^name a single splitter, not 0$"),
    ],
)
def test_what_is_no_splitter_is_refused(place: Path, split: Any, message: str) -> None:
    (place / "mine.py").write_text(SPLITTERS)
    (place / "none.py").write_text("K = 1\n")
    with pytest.raises(UsageError, match=message):
        with_splitter(load_plugins(), split)


def test_all_forms_make_the_same_split(place: Path, busy: str) -> None:
    (place / "mine.py").write_text(SPLITTERS)
    usual = recbench.split(busy).fingerprint()
    for same in ("mine.py:Last", "mine.py:last", Last, last, Last(1)):
        assert recbench.split(busy, same).targets.tolist() == recbench.split(busy).targets.tolist()
    others: list[Any] = ["mine.py:Last:back=2", "mine.py:last:back=2", Last(2), make]
    prints = {recbench.split(busy, split).fingerprint() for split in others}
    assert len(prints) == 1
    assert prints != {usual}


def test_results_of_a_file_are_used_again_until_it_splits_otherwise(place: Path, busy: str) -> None:
    file = place / "mine.py"
    file.write_text(SPLITTERS)

    def reused(split: Any) -> bool:
        results = recbench.run("popular", busy, split=split, results="results", ks=5)
        return bool(results.reused)

    assert not reused("mine.py:last:back=2")
    assert reused("mine.py:last:back=2")
    assert recbench.verify("results").holds  # which finds the file
    rows = recbench.inspect_user("100", busy, split="mine.py:last:back=2", results="results")
    assert rows[0].title.endswith("last:back=2")
    assert rows[0].rankings
    file.write_text(SPLITTERS.replace("[1:] - back", "[1:] - back - 1"))
    assert not reused("mine.py:last:back=2")
    reasons = [check.reason for check in recbench.verify("results")]
    assert sum("has changed since this result was stored" in reason for reason in reasons) == 1


def test_a_factory_that_makes_no_splitter_is_named(busy: str) -> None:
    def wrong() -> int:
        return 3

    with pytest.raises(
        recbench.RecbenchError, match=r"its factory returned int; it must return an"
    ):
        recbench.split(busy, wrong)
