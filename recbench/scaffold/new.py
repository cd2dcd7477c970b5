"""For plugin authors: write a package with a new plugin, from the templates of its kind."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from recbench.arguments import with_names_checked
from recbench.errors import RecbenchError, UsageError
from recbench.files import new_folder
from recbench.offers import NOUNS, check_noun
from recbench.plugins import Plugins, current_plugins
from recbench.report.report import Block, Lines, ReportOf, Table
from recbench.scaffold.names import check_name, names_of, renamed

if TYPE_CHECKING:
    import pandas as pd

KINDS = tuple(NOUNS.values())

TEMPLATES = Path(__file__).parent / "templates"
"""Files of every kind, and a folder for each kind with what only its plugins have."""

PURPOSES = {
    "recbench_my_plugin.py": "the plugin: edit this file",
    "test_my_plugin.py": "its test",
    "pyproject.toml": "what pip installs, and the name of the plugin",
    "README.md": "how to install, run and test it",
    ".gitignore": "what git ignores",
}
"""Each file of a plugin, as the templates call it -> what it is for."""

HIDDEN = ".gitignore"
"""The file whose template has no dot, as hidden files are left out when recbench is packaged."""


class NewPlugin(ReportOf[Path]):
    """The files of a new plugin: a sequence of paths; returned by `new_plugin`.

    Parameters
    ----------
    folder : pathlib.Path
        The folder that was written.
    texts : dict of str to str
        Name of each file -> what it is for.
    commands : list of str
        What to type next, in this folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> import recbench
    >>> new = recbench.NewPlugin(Path("mine"), {"recbench_mine.py": "the plugin"}, ["pytest"])
    >>> new.to_frame()["file"].tolist(), new.commands
    (['mine/recbench_mine.py'], ['pytest'])
    """

    def __init__(self, folder: Path, texts: dict[str, str], commands: list[str]) -> None:
        super().__init__(folder / name for name in texts)
        self.folder, self.commands, self._texts = folder, commands, texts

    def to_frame(self) -> pd.DataFrame:
        """Return the files as a table.

        Returns
        -------
        pandas.DataFrame
            One row per file, with the columns file (its path) and purpose.
        """
        import pandas as pd

        paths = [str(path) for path in self]
        return pd.DataFrame({"file": paths, "purpose": [*self._texts.values()]})

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        yield Table([{"file": str(path), "": text} for path, text in self._rows()])
        yield "Next, type"
        yield Lines(
            [f"    cd {shlex.quote(str(self.folder))}", *(f"    {line}" for line in self.commands)]
        )

    def _rows(self) -> Iterator[tuple[Path, str]]:
        return zip(self, self._texts.values(), strict=True)


@with_names_checked
def new_plugin(
    name: str,
    *,
    kind: str = "model",
    output: str | Path | None = None,
    plugins: Plugins | None = None,
) -> NewPlugin:
    """Write a package with a new plugin, which works and has a test.

    Parameters
    ----------
    name : str
        Name of the plugin and of the model, dataset or other thing that it provides: up to 100
        letters from a to z, digits and characters of "-_.+", the first a letter.
    kind : str, default: "model"
        What the plugin provides: "model", "dataset", "splitter", "metric", "table", "executor" or
        "tracker".
    output : str or path or None, default: None
        Folder to write, which must not exist. None writes a folder called `name`.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    NewPlugin
        The paths of the files, what each is for, and what to type next.

    Raises
    ------
    UsageError
        If the kind is unknown, the name is taken or cannot be used, or the folder exists or cannot
        be written.
    RecbenchError
        If writing fails. No part of the package is left behind.

    Examples
    --------
    >>> import recbench
    >>> new = recbench.new_plugin("my-metric", kind="metric")
    >>> sorted(path.name for path in new)
    ['.gitignore', 'README.md', 'pyproject.toml', 'recbench_my_metric.py', 'test_my_metric.py']
    >>> print((new.folder / "pyproject.toml").read_text())
    [project]
    name = "recbench-my-metric"
    ...
    """
    check_noun(kind)
    templates = {file: _template(kind, file).read_text("utf-8") for file in PURPOSES}
    code = [text for file, text in templates.items() if file.endswith(".py")]
    check_name(name, kind, code, current_plugins(plugins))
    names = names_of(name)
    folder = _checked(Path(output or name))
    try:
        with new_folder(folder) as unfinished:
            for file, text in templates.items():
                path = unfinished / renamed(file, names)
                path.write_text(renamed(text, names), "utf-8")
    except OSError as error:
        raise RecbenchError(
            f"cannot write to {folder}: {error.strerror or error}. Choose another folder with "
            "--output"
        ) from error
    commands = re.findall(r"^    (.+)$", renamed(templates["README.md"], names), re.MULTILINE)
    texts = {renamed(file, names): PURPOSES[file] for file in PURPOSES}
    return NewPlugin(folder, texts, commands)


def _template(kind: str, file: str) -> Path:
    """Return the template of a file: its own of the kind, or that of every kind."""
    name = file.removeprefix(".") if file == HIDDEN else file
    own = TEMPLATES / kind / name
    return own if own.exists() else TEMPLATES / name


def _checked(folder: Path) -> Path:
    """Return the folder. Raises UsageError if it exists or cannot be made."""
    parent = folder.absolute().parent
    if os.path.lexists(folder):
        reason = "it exists. Choose another one with --output, or another name"
    elif not parent.is_dir():
        reason = f"there is no folder {parent}. Create it, or choose another one with --output"
    elif not os.access(parent, os.W_OK):
        reason = f"the folder {parent} is write-protected. Choose another one with --output"
    else:
        return folder
    raise UsageError(f"cannot write the folder {folder}: {reason}")
