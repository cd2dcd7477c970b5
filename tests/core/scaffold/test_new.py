"""Write a new plugin from the templates of its kind."""

import importlib.util
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import recbench
from recbench.cli.main import main
from recbench.scaffold import new

FILES = [".gitignore", "README.md", "pyproject.toml", "recbench_a_b_c.py", "test_a_b_c.py"]


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", new.KINDS)
def test_a_plugin_of_each_kind_has_its_name_everywhere(kind: str) -> None:
    plugin = recbench.new_plugin("a.B+c", kind=kind)
    assert plugin.folder == Path("a.B+c")
    assert sorted(path.name for path in plugin) == FILES == sorted(os.listdir("a.B+c"))
    texts = {path.name: path.read_text() for path in plugin}
    assert not re.search("my.?plugin", "".join(texts.values()), re.IGNORECASE)
    project = tomllib.loads(texts["pyproject.toml"])
    assert project["project"]["name"] == "recbench-a-b-c"
    assert project["project"]["dependencies"] == ["recbench-toolkit"]
    assert project["project"]["entry-points"]["recbench"] == {"a.B+c": "recbench_a_b_c"}
    assert project["tool"]["setuptools"]["py-modules"] == ["recbench_a_b_c"]
    module = _module(plugin.folder / "recbench_a_b_c.py")
    info = recbench.load_plugins(mine=module).infos["mine"]
    assert not info.broken
    assert info.gives == {f"{kind}s": ["a.B+c"]}
    assert texts["README.md"].startswith("# a.B+c\n")


@pytest.mark.parametrize("kind", new.KINDS)
def test_the_commands_are_those_of_the_readme(kind: str) -> None:
    plugin = recbench.new_plugin("mine", kind=kind, output="there")
    page = (plugin.folder / "README.md").read_text()
    first, run, *rest = plugin.commands
    assert first == "pip install -e ."
    assert run.startswith("recbench run ")
    assert rest == ["pip install pytest", "pytest", "recbench plugin check mine"]
    for command in plugin.commands:
        assert f"\n    {command}\n" in page
    shown = str(plugin)
    assert "Next, type\n\n    cd there\n    pip install -e .\n    recbench run " in shown
    assert shown.endswith("    recbench plugin check mine")


def test_every_template_has_a_purpose() -> None:
    paths = {path for path in new.TEMPLATES.rglob("*.*") if path.suffix != ".pyc"}
    used = {new._template(kind, file) for kind in new.KINDS for file in new.PURPOSES}
    assert used == {*paths, new.TEMPLATES / "gitignore"}


def test_the_report_lists_the_files() -> None:
    plugin = recbench.new_plugin("my-model")
    frame = plugin.to_frame()
    assert list(frame) == ["file", "purpose"]
    assert frame["file"].tolist() == [str(path) for path in plugin]
    assert frame["purpose"][0] == "the plugin: edit this file"
    assert len(plugin) == 5
    assert all(path.is_file() for path in plugin)
    assert "<td" in plugin._repr_html_()
    assert "my-model/recbench_my_model.py  the plugin: edit this file" in str(plugin)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["plugin", "new", "my-split", "--kind", "splitter", "-o", "my folder"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert "    cd 'my folder'\n" in printed
    assert "    recbench run popular --split my-split\n" in printed
    assert (Path("my folder") / "recbench_my_split.py").is_file()
    with pytest.raises(SystemExit) as stop:
        main(["plugin", "new", "my-split", "--kind", "spliter"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith(
        "no kind of plugin 'spliter'; did you mean 'splitter'?\n"
    )
    assert not Path("my-split").exists()


@pytest.mark.parametrize("kind", ["models", "", None, 3, "thing"])
def test_an_unknown_kind(kind: Any) -> None:
    with pytest.raises(recbench.UsageError, match=f"no kind of plugin {kind!r}; "):
        recbench.new_plugin("mine", kind=kind)
    assert os.listdir() == []


def _file(path: Path) -> None:
    path.write_text("mine")


def _full(path: Path) -> None:
    path.mkdir()
    _file(path / "pyproject.toml")


@pytest.mark.parametrize(
    "make", [_file, Path.mkdir, _full, lambda path: path.symlink_to("nowhere")]
)
@pytest.mark.parametrize("output", [None, "there"])
def test_nothing_is_overwritten(make: Any, output: str | None) -> None:
    path = Path(output or "mine")
    make(path)
    before = sorted(Path().rglob("*"))
    with pytest.raises(recbench.UsageError) as caught:
        recbench.new_plugin("mine", output=output)
    assert str(caught.value) == (
        f"cannot write the folder {path}: it exists. Choose another one with --output, or another "
        "name"
    )
    assert sorted(Path().rglob("*")) == before
    assert make is not _full or (path / "pyproject.toml").read_text() == "mine"


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(recbench.UsageError) as caught:
        recbench.new_plugin("mine", output="no/mine")
    assert str(caught.value) == (
        f"cannot write the folder no/mine: there is no folder {tmp_path / 'no'}. Create it, or "
        "choose another one with --output"
    )
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(recbench.UsageError) as caught:
        recbench.new_plugin("mine")
    assert str(caught.value) == (
        f"cannot write the folder mine: the folder {tmp_path} is write-protected. Choose another "
        "one with --output"
    )
    assert os.listdir() == []


@pytest.mark.parametrize("failing", ["README.md", "test_mine.py", "recbench_mine.py"])
def test_a_failure_leaves_nothing_behind(failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_text

    def full(path: Path, *args: Any) -> int:
        if path.name == failing:
            raise OSError(28, "No space left on device")
        return write(path, *args)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(recbench.RecbenchError) as caught:
        recbench.new_plugin("mine")
    assert type(caught.value) is recbench.RecbenchError
    assert str(caught.value) == (
        "cannot write to mine: No space left on device. Choose another folder with --output"
    )
    assert os.listdir() == []


def test_given_plugins_have_taken_names_too() -> None:
    first = recbench.new_plugin("mine")
    plugins = recbench.load_plugins(other=_module(first.folder / "recbench_mine.py"))
    with pytest.raises(recbench.UsageError, match=r"taken by the model mine \(plugin other\)"):
        recbench.new_plugin("Mine", output="there", plugins=plugins)
    assert os.listdir() == ["mine"]
