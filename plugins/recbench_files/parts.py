"""Recognise a split that somebody else made by the names of its files."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

import recbench

PARTS = ("train", "valid", "test")
PACKED = (".gz", ".bz2", ".zst", ".zstd")
"""Suffixes of compressed files."""

_PART_OF_WORD = {
    **dict.fromkeys(("train", "training", "trainset", "trn"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev", "validset", "valset", "vld"), "valid"),
    **dict.fromkeys(("test", "testing", "testset", "tst"), "test"),
    "base": "train",  # u1.base and u1.test of MovieLens
}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_OF_SEVERAL = re.compile(r"-of-\d+")


def suffix_of(name: str) -> str:
    """Return the suffix of a file, in lower case, without that of its compression."""
    path = PurePosixPath(name)
    if path.suffix.lower() in PACKED:
        path = path.with_suffix("")
    return path.suffix.lower()


def find_parts(names: Collection[str]) -> Mapping[str, str]:
    """Return the part of each file that is one, {} if there are no files for train and test.

    names: of the files, in folders whose names may state the part, too. A folder that all files are
        in does not count.
    Raises UsageError if there are several splits, or if a part has files of different kinds.
    """
    shared = len(os.path.commonpath([os.path.dirname(name) for name in names]))
    found = {name: place for name in names if (place := _find_word(name[shared:]))}
    part_of = {name: part for name, (_, part, _) in found.items()}
    if not {"train", "test"} <= set(part_of.values()):
        return {}
    ends: dict[str, set[str]] = {}
    for part in PARTS:
        of_part = [name for name in found if part_of[name] == part]
        starts, ends[part] = ({found[name][side] for name in of_part} for side in (0, 2))
        if len(starts) > 1:
            raise _several_splits(found)
        if len({suffix_of(f"x{end}") for end in ends[part]}) > 1:
            raise recbench.UsageError(
                f"the files for {part} are of several kinds ({', '.join(sorted(of_part))}); name "
                "the files of the split, separated by commas"
            )
    numbered = len(ends["train"]) > 1 and ends["train"] == ends["test"]
    if numbered and not any("/" in end or _OF_SEVERAL.search(end) for end in ends["train"]):
        raise _several_splits(found)
    return part_of


def _find_word(name: str) -> tuple[str, str, str] | None:
    """Return the text before the last word that names a part, the part, and the text after it."""
    words = [word for word in _WORD.finditer(name) if word[0].lower() in _PART_OF_WORD]
    words = [word for word in words if word[0].lower() != "base"] or words
    if not words:
        return None
    last = words[-1]
    return name[: last.start()], _PART_OF_WORD[last[0].lower()], name[last.end() :]


def _several_splits(names: Collection[str]) -> recbench.UsageError:
    return recbench.UsageError(
        f"there are several splits ({', '.join(sorted(names)[:5])}, ...); name the files of one, "
        "separated by commas"
    )
