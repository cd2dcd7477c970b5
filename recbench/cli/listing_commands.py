"""The command line, commands that list what plugins provide."""

from __future__ import annotations

import click

from recbench.checking.found import WITH
from recbench.cli import listings
from recbench.cli.hints import plugins_that_work
from recbench.cli.options import Answer, command, options
from recbench.cli.preview import preview
from recbench.code.python_file import is_python_file
from recbench.given.collect import as_typed
from recbench.plugins import load_plugins
from recbench.spec import Spec


def _listing(kind: str) -> click.Command:
    @command(kind, help=f"List the {kind}, or describe the one called NAME or in a .py file.")
    @click.argument("name", metavar="[NAME|FILE]", required=False)
    @options()
    def listing(name: str | None) -> Answer:
        plugins = plugins_that_work()
        if not name:
            return listings.offers(plugins, kind), 0
        if not is_python_file(Spec.parse(name).name):
            return listings.offer_details(plugins.find(kind, name)), 0
        plugins, texts = WITH[kind](plugins, name)
        if isinstance(texts, str):
            texts = [texts]
        if not texts:
            return f"{name} has event hooks, which have no options\n", 0
        names = dict.fromkeys(Spec.parse(text).name for text in texts)
        found = [
            listings.offer_details(plugins.find(kind, own), as_typed(plugins, kind, own))
            for own in names
        ]
        return "\n".join(found), 0

    return listing


models_command, splitters_command, metrics_command, executors_command, trackers_command = map(
    _listing, ("models", "splitters", "metrics", "executors", "trackers")
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
    """List the installed plugins, what they provide, and which implement each hook.

    If a plugin is broken, the reason is shown, and the exit code is 1. If the environment variable
    RECBENCH_PLUGINS=NAME,NAME is set, all commands load only the plugins that it names.
    """
    plugins = load_plugins()
    as_text = listings.plugins_as_json if as_json else listings.plugins
    return as_text(plugins), 1 if plugins.broken else 0
