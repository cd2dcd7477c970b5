"""Bars: all open ones in one place, on a terminal or in a notebook, drawn at a limited pace."""

import io
import logging
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from recbench import Progress, bars
from recbench.progress import Bar, announce, log


class Tty(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminals(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Tty]:
    """Return a function that makes stderr a terminal and returns it; stdout stays a file."""

    def start() -> Tty:
        stream = Tty()
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    log.setLevel(logging.INFO)
    return start


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, str]]]]:
    """Return a list of what a notebook is asked to display: the id, and the content."""
    shown: list[tuple[str, dict[str, str]]] = []

    def display(content: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        shown.append((f"id{len(shown)}", content))
        return types.SimpleNamespace(display_id=shown[-1][0])

    def update_display(content: dict[str, str], *, raw: bool, display_id: str) -> None:
        assert raw
        shown.append((display_id, content))

    shell = type("Shell", (type("ZMQInteractiveShell", (), {}),), {})()
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    module = types.SimpleNamespace(display=display, update_display=update_display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", module)  # type: ignore[arg-type]
    log.setLevel(logging.INFO)
    yield shown
    assert bars._Current.display is not None
    assert bars._Current.display.bars == []


def _screen_text(written: str) -> list[str]:
    """Return the lines that a terminal shows after these characters."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|.|\n|\r", written):
        if part.startswith("\x1b"):
            number, kind = part[2:-1], part[-1]
            if kind == "A":
                row -= int(number)
            elif kind == "K":
                assert number == "2"
                lines[row] = ""
        elif part == "\n":
            row += 1
            column = 0
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            column = 0
        else:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + part + line[column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def _without_bars(line: str) -> str:
    return re.sub(r"\s*[━╸╺]+\s*", " | ", line)


def test_nested_bars_are_drawn_below_each_other_on_a_terminal(terminals: Callable[[], Tty]) -> None:
    terminal = terminals()
    with Progress("outer", total=2) as outer:
        with Progress("inner", total=3, unit="epoch") as inner:
            inner.step(message="loss 1")
            shown = _screen_text(terminal.getvalue())
        outer.step()
    assert [_without_bars(line) for line in shown if line] == ["outer | 0/2", "inner | 1/3 loss 1"]
    left = [_without_bars(line) for line in _screen_text(terminal.getvalue()) if line]
    assert left == ["inner | 1/3 loss 1", "outer | 1/2"]


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (45, "a-model-of-a-l\u2026 | 12/30 NDCG@10 0.4050; \u2026"),
        (80, "a-model-of-a-long-name:wi\u2026 | 12/30 NDCG@10 0.4050; 3 min left; best 0.\u2026"),
    ],
)
def test_a_narrow_terminal_shows_what_comes_first(
    columns: int, line: str, terminals: Callable[[], Tty], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = terminals()
    with Bar("a-model-of-a-long-name:with=options,that=go,on=and,on=1", 30, "trial", 11) as bar:
        bar.step(message=f"NDCG@10 0.4050; 3 min left; best 0.4050 with {'decay=0.531,' * 9}")
        shown = _screen_text(terminal.getvalue())[0]
    assert len(shown) <= columns
    assert _without_bars(shown) == line


def test_a_bar_that_does_not_stay_leaves_nothing_on_a_terminal(
    terminals: Callable[[], Tty],
) -> None:
    terminal = terminals()
    with Bar("models", total=2) as bar:
        bar.step(0, "mine")
        assert _without_bars(_screen_text(terminal.getvalue())[0]) == "models | 0/2 mine"
    assert [line for line in _screen_text(terminal.getvalue()) if line] == []


def test_what_is_printed_appears_above_the_bars(
    terminals: Callable[[], Tty], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = terminals()
    with Bar("models", total=2):
        print("a line", file=sys.stderr)
        sys.stderr.writelines(["an", "other\n"])
        print("to a file")
        shown = _screen_text(terminal.getvalue())
        assert sys.stderr.isatty()
    assert [_without_bars(line) for line in shown if line] == ["a line", "another", "models | 0/2"]
    assert sys.stderr is terminal
    assert [line for line in _screen_text(terminal.getvalue()) if line] == ["a line", "another"]


def test_no_printed_line_is_lost_below_several_bars(terminals: Callable[[], Tty]) -> None:
    terminal = terminals()
    with Bar("a", total=2), Bar("b", total=2) as bar:
        for line in range(3):
            print("line", line, file=sys.stderr)
            bar.step(0, "mine")
        shown = [_without_bars(line) for line in _screen_text(terminal.getvalue()) if line]
    assert shown == ["line 0", "line 1", "line 2", "a | 0/2", "b | 0/2 mine"]


def test_a_handler_of_the_program_writes_above_the_bars(terminals: Callable[[], Tty]) -> None:
    stream = terminals()
    handler = logging.StreamHandler()
    log.addHandler(handler)
    try:
        with Progress("fit", total=1) as progress:
            log.info("first")
            progress.step(message="loss 1")
            log.info("second")
    finally:
        log.removeHandler(handler)
    lines = [_without_bars(line) for line in _screen_text(stream.getvalue())]
    assert lines[:3] == ["first", "second", "fit | 1/1 loss 1"]


def test_a_line_that_is_not_finished_hides_the_bars(terminals: Callable[[], Tty]) -> None:
    """A bar of tqdm in a model is such a line, which tqdm overwrites."""
    terminal = terminals()
    with Bar("models", total=2) as bar:
        for percent in (10, 20):
            print(f"\rtqdm {percent}%", end="", file=sys.stderr)
            bar.step(0, "mine")
        during = _screen_text(terminal.getvalue())
        print(file=sys.stderr)
        after = _screen_text(terminal.getvalue())
    assert [line for line in during if line] == ["tqdm 20%"]
    assert [_without_bars(line) for line in after if line] == ["tqdm 20%", "models | 0/2 mine"]


@pytest.mark.parametrize("name", ["TERM", "stream"])
def test_elsewhere_no_bar_is_drawn(
    terminals: Callable[[], Tty], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    terminal = terminals()
    if name == "TERM":
        monkeypatch.setenv("TERM", "dumb")
    else:
        monkeypatch.setattr(terminal, "isatty", lambda: False)
    with Bar("models", total=2) as bar:
        bar.step(1, "mine")
    assert terminal.getvalue() == ""


def test_texts_of_bars_cannot_control_a_terminal(terminals: Callable[[], Tty]) -> None:
    terminal = terminals()
    with Progress("[red]a\x1b[2Jb", total=1, unit="epoch") as progress:
        progress.step(message="x" * 1000)
    assert "[red]a\\x1b[2Jb" in terminal.getvalue()
    assert "\x1b[2J" not in terminal.getvalue()
    assert "x" * 201 not in terminal.getvalue()


def test_bytes_are_shown_as_sizes() -> None:
    assert bars.State("file", 5_000_000, "byte", 1_200_000).count == "1.2 MB/5.0 MB"
    assert bars.State("file", None, "byte", 3).count == "3 bytes"
    assert bars.State("work", None, "step", 1234).count == "1,234"


def test_a_notebook_shows_nested_bars_as_html_that_is_updated(notebook: Any) -> None:
    with Bar("models", total=2) as outer:
        outer.step(0, "mine")
        with Progress("fit", total=3, unit="epoch") as inner:
            inner.step(message="loss 1")
        outer.step()
    assert {name for name, _ in notebook} == {"id0"}
    assert [content["text/plain"] for _, content in notebook] == [
        "models  0/2",
        "models  0/2  mine",
        "models  0/2  mine\nfit  0/3",
        "models  0/2  mine\nfit  1/3  loss 1",
        "fit  1/3  loss 1\nmodels  0/2  mine",
        "fit  1/3  loss 1\nmodels  1/2  mine",
        "fit  1/3  loss 1",
    ]
    assert notebook[3][1]["text/html"] == (
        '<table><tr><td>models</td><td><progress value="0" max="2"></progress></td><td>0/2</td>'
        '<td>mine</td></tr><tr><td>fit</td><td><progress value="1" max="3"></progress></td>'
        "<td>1/3</td><td>loss 1</td></tr></table>"
    )


def test_a_bar_that_does_not_stay_disappears_from_a_notebook(notebook: Any) -> None:
    with Bar("models", total=2):
        pass
    with Bar("models"):
        pass
    assert [name for name, _ in notebook] == ["id0", "id0", "id2", "id2"]
    assert [content["text/html"] == "" for _, content in notebook] == [False, True, False, True]
    assert "<progress></progress>" in notebook[2][1]["text/html"]


def test_texts_of_bars_are_no_html(notebook: Any) -> None:
    with Progress("<script>", total=1, unit="epoch") as progress:
        progress.step(message="a & b\x1b")
    page = notebook[-1][1]["text/html"]
    assert "<td>&lt;script&gt;</td>" in page
    assert "<td>a &amp; b\\x1b</td>" in page


def test_a_notebook_gets_no_lines_of_what_its_bars_show(
    notebook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    announce("%s: fitting", "mine")
    with Progress("mine", total=1, unit="epoch") as progress:
        progress.step(message="loss 1")
    assert caplog.messages == []


def test_without_a_notebook_what_is_done_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "recbench"):
        announce("%s: fitting", "mine")
    assert caplog.messages == ["mine: fitting"]


def test_a_bar_has_no_lines(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "recbench"), Bar("models", total=2) as bar:
        bar.step(message="mine")
    assert caplog.messages == []


def test_bars_that_move_fast_are_drawn_at_a_limited_pace(
    notebook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = _clock(monkeypatch)
    with Bar("fast", total=10_000) as bar:
        for _ in range(10_000):
            bar.step()
            clock(0.001)
    assert bars.BURST + bars.RATE * 9.9 < len(notebook) < bars.BURST + bars.RATE * 10 + 4


def test_at_most_a_few_bars_are_drawn(notebook: Any) -> None:
    import contextlib

    with contextlib.ExitStack() as stack:
        for _ in range(bars.MOST + 5):
            stack.enter_context(Progress("mine"))
        assert notebook[-1][1]["text/html"].count("<tr>") == bars.MOST
    assert notebook[-1][1]["text/html"].count("<tr>") == bars.MOST


def _clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Stop the clock of bars, and return a function that moves it by some seconds."""
    now = [100.0]

    def move(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(bars, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    return move


def test_a_pace_allows_some_in_a_row_and_then_a_few_per_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = _clock(monkeypatch)
    pace = bars.Pace()
    assert sum(pace.allows() for _ in range(100)) == bars.BURST
    clock(0.5)
    assert sum(pace.allows() for _ in range(100)) == bars.RATE / 2
    clock(1000)
    assert sum(pace.allows() for _ in range(100)) == bars.BURST


def test_ipython_is_not_imported_unless_it_is_there() -> None:
    code = """
import sys, recbench
with recbench.Progress("mine", total=1) as progress:
    progress.step(message="done")
print("IPython" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "mine: step 1/1, done\n")
