"""The command line, commands that list what plugins provide."""

from __future__ import annotations

import click

from recbench.cli import listings
from recbench.cli.hints import plugins_that_work
from recbench.cli.options import Answer, command, options
from recbench.cli.preview import preview
from recbench.plugins import load_plugins


def _listing(kind: str) -> click.Command:
    @command(kind, help=f"List the {kind}, or describe the one called NAME.")
    @click.argument("name", required=False)
    @options()
    def listing(name: str | None) -> Answer:
        plugins = plugins_that_work()
        if name:
            return listings.offer_details(plugins.find(kind, name)), 0
        return listings.offers(plugins, kind), 0

    return listing


models_command, splitters_command, metrics_command = map(
    _listing, ("models", "splitters", "metrics")
)


@command("datasets")
@click.argument("name", metavar="[NAME|PATH]", required=False)
@options("data_dir")
def datasets_command(name: str | None, data_dir: str | None) -> Answer:
    """List the datasets, describe one, or show how a log is read.

    \b
    Examples:
      recbench datasets ml-100k               describe a dataset and its options
      recbench datasets log.csv               show how the file is read
      recbench datasets ml-100k:min_rating=4  show what is left with these options
    """
    plugins = plugins_that_work()
    if not name:
        return listings.offers(plugins, "datasets", data_dir), 0
    if name in plugins.names("datasets"):
        return listings.offer_details(plugins.find("datasets", name)), 0
    return preview(plugins, name, data_dir), 0


@command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options()
def plugins_command(as_json: bool) -> Answer:
    """List the installed plugins and what they provide, or why they are broken.

    The exit code is 1 if a plugin is broken.
    """
    plugins = load_plugins()
    as_text = listings.plugins_as_json if as_json else listings.plugins
    return as_text(plugins), 1 if plugins.broken else 0
