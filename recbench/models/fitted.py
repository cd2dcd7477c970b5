"""Steps 3 and 4: what fitted models of plugins need: a check before use, and arrays in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from recbench.data.arrays import Array
from recbench.data.interactions import Interactions
from recbench.errors import RecbenchError

T = TypeVar("T")


def check_fitted(model: str, n_items: int | None, history: Interactions | None = None) -> None:
    """Check that a model can be used, and that a history has the same catalogue.

    Parameters
    ----------
    model : str
        What is fitted, for the error.
    n_items : int or None
        The number of items that it was fitted on. None if it is not fitted.
    history : Interactions or None, default: None
        The histories that it is used for.

    Raises
    ------
    RecbenchError
        If the model is not fitted, or was fitted on another catalogue.

    Examples
    --------
    >>> import recbench
    >>> history = recbench.Interactions.from_log(users=[0], items=[1], n_items=3)
    >>> recbench.check_fitted("my-model", 5, history)
    Traceback (most recent call last):
    recbench.errors.RecbenchError: my-model was fitted on 5 items, but the history has 3; fit it ...
    """
    if n_items is None:
        raise RecbenchError(f"{model} is not fitted; call fit or load first")
    if history is not None and history.n_items != n_items:
        raise RecbenchError(
            f"{model} was fitted on {n_items} items, but the history has "
            f"{history.n_items}; fit it on the same dataset"
        )


def save_arrays(file: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays to a file in safetensors format, for the method `save` of a model.

    Parameters
    ----------
    file : pathlib.Path
        The file, in the folder that `save` was given.
    arrays : mapping of str to numpy.ndarray
        Arrays of numbers, by name.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "counts.safetensors")
    ...     recbench.save_arrays(file, {"counts": np.array([3, 1])})
    ...     recbench.load_arrays(file, "counts", lambda arrays: arrays["counts"].tolist())
    [3, 1]
    """
    from safetensors.numpy import save

    file.write_bytes(save(dict(arrays)))  # save_file would ignore the umask


def load_arrays(file: Path, what: str, use: Callable[[Mapping[str, Array]], T]) -> T:
    """Return what `use` makes of the arrays that `save_arrays` wrote.

    Parameters
    ----------
    file : pathlib.Path
        The file.
    what : str
        What the file holds, for the error.
    use : callable
        It gets the arrays by name. If it raises KeyError, TypeError or ValueError, the file is
        damaged.

    Returns
    -------
    object
        What `use` returns.

    Raises
    ------
    RecbenchError
        If the file is missing or damaged.

    Examples
    --------
    >>> from pathlib import Path
    >>> import recbench
    >>> recbench.load_arrays(Path("nothing", "counts.safetensors"), "counts", dict)
    Traceback (most recent call last):
    recbench.errors.RecbenchError: nothing has no complete saved counts (No such file or ...
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return use(load_file(file))
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise RecbenchError(
            f"{file.parent} has no complete saved {what} ({error}); fit the model again"
        ) from error
