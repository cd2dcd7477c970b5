"""Step 1, dataset: find it by name or path, and load it."""

from __future__ import annotations

import dataclasses
import difflib
import os
from pathlib import Path

from recbench.data.clean import clean
from recbench.data.dataset import Dataset
from recbench.errors import RecbenchError, UsageError
from recbench.offers import Offer
from recbench.plugins import Plugins, load_plugins
from recbench.spec import Spec, check_options, parameters, read_options

N_SHOWN = 5
"""Number of files that an error lists when the user names a folder."""


def load_dataset(
    text: str | Path, data_dir: str | None = None, plugins: Plugins | None = None
) -> Dataset:
    """Load a dataset by name or path, and clean it.

    Every dataset has the options `min_user_interactions`, `min_item_interactions`, `repeats` and
    `time_ties` besides its own; `recbench datasets NAME` lists them all.

    Parameters
    ----------
    text : str or pathlib.Path
        Name of a dataset, or path of a log file, with options: "ml-100k:min_user_interactions=5"
        or "log.csv:user=CustomerID,item=StockCode,time=InvoiceDate".
    data_dir : str, default: RECBENCH_DATA, if set
        Folder holding one sub-folder per dataset, with the publisher's files.
    plugins : Plugins, default: all installed plugins
        The plugins to use, from `load_plugins`.

    Returns
    -------
    Dataset

    Raises
    ------
    UsageError
        If the name, the path or an option is wrong.
    RecbenchError
        If the file is broken, the download fails, or no interactions are left.

    Examples
    --------
    >>> import recbench
    >>> recbench.load_dataset("synthetic:users=50,interactions=900").interactions
    Interactions(50 sequences, 900 interactions, 50 users, 500 items)
    """
    plugins, text = plugins or load_plugins(), str(text)
    offer, own, cleaning = find_dataset(plugins, text)
    raw = offer.build(own, {"data_dir": data_dir})
    if not isinstance(raw, Dataset):
        raise RecbenchError(
            f"{offer.what} (plugin {offer.plugin}) returned {type(raw).__name__}; it must return a "
            "recbench.Dataset"
        )
    if not raw.interactions.n_interactions:
        raise RecbenchError(
            f"{offer.what} (plugin {offer.plugin}) returned no interactions; check its source"
        )
    cleaned = clean(raw, **read_options(offer.what, clean, cleaning))
    shown = {key: value for key, value in own.items() if key not in ("path", "data_dir")}
    return dataclasses.replace(cleaned, name=str(Spec(raw.name, {**shown, **cleaning})))


def find_dataset(plugins: Plugins, text: str) -> tuple[Offer, dict[str, str], dict[str, str]]:
    """Return the offer of a dataset, its own options and those of `clean`, without reading data.

    `seed` is an option of `clean` only together with time_ties=hash. A dataset with its own option
    `seed` gets the same value.

    Raises UsageError for an unknown dataset, path or option.
    """
    spec = Spec.parse(text)
    name, own = spec.name, dict(spec.options)
    if name not in plugins.names("datasets"):
        path = Path(name).expanduser()
        if path.is_dir():
            raise UsageError(f"{name} is a folder, not a log file; {_files_in(path)}")
        if not path.is_file() and (os.sep in name or "/" in name or path.suffix):
            near = difflib.get_close_matches(path.name, _names_in(path.parent), n=1, cutoff=0.8)
            hint = "check the path, or see: recbench datasets"
            if near:
                hint = f"did you mean {str(path.with_name(near[0]))!r}?"
            raise UsageError(f"there is no dataset or file {name!r}; {hint}")
        if path.is_file():
            name, own = "file", {"path": str(path), **own}
    offer = plugins.find("datasets", name)
    check_options(offer.what, own, clean, offer.factory)
    cleaning = {key: own.pop(key) for key in list(own) if key in parameters(clean)[0]}
    ties_hashed = cleaning.get("time_ties") == "hash"
    parameters_of_dataset, takes_others = parameters(offer.factory)
    if "seed" in cleaning and ("seed" in parameters_of_dataset or takes_others):
        own["seed"] = cleaning["seed"] if ties_hashed else cleaning.pop("seed")
    read_options(offer.what, clean, cleaning)
    if "seed" in cleaning and not ties_hashed:
        raise UsageError(
            f"{offer.what}: seed={cleaning['seed']} has no effect without time_ties=hash; "
            "add time_ties=hash, or remove seed"
        )
    read_options(offer.what, offer.factory, own)
    return offer, own, cleaning


def _files_in(folder: Path) -> str:
    """Return the end of an error: the files that the user may have meant."""
    names = [name for name in _names_in(folder) if (folder / name).is_file()]
    if not names:
        return "name a file"
    shown = ", ".join(names[:N_SHOWN]) + (", ..." if len(names) > N_SHOWN else "")
    largest = max((folder / name for name in names), key=lambda file: file.stat().st_size)
    return f"name a file in it, such as {largest} (it contains: {shown})"


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
