"""Each command is a public function with the same parameters, whose result can be shown."""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pytest
from made_curves import write_curved

import recbench
from recbench.cli.group import cli
from recbench.cli.main import main

LISTINGS = {"models", "datasets", "splitters", "metrics", "executors", "trackers", "plugins"}
"""Commands that list what plugins offer. `recbench.load_plugins()` returns it."""

NAMES = {
    "inspect": "inspect_user",
    "export-split": "export_split",
    "plugin new": "new_plugin",
    "plugin check": "check_plugin",
}
"""Functions that are not called as their command, which is a word of Python or too general, or is
in a group of commands."""

PRESENTATION = {
    ("run", "form"): "results.to_table(form)",
    ("run", "output"): "a file of to_table or to_frame",
    ("run", "verbose"): "results.showing(verbose=True)",
    ("table", "form"): "results.to_table(form)",
    ("table", "output"): "a file of to_table or to_frame",
    ("table", "verbose"): "results.showing(verbose=True)",
    ("verify", "every"): "checks.showing(every=True), and to_frame has every number",
    ("tune", "outputs"): "tuning.draw(path), to_markdown() and to_frame()",
    ("tune", "verbose"): "tuning.showing(verbose=True)",
    ("curves", "form"): "curves.to_markdown() and to_frame()",
    ("curves", "outputs"): "curves.draw(path), to_markdown() and to_frame()",
    ("trials", "form"): "trials.to_markdown() and to_frame()",
    ("trials", "outputs"): "trials.draw(path), to_markdown() and to_frame()",
    ("explain", "output"): "explanation.draw(output)",
    ("explain", "of_attention"): "recbench.attention",
}
"""Options that only say how a result is shown -> what does the same in Python."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "run": {"models": ["popular", "rules"], "dataset": "tiny.csv", "ks": (1, 2), "seed": (0, 1)},
    "tune": {"models": ["popular", "rules"], "dataset": "tiny.csv", "trials": 2, "ks": (1, 2)},
    "trials": {"models": ["rules"], "dataset": "tiny.csv"},
    "table": {"metrics": ("ndcg", "hit"), "by": ("history", "popularity")},
    "curves": {"models": ["curved.py"], "dataset": "tiny.csv", "values": "loss"},
    "compare": {"first": "rules", "second": "popular", "ks": (1, 2), "metrics": ("hit",)},
    "inspect": {"user": "u1", "dataset": "tiny.csv", "k": 2},
    "recommend": {"model": "rules", "user": "u1", "dataset": "tiny.csv", "k": 2},
    "explain": {"model": "rules", "items": ["i1", "i2"], "dataset": "tiny.csv", "k": 2},
    "selfcheck": {"dataset": "tiny.csv", "split": "leave-last-basket"},
    "verify": {"paths": ["results"], "dataset": "tiny.csv"},
    "export-split": {"dataset": "tiny.csv", "split": "leave-last-out", "output": "there"},
    "plugin check": {"name": "hit", "kind": "metric"},
    "plugin new": {"name": "recbench-new", "kind": "metric"},
}
"""Arguments for the function of each command, on the data `tiny.csv`."""

ALL = {
    **{name: each for name, each in cli.commands.items() if not isinstance(each, click.Group)},
    **{
        f"{group} {name}": each
        for group, commands in cli.commands.items()
        if isinstance(commands, click.Group)
        for name, each in commands.commands.items()
    },
}
"""Every command; those of a group with its name, as users type them."""

COMMANDS = sorted(ALL.keys() - LISTINGS)


def _parameters(command: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(_function(command)).parameters


def _function(command: str) -> Any:
    return getattr(recbench, NAMES.get(command, command))


def _options(command: str) -> dict[str, click.Parameter]:
    """Return the command's options and arguments that its function has too."""
    return {
        str(param.name): param
        for param in ALL[command].params
        if param.expose_value and (command, param.name) not in PRESENTATION
    }


def _words(command: str, arguments: Mapping[str, Any]) -> list[str]:
    """Return the words of a command line that has these arguments."""
    words = command.split()
    for name, value in arguments.items():
        param = _options(command)[name]
        values = [*map(str, value)] if isinstance(value, (tuple, list)) else [str(value)]
        if isinstance(param, click.Argument):
            words += values
        elif isinstance(param, click.Option) and param.is_flag:
            words += [param.opts[0]] * bool(value)
        else:
            words += [param.opts[-1], ",".join(values)]
    return words


def test_the_tables_of_this_test_name_what_there_is() -> None:
    assert ALL.keys() > LISTINGS
    assert NAMES.keys() <= set(COMMANDS)
    for command, name in PRESENTATION:
        assert name in {param.name for param in ALL[command].params}, (command, name)
    assert sorted(EXAMPLES) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_a_public_function(command: str) -> None:
    assert NAMES.get(command, command) in recbench.__all__
    assert inspect.isfunction(_function(command))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_parameters_are_the_options(command: str) -> None:
    parameters = _parameters(command)
    assert "plugins" in parameters
    assert parameters.keys() - {"plugins"} == _options(command).keys()
    for name, param in _options(command).items():
        if isinstance(param, click.Option):
            assert f"--{name.replace('_', '-')}" in param.opts, f"{name} is spelt {param.opts}"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_defaults_are_those_of_the_options(command: str) -> None:
    context = ALL[command].make_context(command, [], resilient_parsing=True)
    for name, param in _options(command).items():
        default, given = _parameters(command)[name].default, context.params[name]
        if default is inspect.Parameter.empty:
            assert isinstance(param, click.Argument) or param.required, name
        else:  # an option that can be given several times has a tuple
            assert given in (default, (default,)) or (not given and not default), name


@pytest.mark.parametrize("command", COMMANDS)
def test_the_result_has_a_frame_the_text_of_the_command_and_html(
    command: str, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Path(tiny) == Path("tiny.csv").absolute()
    arguments = EXAMPLES[command]
    if command != "run":
        recbench.run(["popular", "rules"], tiny, ks=(1, 2))
    if command == "trials":
        recbench.tune(["rules"], tiny, trials=2)
    if command == "curves":
        recbench.run(write_curved(), tiny, ks=(1, 2))
    first = _function(command)(**arguments)  # it may train a model, which takes a time
    shutil.rmtree("recbench-new", ignore_errors=True)
    result = _function(command)(**arguments)
    shutil.rmtree("recbench-new", ignore_errors=True)
    frame = result.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame)
    assert list(frame) == [name for name in frame if isinstance(name, str) and name]
    assert list(first.to_frame()) == list(frame)
    html = result._repr_html_()
    assert "<table" in html or "<p>" in html
    assert html.count("<table") == html.count("</table>")
    assert "<script" not in html
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(_words(command, arguments))
    assert stop.value.code == 0
    assert _timeless(capsys.readouterr().out) == _timeless(f"{result}\n")
    assert str(result).startswith(repr(result)[:100])


def _timeless(text: str) -> str:
    return re.sub(r"\d+ ms", "some ms", text)


def _descriptions(name: str) -> dict[str, str]:
    """Return the parameters of a function -> the first sentence on each."""
    doc = inspect.getdoc(getattr(recbench, name)) or ""
    section = re.split(r"\n\n\w+\n-+\n", doc.partition("Parameters\n----------\n")[2])[0]
    entries = re.findall(r"^([\w, ]+) : .*\n((?: {4}.*\n?)+)", section, re.MULTILINE)
    return {
        each: " ".join(text.split()).partition(". ")[0].rstrip(".")
        for names, text in entries
        for each in names.split(", ")
    }


SAME = (
    *("user", "items", "fit", "by", "device", "timeout", "memory", "in_process"),
    *("data_dir", "plugins"),
)
"""Parameters whose descriptions begin with the same sentence in all functions."""


@pytest.mark.parametrize("parameter", SAME)
def test_the_same_parameter_is_described_with_the_same_sentence(parameter: str) -> None:
    names = [NAMES.get(command, command) for command in COMMANDS]
    told = {
        _descriptions(name)[parameter]
        for name in [*names, "attention", "load_dataset", "split"]
        if parameter in inspect.signature(getattr(recbench, name)).parameters
    }
    assert len(told) == 1, told


def test_shared_parameters_have_the_same_order_and_plugins_are_the_last() -> None:
    keywords = {
        command: [
            name
            for name, parameter in _parameters(command).items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        ]
        for command in COMMANDS
    }
    for command, names in keywords.items():
        assert names[-1] == "plugins", command
        for other, others in keywords.items():
            shared = [name for name in names if name in others]
            assert shared == [name for name in others if name in names], (command, other)
