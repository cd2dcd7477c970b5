"""Every step: the errors that users see. Their text says what is wrong and what to do next."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

LONGEST = 2000
"""Errors and reasons are cut to this many characters; other exceptions' texts to half of it."""

_JOINED = "\u0600-\u1fff\u2070-\ufefe\uff01-\uffdc\U00010000-\U000dffff"
"""Characters that a joiner may stand between, as in Persian words and in emoji."""

_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # control characters
    "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # direction of text
    "|[\u00ad\u115f\u1160\u180e\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"  # invisible
    "|[\ud800-\udfff]"  # halves of characters
    f"|(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])"
)


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


def with_article(noun: str) -> str:
    """Return a noun with its indefinite article: `an executor`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


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
    letters = _letters(wrong) or wrong
    by_letters = {_letters(word): word for word in words}
    beginnings = {own[: len(letters)]: word for own, word in by_letters.items()}
    # the same letters, or the beginning of a longer word, or similar ones
    for close, cutoff in ((by_letters, 1.0), (beginnings, 0.8), (by_letters, 0.5)):
        for found in difflib.get_close_matches(letters, close, n=1, cutoff=cutoff):
            return f"did you mean {close[found]!r}?"
    return f"available: {', '.join(words)}" if words else "none are available"


def suggest_name(wrong: str, known: Collection[str]) -> str:
    """Return a hint for an unknown name, which may be several names or have misplaced options."""
    begin, at, k = wrong.partition("@")
    if at and k.isdecimal():
        return f"write {begin!r}, and {k} as a value of --k"
    words = re.split(r"[\s,;]+", wrong.strip(" ,;"))
    if len(words) > 1 and set(words) <= set(known):
        return f"name each separately, as in: {' '.join(words)}"
    begin = re.split(r"[^\w.+-]", wrong, maxsplit=1)[0]
    if begin in known and begin != wrong.strip(" ,;"):
        return f"options follow a colon, as in {begin}:OPTION=VALUE"
    return suggest(wrong, known)


def _letters(word: str) -> str:
    """Return a word without capitals, hyphens and the like, which are easily mistaken."""
    return re.sub(r"[\W_]", "", word.casefold())


def printable(text: str) -> str:
    r"""Return text in which characters that control what displays it are written as escapes.

    Parameters
    ----------
    text : str
        Any text. Lines, tabs and the letters, marks and emoji of all scripts stay as they are.

    Returns
    -------
    str
        The text with `\x1b` for an escape, `\u202e` for a change of direction, `\u200b` for a space
        without width, and so on; it can be encoded as UTF-8.

    Examples
    --------
    >>> import recbench
    >>> print(recbench.printable("caf\u00e9 \x1b[31m"))
    café \x1b[31m
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def clean_reason(text: str, longest: int = LONGEST) -> str:
    """Return a text as one printable line of at most this many characters."""
    text = printable(" ".join(text.split()))
    return text if len(text) <= longest else f"{text[: longest - 4]} ..."


def describe_error(error: BaseException) -> str:
    """Return an exception as one line: its type and text, or only the text of a RecbenchError."""
    try:
        text = " ".join(str.split(str(error)))  # a str, whatever subclass of it str() returned
    except KeyboardInterrupt:
        raise
    except BaseException:  # a plugin's own exception type may have a broken __str__
        text = ""
    if isinstance(error, RecbenchError) and text:
        return clean_reason(text)
    name = type(error).__name__
    return clean_reason(f"{name}: {text}" if text else name, LONGEST // 2)
