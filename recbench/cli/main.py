"""The command line, main: run a command, and turn errors into messages and exit codes."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

import click

from recbench.cli.commands import cli
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.progress import log


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 success, 1 failure, 2 wrong usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        code = cli.main(args, prog_name="recbench", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(_interrupted(sys.argv[1:] if args is None else args), err=True)
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        if log.isEnabledFor(logging.DEBUG):
            log.exception("Traceback:")
        known = isinstance(error, (RecbenchError, OSError))
        hint = "" if known else " (this looks like a bug; --debug shows where it happened)"
        click.echo(f"Error: {describe_error(error)}{hint}", err=True)
        code = 2 if isinstance(error, UsageError) else 1
    sys.exit(code)


def _interrupted(args: Sequence[str]) -> str:
    command = next((word for word in args if not word.startswith("-")), "")
    if command == "run":
        return "Interrupted. Finished results are stored; run the same command to continue."
    return "Interrupted."
