"""Errors: one short printable line each, and suggestions for misspelt words."""

import pytest

from recbench import RecbenchError, UsageError
from recbench.errors import LONGEST, clean_reason, describe_error, printable, suggest


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


class QuittingError(Exception):
    def __str__(self) -> str:
        raise SystemExit(0)


class NumberError(Exception):
    def __str__(self) -> str:
        return 42  # type: ignore[return-value]  # noqa: PLE0307


class EndlessError(Exception):
    def __str__(self) -> str:
        return str(self)


class _Text(str):
    __slots__ = ()

    def split(self, *_: object, **__: object) -> list[str]:
        raise SystemExit(0)


class TextError(Exception):
    def __str__(self) -> str:
        return _Text("a text")


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
        (QuittingError(), "QuittingError"),
        (NumberError(), "NumberError"),
        (EndlessError(), "EndlessError"),
        (TextError(), "TextError: a text"),
        (ValueError("half a \ud83d"), r"ValueError: half a \ud83d"),
        (UsageError("red \x1b[31m"), r"red \x1b[31m"),
        (type("A\nB\x07", (Exception,), {})(), r"A B\x07"),
    ],
)
def test_an_error_is_one_line(error: BaseException, text: str) -> None:
    assert describe_error(error) == text


def test_ctrl_c_is_never_swallowed() -> None:
    class StoppedError(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        describe_error(StoppedError())


@pytest.mark.parametrize("kind", [ValueError, RecbenchError])
def test_long_errors_are_cut(kind: type[Exception]) -> None:
    said = describe_error(kind("x" * 900_000))
    assert len(said) == {RecbenchError: 2000, ValueError: 1000}[kind]
    assert said.endswith("xxx ...")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\n\n b\tc\x85d", "a b c d"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("x" * LONGEST, "x" * LONGEST),
        ("\ud800" * LONGEST, r"\ud800" * 332 + r"\ud8" + " ..."),
    ],
)
def test_a_reason_is_one_short_printable_line(text: str, cleaned: str) -> None:
    assert clean_reason(text) == cleaned
    assert len(cleaned) <= LONGEST


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x9b0m", r"\x1b[31mred\x9b0m"),
        ("\x1b]8;;http://x\x1b\\link", r"\x1b]8;;http://x\x1b\link"),
        ("\x00\x07\x08\x0b\x0c\x7f\x85", r"\x00\x07\x08\x0b\x0c\x7f\x85"),
        ("over\rwritten", r"over\rwritten"),
        ("\u202egpj.exe \u2066x\u2069 \u200f", r"\u202egpj.exe \u2066x\u2069 \u200f"),
        ("po\u200bp\u200du\u200clar\ufeff\u2060\xad", r"po\u200bp\u200du\u200clar\ufeff\u2060\xad"),
        ("a\u2028b \U000e0041 \u3164", r"a\u2028b \U000e0041 \u3164"),
        ("\ud83d", r"\ud83d"),
        ("😀\u200d\u200d😀", r"😀\u200d\u200d😀"),
    ],
)
def test_what_controls_a_display_is_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown
    shown.encode()


@pytest.mark.parametrize(
    "text",
    [
        "a\tb\nc",
        "Amélie, Ça, ±, “…”, €",
        "千と千尋の神隠し, 올드보이",
        "ואלס עם באשיר, جدایی نادر از سیمین",
        "می\u200cخواهم, क्\u200dष",  # noqa: RUF001
        "👨\u200d👩\u200d👧 ❤️\u200d🔥 🏳️\u200d🌈 1️⃣ 🇫🇷",
        "e\u0301",
    ],
)
def test_text_of_every_script_stays_as_it_is(text: str) -> None:
    assert printable(text) == text
