"""Standard streams that are closed or full, and what is written on them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recbench.progress import log

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")

NASTY = "\x1b]0;owned\x07\u202e"
SHOWN = r"\x1b]0;owned\x07\u202e"


def _shell(command: str) -> tuple[int, str, str]:
    """Run a shell command in which `recbench` is this installation."""
    recbench = f'recbench() {{ "{sys.executable}" -m recbench "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {recbench}{command}"], capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("closed", ["2>&-", "<&-", "<&- 2>&-", "2>/dev/full"])
def test_without_stderr_the_table_is_printed(closed: str, tiny: str) -> None:
    code, out, _ = _shell(f"recbench run popular --dataset {tiny} {closed}")
    assert code == 0
    assert "NDCG@10" in out
    assert "failed" not in out
    assert len(list(Path("results").rglob("[!.]*.json"))) == 1


@pytest.mark.parametrize("lost", [">&-", ">/dev/full"])
@pytest.mark.parametrize("command", ["run popular --dataset {}", "models", "--help", "--version"])
def test_without_stdout_the_command_fails(lost: str, command: str, tiny: str) -> None:
    code, out, err = _shell(f"recbench {command.format(tiny)} {lost}")
    assert (code, out) == (1, "")
    assert "Error: cannot write to stdout: " in err.splitlines()[-1]
    assert "Traceback" not in err
    assert "Exception" not in err


def test_without_all_streams_results_and_files_are_written(tiny: str) -> None:
    code, out, err = _shell(f"recbench run popular --dataset {tiny} -o t.csv <&- >&- 2>&-")
    assert (code, out, err) == (1, "", "")
    assert Path("t.csv").read_text().startswith("model,dataset,")
    assert len(list(Path("results").rglob("[!.]*.json"))) == 1


def test_errors_keep_their_code_without_stderr() -> None:
    assert _shell("recbench run popular --dataset gone.csv 2>&-") == (2, "", "")
    assert _shell("recbench nonsense 2>/dev/full") == (2, "", "")
    assert _shell("recbench nonsense >&- 2>&-") == (2, "", "")


def test_a_reader_that_stops_is_no_error() -> None:
    code, out, err = _shell("recbench models --help | head -c 1")
    assert out == "U"
    assert code in (0, 1)
    assert err == ""


@pytest.mark.parametrize("way", ["-o /dev/stdout | cat", "-o >(cat) >/dev/null | cat"])
def test_tables_are_written_into_pipes(way: str, tiny: str) -> None:
    _shell(f"recbench run popular --dataset {tiny}")
    code, out, err = _shell(f"recbench table --format csv {way}")
    assert (code, "wrote /dev/" in err) == (0, True)
    assert out.startswith("model,dataset,")


def test_no_text_reaches_the_streams_as_it_is(tiny: str) -> None:
    path = Path(f"{NASTY}.csv")
    path.write_text(Path(tiny).read_text())
    for command, code in (
        (f"run popular --dataset '{path}'", 0),
        (f"run popular --dataset '{path}:user={NASTY}'", 2),
        (f"run popular --dataset '{tiny}' -o '{NASTY}.md'", 0),
        (f"datasets '{path}'", 0),
        (f"recommend popular --dataset '{path}' --user '{NASTY}'", 2),
        (f"inspect --dataset '{path}' --user u1", 0),
        (f"'{NASTY}'", 2),
        (f"run '--{NASTY}'", 2),
        (f"run popular --k '{NASTY}'", 2),
        (f"run '{NASTY}'", 2),
        ("table", 0),
    ):
        done, out, err = _shell(f"recbench {command}")
        assert done == code, err
        assert SHOWN in out + err, command
        assert not {"\x1b", "\x07", "\u202e"} & {*out, *err}, command


def test_log_messages_and_tracebacks_are_printable(capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        "import sys\n"
        "from recbench.cli.streams import LogHandler\n"
        "from recbench.progress import log\n"
        "log.addHandler(LogHandler())\n"
        "try: raise ValueError(sys.argv[1])\n"
        "except ValueError: log.exception('%s and ±', sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, NASTY], capture_output=True, text=True)
    assert done.stderr.startswith(f"{SHOWN} and ±\nTraceback")
    assert done.stderr.endswith(f"ValueError: {SHOWN}\n")
    assert log.name == "recbench"
