"""Every step: the errors that are meant for people, with what to do next in their text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST = 1000
"""Characters that are kept of what others say in their exceptions."""


class RecbenchError(Exception):
    """Work that failed: a broken file, a broken plugin, a download. The CLI exits with 1."""


class UsageError(RecbenchError):
    """Wrong use: an unknown name, option or path. The CLI exits with 2."""


def suggest(wrong: str, known: Iterable[str]) -> str:
    """A hint for a mistyped word: `did you mean 'x'?`, or the words there are."""
    words = sorted(known)
    close = difflib.get_close_matches(wrong, words, n=1, cutoff=0.5)
    if not close:  # somebody typed the beginning of a long word, perhaps
        beginnings = {word[: len(wrong)]: word for word in words}
        like = difflib.get_close_matches(wrong, beginnings, n=1, cutoff=0.8)
        close = [beginnings[beginning] for beginning in like]
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there is: {', '.join(words)}" if words else "there is none"


def describe_error(error: BaseException) -> str:
    """An exception in one line: its text, or its type where the text says nothing by itself."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # a plugin's own type, that cannot even say what it is
        text = ""
    if isinstance(error, RecbenchError) and text:
        return text
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} ..."
    text = text.encode(errors="replace").decode()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
