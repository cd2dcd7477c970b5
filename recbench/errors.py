"""Every step: the errors that users see. Their text says what is wrong and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST = 1000
"""Messages of other exceptions are cut to this many characters."""


class RecbenchError(Exception):
    """A failure, such as a broken file or plugin or a failed download. The CLI exits with 1.

    Examples
    --------
    >>> import recbench
    >>> try:
    ...     recbench.load_dataset("synthetic:min_item_interactions=9000")
    ... except recbench.RecbenchError as error:
    ...     print(error)
    synthetic: no interactions are left with min_item_interactions=9000. Choose smaller values
    """


class UsageError(RecbenchError):
    """Wrong usage: an unknown name, option or path. The CLI exits with 2.

    Examples
    --------
    >>> import recbench
    >>> try:
    ...     recbench.load_dataset("synthetik")
    ... except recbench.UsageError as error:
    ...     print(error)
    no dataset 'synthetik'; did you mean 'synthetic'?
    """


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, for messages.

    Parameters
    ----------
    number : int
        How many there are.
    noun : str
        Its singular; the plural has an `s` at the end.

    Returns
    -------
    str

    Examples
    --------
    >>> import recbench
    >>> recbench.counted(1, "row"), recbench.counted(1234, "row")
    ('1 row', '1,234 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def suggest(wrong: str, known: Iterable[str]) -> str:
    """Return a hint for a misspelt word: `did you mean 'x'?`, or the words that are available."""
    words = sorted(known)
    beginnings = {word[: len(wrong)]: word for word in words}  # it may begin a longer word
    like = difflib.get_close_matches(wrong, beginnings, n=1, cutoff=0.8)
    close = [beginnings[beginning] for beginning in like]
    if not close:
        close = difflib.get_close_matches(wrong, words, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"available: {', '.join(words)}" if words else "none are available"


def describe_error(error: BaseException) -> str:
    """Return an exception as one line: its type and text, or only the text of a RecbenchError."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # a plugin's own exception type may have a broken __str__
        text = ""
    if isinstance(error, RecbenchError) and text:
        return text
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} ..."
    text = text.encode(errors="replace").decode()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
