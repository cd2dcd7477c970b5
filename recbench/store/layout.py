"""Step 6, store: where each file is, and the errors for folders that cannot be written."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator
from pathlib import Path

from recbench.errors import RecbenchError, UsageError
from recbench.models import checkpoint
from recbench.results.result import Result, Setting

CELL_NAME = re.compile(r"-[0-9a-f]{8}\.json")
"""The end of the name of a cell's JSON file."""

TUNING = ".tuning"
"""The suffix of the folder of a study."""

ADVICE = {
    errno.ENOSPC: "Free some space",
    errno.EDQUOT: "Free some space",
    errno.EFBIG: "Raise the limit on file sizes (ulimit -f)",
    errno.EISDIR: "Remove this folder",
}
"""What to do when a file cannot be written, by error number."""


class Layout:
    """The paths of everything in a folder of results."""

    def __init__(self, folder: str | Path) -> None:
        if not isinstance(folder, (str, Path)):
            raise UsageError(f"results must be the path of a folder, not {type(folder).__name__}")
        self.folder = Path(folder)

    def path(self, result: Result) -> Path:
        """Return where the JSON file of a result is, or would be.

        Parameters
        ----------
        result : Result
            A result, stored or not.

        Returns
        -------
        pathlib.Path
            The file. It need not exist.

        Examples
        --------
        >>> import recbench
        >>> result = recbench.run(["popular"], "synthetic", results=None, in_process=True)[0]
        >>> recbench.Store("results").path(result).parent.as_posix()
        'results/synthetic/leave-last-out'
        """
        return self._section_folder(result.setting) / file_name(result)

    def model_folder(self, result: Result) -> Path:
        """Return where the fitted model of a result is, or would be.

        Parameters
        ----------
        result : Result
            A result, stored or not.

        Returns
        -------
        pathlib.Path
            The folder. It need not exist.

        Examples
        --------
        >>> import recbench
        >>> result = recbench.run(["popular"], "synthetic", results=None, in_process=True)[0]
        >>> recbench.Store("results").model_folder(result).suffix
        '.model'
        """
        return self.path(result).with_suffix(".model")

    def checkpoint(self, result: Result) -> Path:
        """Return where the checkpoint of an interrupted training is, or would be.

        Parameters
        ----------
        result : Result
            A result, stored or not. `write` removes its checkpoint.

        Returns
        -------
        pathlib.Path
            The folder. It need not exist.

        Examples
        --------
        >>> import recbench
        >>> result = recbench.run(["popular"], "synthetic", results=None, in_process=True)[0]
        >>> recbench.Store("results").checkpoint(result).suffix
        '.checkpoint'
        """
        path = self.path(result).absolute()
        return path.with_name(f"{path.stem}{result.key[8:]}{checkpoint.SUFFIX}")

    def tuning_folder(self, setting: Setting, model: str, key: str) -> Path:
        """Return where the study of a model is, or would be.

        Parameters
        ----------
        setting : Setting
            Dataset and split.
        model : str
            The model, with the options that are not tuned.
        key : str
            The key of the study.

        Returns
        -------
        pathlib.Path
            The folder. It need not exist.
        """
        return self._section_folder(setting) / f"{slug(model)}-{key[:8]}{TUNING}"

    def _section_folder(self, setting: Setting) -> Path:
        """Return the folder of a dataset and split."""
        return self.folder / slug(setting.dataset) / slug(setting.split)


def file_name(result: Result) -> str:
    """Return the name of a result's JSON file."""
    seed = "" if result.seed is None else f"-{result.seed}"
    return f"{slug(result.model)}{seed}-{result.key[:8]}.json"


def misplaced(path: Path, result: Result, place: Path | str) -> RecbenchError:
    """Return the error for a file that was copied or renamed."""
    setting = result.setting
    return RecbenchError(
        f"{path} was copied or renamed: it contains the result of {result.label} on "
        f"{setting.dataset}, {setting.split}, which belongs in {place}"
    )


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Make the folder of `path`; an OSError in the body becomes a RecbenchError with advice."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> RecbenchError:
    """Return the error for a file or folder that cannot be written."""
    advice = ADVICE.get(error.errno or 0, "Check the folder's permissions")
    return RecbenchError(
        f"cannot write to {path}: {error.strerror or error}. {advice}, or choose another folder "
        "with --results"
    )


def slug(text: str) -> str:
    """Return a safe file name. Names that become equal differ by the key after them."""
    return re.sub(r"[^A-Za-z0-9._=+-]+", "_", text)[:100].strip(".") or "_"
