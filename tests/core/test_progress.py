"""Progress: lines in a log, a bar on a terminal, nothing if the log is disabled."""

import logging
import subprocess
import sys

import pytest

from recbench import Progress


def _work(total: int | None) -> Progress:
    with Progress("mine", total=total, unit="epoch") as progress:
        progress.step()
        progress.step(2, message="loss 0.5")
    return progress


@pytest.mark.parametrize(("total", "count"), [(4, "3/4"), (None, "3")])
def test_without_a_terminal_each_message_is_a_line(
    caplog: pytest.LogCaptureFixture, total: int | None, count: str
) -> None:
    with caplog.at_level(logging.INFO, "recbench"):
        assert _work(total).done == 3
    assert caplog.messages == [f"mine: epoch {count}, loss 0.5"]


def test_nothing_is_shown_if_the_log_is_disabled(capsys: pytest.CaptureFixture[str]) -> None:
    _work(4)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("unit", ["epoch", "byte"])
def test_on_a_terminal_progress_is_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], unit: str
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    logging.getLogger("recbench").setLevel(logging.INFO)
    with Progress("mine", total=2, unit=unit) as progress:
        progress.step(message="half")
        progress.step()
    out, err = capsys.readouterr()
    assert out == ""
    assert "mine" in err
    assert "half" in err
    assert ("2 bytes/2 bytes" if unit == "byte" else "2/2") in err


def test_the_count_continues_after_a_resume(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO, "recbench"),
        Progress("mine", total=5, unit="epoch", done=2) as progress,
    ):
        progress.step(message="loss 0.5")
    assert caplog.messages == ["mine: epoch 3/5, loss 0.5"]


WORK = "from recbench.progress import log; log.debug('a'); log.info('b'); log.warning('c')"


@pytest.mark.parametrize(
    ("configured", "shown"),
    [
        ("", "b\nc\n"),
        ("logging.getLogger('recbench')", "b\nc\n"),
        ("logging.getLogger('recbench').setLevel(logging.ERROR)", ""),
        ("logging.getLogger('recbench').setLevel(logging.DEBUG)", "a\nb\nc\n"),
        ("logging.disable(logging.INFO)", "c\n"),
        ("logging.basicConfig(format='own %(message)s')", "own c\n"),
        ("logging.basicConfig(format='own %(message)s', level=20)", "own b\nown c\n"),
        ("logging.getLogger('recbench').addHandler(logging.StreamHandler())", "c\n"),
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_messages_are_shown_from_python_unless_the_program_has_configured_logging(
    configured: str, shown: str, first: bool
) -> None:
    parts = [configured, "import recbench"] if first else ["import recbench", configured]
    code = "\n".join(["import logging", *parts, WORK])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", shown)


def test_logging_that_is_configured_late_is_respected() -> None:
    late = f"{WORK}\nlogging.basicConfig(format='own %(message)s')\n{WORK}"
    code = f"import logging, recbench\n{late}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "b\nc\nown c\n"
