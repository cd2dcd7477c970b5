"""The command line, all commands: the help that lists them.

A new command is a function in one of the files that this one imports, and a name here.
"""

from __future__ import annotations

import click

from recbench.cli import (
    commands,
    curves_command,
    listing_commands,
    plugin_commands,
    tuning_commands,
)
from recbench.cli.options import Group, options


@click.group(
    cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="recbench-toolkit")
@options()
def cli() -> None:
    """Compare recommender systems fairly: one evaluation for all models.

    \b
    To start:
      recbench run transformer popular    train both on MovieLens 100K and compare them
      recbench COMMAND --help             show the options of a command
    """


cli.sections = {
    "Compare models": (commands.run_command, commands.compare_command),
    "Tune models": (tuning_commands.tune_command, tuning_commands.trials_command),
    "Look at results": (
        commands.table_command,
        curves_command.curves_command,
        commands.inspect_command,
    ),
    "Recommend": (commands.recommend_command, commands.explain_command),
    "Check and reproduce": (
        commands.selfcheck_command,
        commands.verify_command,
        commands.export_command,
    ),
    "List what there is": (
        listing_commands.models_command,
        listing_commands.datasets_command,
        listing_commands.splitters_command,
        listing_commands.metrics_command,
        listing_commands.executors_command,
        listing_commands.trackers_command,
        listing_commands.plugins_command,
    ),
    "Write plugins": (plugin_commands.plugin,),
}
for _commands in cli.sections.values():
    for _command in _commands:
        cli.add_command(_command)
