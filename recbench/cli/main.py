"""The command line, main: run a command, and turn errors into messages and exit codes."""

from __future__ import annotations

import io
import logging
import signal
import sys
from collections.abc import Sequence

import click

from recbench import guard
from recbench.cli.group import cli
from recbench.cli.streams import close_streams, open_streams, show_error
from recbench.cli.supervisor import supervise
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.progress import log


def main(args: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 success, 1 failure, 2 wrong usage, 130 interrupted.

    args: the words after `recbench`. None takes those of this process, and runs the command in a
        process of its own.
    """
    open_streams()
    if hasattr(signal, "SIGCHLD"):  # this process may have been started to ignore it
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if args is None:
        supervise()
    code = _exit_code(args)
    close_streams()
    guard.write(guard.Note(code=code))
    sys.exit(code)


def _exit_code(args: Sequence[str] | None) -> int:
    """Run a command, and return its exit code."""
    stdout = sys.stdout
    try:
        return int(cli.main(args, prog_name="recbench", standalone_mode=False))
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        show_error(said.getvalue().rstrip("\n"))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        show_error(_interrupted(sys.argv[1:] if args is None else args))
        return 130
    except BaseException as error:  # also SystemExit
        if sys.stdout is not stdout:  # click replaces it and exits if nobody reads the output
            return 1
        if log.isEnabledFor(logging.DEBUG):
            log.exception("Traceback:")
        known = isinstance(error, (RecbenchError, OSError))
        hint = "" if known else " (this looks like a bug; --debug shows where it happened)"
        if isinstance(error, MemoryError):
            hint = ". Free some memory, or use a smaller dataset"
        show_error(f"Error: {describe_error(error)}{hint}")
        return 2 if isinstance(error, UsageError) else 1


def _interrupted(args: Sequence[str]) -> str:
    """Return what to say after Ctrl-C: where it happened, and how to continue."""
    where = guard.read().where
    stop = f"Interrupted in {where}." if where else "Interrupted."
    command = next((word for word in args if not word.startswith("-")), "")
    if command == "run":
        return f"{stop} Finished results are stored; run the same command to continue."
    if command == "tune":
        return f"{stop} Trials that have ended are stored; run the same command to continue."
    return stop
