"""Errors: one line each, and suggestions for misspelt words."""

import pytest

from recbench import RecbenchError, UsageError
from recbench.errors import LONGEST, describe_error, suggest


@pytest.mark.parametrize(
    ("wrong", "known", "hint"),
    [
        ("transfomer", ["popular", "transformer"], "did you mean 'transformer'?"),
        ("zzz", ["popular", "a"], "available: a, popular"),
        ("zzz", [], "none are available"),
    ],
)
def test_a_misspelt_word_gets_a_hint(wrong: str, known: list[str], hint: str) -> None:
    assert suggest(wrong, known) == hint


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RecbenchError("no log"), "no log"),
        (UsageError("no\n  such   log"), "no such log"),
        (RecbenchError(), "RecbenchError"),
        (ValueError("bad value"), "ValueError: bad value"),
        (KeyError("user"), "KeyError: 'user'"),
        (MemoryError(), "MemoryError"),
        (UnspeakableError(), "UnspeakableError"),
        (ValueError("half a \ud83d"), "ValueError: half a ?"),
    ],
)
def test_an_error_is_one_line(error: BaseException, text: str) -> None:
    assert describe_error(error) == text


def test_long_messages_are_cut_unless_they_are_from_recbench() -> None:
    text = "x" * (LONGEST + 1)
    assert describe_error(ValueError(text)) == f"ValueError: {'x' * LONGEST} ..."
    assert describe_error(RecbenchError(text)) == text
