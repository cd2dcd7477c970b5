"""The command line, hints: what to write instead of a word that is in the wrong place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from recbench.code.python_file import is_python_file
from recbench.data.clean import clean
from recbench.errors import UsageError, suggest, with_article
from recbench.offers import NOUNS
from recbench.plugins import Plugins, load_plugins
from recbench.progress import log
from recbench.results.result import metric_label
from recbench.spec import Spec, parameters

_OPTION = {
    "metrics": "--metrics",
    "splitters": "--split",
    "datasets": "--dataset",
    "executors": "--executor",
    "trackers": "--track",
}
"""Kind of plugin -> the option that names are given to. Names of models need none."""

_SEVERAL = ("metrics", "splitters")
"""Kinds of which the option takes several, with commas."""

_TAKES = {
    "models": ("models", "model"),
    "splitters": ("split",),
    "datasets": ("dataset",),
    "metrics": ("metrics",),
    "executors": ("executor",),
    "trackers": ("track",),
}
"""Kind of plugin -> what the parameters of commands are called that take such a name."""


def plugins_that_work() -> Plugins:
    """Return all plugins, and warn of broken ones."""
    plugins = load_plugins()
    for info in plugins.broken:
        log.warning("plugin %s is broken; see: recbench plugins", info.name)
    return plugins


def check_models(plugins: Plugins, models: Sequence[str]) -> None:
    """Raise UsageError for words that click reads as models, as the last two in `--k 3 5 10`."""
    for model in models:
        name = Spec.parse(model).name
        if is_python_file(name):
            continue
        if re.fullmatch(r"[\d.,]+", name):
            raise UsageError(
                f"{model!r} is not a model. Separate several numbers with commas and no spaces, "
                "as in --k 3,5,10"
            )
        if re.fullmatch(r"[A-Za-z_]\w*=.*", model):
            raise UsageError(
                f"{model!r} is not a model. Options follow a name, without a space, as in "
                f"transformer:{model}"
            )
        kind = "" if _is(plugins, "models", name) else _kind(plugins, name)
        if kind:
            noun = with_article(NOUNS[kind])
            several = ". Separate several with commas and no spaces" * (kind in _SEVERAL)
            raise UsageError(
                f"{model!r} is {noun}, not a model; write {_OPTION[kind]} {model}{several}"
            )


def option_hint(option: str, command: click.Command) -> str:
    """Return what to write instead of an option that the command does not have."""
    word = option.lstrip("-").replace("-", "_")
    known = [text for param in command.params for text in param.opts]
    if any(isinstance(param, click.Argument) and param.name == word for param in command.params):
        return f"write its value without {option}"
    if f"--{word}" not in known:
        for kind, names in _TAKES.items():
            if not any(param.name in names for param in command.params):
                continue
            for offer in load_plugins().offers(kind):
                if word in parameters(offer.configured)[0]:
                    return f"options of {kind} follow names, as in {offer.name}:{word}=VALUE"
            if kind == "datasets" and word in parameters(clean)[0]:
                return f"options of datasets follow names, as in --dataset NAME:{word}=VALUE"
    return suggest(option, [text for text in known if text.startswith("--")])


def command_hint(command: str, commands: Sequence[str]) -> str:
    """Return what to write instead of a command that does not exist."""
    if _is(load_plugins(), "models", Spec.parse(command).name):
        return f"to run a model, write: recbench run {command}"
    return suggest(command, commands)


def _kind(plugins: Plugins, name: str) -> str:
    """Return what a word that is not a model is: a kind of plugin, datasets for a file, or ""."""
    if name.lower() in {metric_label(metric).lower() for metric in plugins.names("metrics")}:
        return "metrics"
    kinds = [kind for kind in _OPTION if _is(plugins, kind, name)]
    return next(iter(kinds), "datasets" if Path(name).is_file() else "")


def _is(plugins: Plugins, kind: str, name: str) -> bool:
    try:
        plugins.find(kind, name)
    except UsageError:
        return False
    return True
