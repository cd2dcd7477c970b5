"""The command line, commands for people who write plugins: `plugin new` and `plugin check`."""

from __future__ import annotations

from typing import Any

import click

from recbench.checking.plugin import LIMIT, check_plugin
from recbench.cli.options import Answer, Group, Limit, command, options
from recbench.scaffold.new import KINDS, new_plugin

plugin = Group("plugin", help="Write a new plugin, or check one.")


@command("new")
@click.argument("name")
@click.option(
    "--kind",
    metavar="KIND",
    default="model",
    show_default=True,
    help=f"What the plugin provides: {', '.join(KINDS)}.",
)
@click.option(
    "-o", "--output", metavar="FOLDER", help="Folder to write.  [default: NAME, in this folder]"
)
@options()
def new_command(**arguments: Any) -> Answer:
    """Write a package with a new plugin, which works and has a test.

    \b
    Examples:
      recbench plugin new my-model
      recbench plugin new my-metric --kind metric -o code/my-metric
    """
    return f"{new_plugin(**arguments)}\n", 0


@command("check")
@click.argument("name")
@click.option(
    "--kind",
    metavar="KIND",
    help=f"Check only this kind: {', '.join(KINDS)}.",
)
@click.option(
    "--timeout",
    type=Limit("SECONDS", "seconds"),
    default=LIMIT,
    help="Time limit per process of a model and per answer of an executor, in seconds.  "
    f"[default: {LIMIT:g}]",
)
@options("data_dir")
def check_command(**arguments: Any) -> Answer:
    """Check a plugin against every rule, and show an example where one is broken.

    NAME is a plugin; a model, dataset, splitter, metric, table, executor or tracker, with options;
    or a .py file. The exit code is 1 if a rule is broken.

    \b
    Examples:
      recbench plugin check my-model:dim=8
      recbench plugin check my_model.py
      recbench plugin check random --kind splitter
    """
    checked = check_plugin(**arguments)
    return f"{checked}\n", 0 if checked.holds else 1


plugin.sections = {"Commands": (new_command, check_command)}
for _command in plugin.sections["Commands"]:
    plugin.add_command(_command)
