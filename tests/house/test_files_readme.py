"""The README of recbench_files: its samples, commands, errors and tables agree with the code."""

import doctest
import inspect
import re
import shlex
from pathlib import Path

import pytest

import recbench
import recbench_files
from recbench.cli.main import main
from recbench.data.clean import clean
from recbench_files.columns import _USUAL

PATH = Path(recbench_files.__file__).with_name("README.md")
README = PATH.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def _commands() -> list[tuple[str, str]]:
    """Return each command in the README with the error that is shown for it, or ""."""
    lines = [
        line for language, _, text in BLOCKS if language == "console" for line in text.splitlines()
    ]
    errors = [*lines[1:], ""]
    return [
        (line.removeprefix("$ "), error if error.startswith("Error: ") else "")
        for line, error in zip(lines, errors, strict=True)
        if line.startswith("$ ")
    ]


@pytest.fixture(autouse=True)
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write every sample file into an empty folder, and work there."""
    monkeypatch.chdir(tmp_path)
    for _, name, text in BLOCKS:
        if name:
            Path(name).write_text(text, encoding="utf-8")
    for folder in ("logs", "click"):
        Path(folder).mkdir()
    for path in ("logs/may.csv", "logs/june.csv", "click/train.csv", "click/test.csv"):
        Path(path).write_text("user,item,time\n1,10,1\n1,20,2\n", encoding="utf-8")


def test_every_sample_is_named_by_a_command_or_loads() -> None:
    shown = " ".join(command for command, _ in _commands()) + README
    names = [name for _, name, _ in BLOCKS if name]
    assert len(names) == len(set(names)) >= 12
    for name in ("u.data", "ratings.dat", "shop.inter", "pairs.txt", "sequences.txt"):
        assert recbench.load_dataset(f"./{name}").interactions.n_users == 2
    for name in names:
        assert name in shown


@pytest.mark.parametrize(("command", "error"), _commands())
def test_commands_work_or_show_their_error(
    command: str, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program, *args = shlex.split(command)
    assert program == "recbench"
    if args[0] == "datasets":
        with pytest.raises(SystemExit) as stop:
            main(args)
        assert not stop.value.code
        assert "stock_code" in capsys.readouterr().out
        return
    if not error:
        assert recbench.load_dataset(args[args.index("--dataset") + 1]).interactions
        return
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert stop.value.code
    assert capsys.readouterr().err.strip() == error


def test_a_complete_run_lists_the_notes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["run", "popular", "--dataset", "messy.csv", "--verbose"])
    assert not stop.value.code
    shown = " ".join(capsys.readouterr().out.split())
    for note in recbench.load_dataset("messy.csv").notes:
        assert note in shown


def test_python_examples_show_their_output() -> None:
    text = "".join(text for language, _, text in BLOCKS if language == "pycon")
    test = doctest.DocTestParser().get_doctest(text, {}, "README.md", str(PATH), 0)
    report: list[str] = []
    assert doctest.DocTestRunner().run(test, out=report.append).failed == 0, "".join(report)


def test_the_table_of_usual_names_is_complete() -> None:
    shown = dict(re.findall(r"^\| (user|item|time|rating) \| (.+) \|$", README, re.MULTILINE))
    expected = {role: [name for tier in tiers for name in tier] for role, tiers in _USUAL.items()}
    assert {role: names.split(", ") for role, names in shown.items()} == expected


def test_the_tables_of_options_are_complete() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.+?) \|", README, re.MULTILINE)
    shown = {name: default for names, default in rows for name in re.findall(r"\w+", names)}
    parameters = {
        **inspect.signature(recbench_files.read_file).parameters,
        **inspect.signature(clean).parameters,
    }
    assert shown.keys() == parameters.keys() - {"path", "dataset"}
    for name, default in shown.items():
        value = parameters[name].default
        assert default in (["found by usual names", "none"] if value is None else [f"`{value}`"])
