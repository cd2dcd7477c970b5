"""Step 1, dataset: find it by name or path, and load it."""

from __future__ import annotations

import dataclasses
import difflib
import numbers
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recbench.code.python_file import is_python_file
from recbench.data.clean import clean
from recbench.data.dataset import Dataset
from recbench.data.interactions import Interactions
from recbench.data.where import Where
from recbench.errors import RecbenchError, UsageError
from recbench.given.functions import with_dataset
from recbench.offers import Offer
from recbench.plugins import Plugins, current_plugins
from recbench.spec import Spec, check_option_names, parameters, read_options, signature, unwrapped

FILE = "file"
"""The dataset that reads paths, with its option `path`."""

WILDCARDS = frozenset("*?[")


Data = Any
"""What can be loaded: a name or path with options, several paths of one log, a pandas DataFrame, or
a `Dataset`."""


def text_of(data: Data) -> str:
    """Return how a dataset was named, to load it again; "" if it was not named but given."""
    if isinstance(data, (list, tuple)):
        return ",".join(map(text_of, data))
    return str(data) if isinstance(data, (str, Path)) else ""


def paths_in(data: Data) -> list[str]:
    """Return what may be paths of files in the text of a dataset."""
    text = text_of(data)
    if not text:
        return []
    spec = Spec.parse(text)
    return [spec.name, *spec.name.split(","), *spec.options.values()]


def load_dataset(
    data: Data,
    data_dir: str | None = None,
    plugins: Plugins | None = None,
    **options: Any,
) -> Dataset:
    """Load a dataset from a name, a path or a pandas DataFrame, and clean it.

    Every dataset has the options `where`, `min_rating`, `min_user_interactions`,
    `min_item_interactions`, `repeats` and `time_ties` besides its own; `recbench datasets NAME`
    lists them all.

    Parameters
    ----------
    data : str, pathlib.Path, sequence of them, pandas.DataFrame or Dataset
        Name of a dataset, or path of a log, with options: "ml-100k:min_user_interactions=5" or
        "log.csv:user=CustomerID,item=StockCode,time=InvoiceDate". The path of a log may be a file,
        a folder, a pattern such as "logs/*.csv", or a file in a zip archive, "ml.zip/ratings.csv".
        Several files, as a sequence or separated by commas, are one log; options follow the last.
        A .py file stands for its function that returns a Dataset, as in "my_data.py:make:n=3".
        A DataFrame is a log with one row per interaction. A Dataset that recbench has loaded is
        returned as it is; one that was made by hand is cleaned.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.
    **options : object
        Further options, with the same names: user="CustomerID", min_rating=4.

    Returns
    -------
    Dataset

    Raises
    ------
    UsageError
        If the name, the path or an option is wrong, or `data` has another type.
    RecbenchError
        If the file is broken, the download fails, or no interactions are left.

    Examples
    --------
    >>> import recbench
    >>> recbench.load_dataset("synthetic:users=50,interactions=900").interactions
    Interactions(50 sequences, 900 interactions, 50 users, 500 items)
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer": ["ann", "bob", "ann"], "sku": ["x", "x", "y"]})
    >>> recbench.load_dataset(log, user="customer", item="sku").interactions
    Interactions(2 sequences, 3 interactions, 2 users, 2 items)
    """
    return find_dataset(current_plugins(plugins), data, data_dir, options).load()


@dataclass(frozen=True)
class Chosen:
    """A dataset that the user has named or given.

    own, cleaning: the values of the factory's own options, and of those of `clean`; no cleaning for
    a dataset that recbench has loaded before.
    """

    offer: Offer
    own: Mapping[str, Any]
    cleaning: Mapping[str, Any] | None

    def load(self) -> Dataset:
        """Call the factory, check the dataset and clean it."""
        where = self.offer.where if self.offer.plugin else self.offer.what
        raw = self.offer.call(**self.own)
        if not isinstance(raw, Dataset):
            raise RecbenchError(
                f"{where} returned {type(raw).__name__}; it must return a recbench.Dataset"
            )
        if not raw.interactions.n_interactions:
            raise RecbenchError(f"{where} has no interactions; check its source")
        if _falls(raw.interactions):
            raise RecbenchError(
                f"{where} has a user's interactions out of the order of their times; sort them, as "
                "recbench.Interactions.from_log does"
            )
        if self.cleaning is None:
            return raw
        return dataclasses.replace(clean(raw, **self.cleaning), name=self.name(raw.name))

    def name(self, name: str) -> str:
        """Return the name with all options that matter, in the same words for every spelling.

        name: of the dataset that the factory returned.
        """
        spec, own = Spec.parse(name), {}
        if not getattr(unwrapped(self.offer.factory), "names_itself", False):
            own = {key: value for key, value in self.own.items() if key not in ("path", "data_dir")}
        cleaning = dict(self.cleaning or {})
        if cleaning.get("where") is not None:
            cleaning["where"] = str(Where.parse(cleaning["where"]))
        for key in ("min_user_interactions", "min_item_interactions"):
            if cleaning.get(key) == 1:
                del cleaning[key]  # every user and item has an interaction
        stated = {**_stated(self.offer.factory, own), **_stated(clean, cleaning)}
        return str(Spec(spec.name, {**spec.options, **stated}))


def find_dataset(
    plugins: Plugins,
    data: Data,
    data_dir: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> Chosen:
    """Return the dataset that a text names, or that is given, and its options, without reading it.

    given: options besides those in the text. Values that cannot be written as text, such as a
    DataFrame, are passed to the factory as they are.

    `seed` is an option of `clean` only together with time_ties=hash. A dataset with its own option
    `seed` gets the same value. A dataset with its own option `where` gets it instead of `clean`.

    Raises UsageError for an unknown dataset, path or option.
    """
    texts, objects = _as_texts(given or {})
    filled: dict[str, Any] = {"data_dir": data_dir, **objects}
    if isinstance(data, Dataset):
        if data.repeats and given:
            raise UsageError(
                f"dataset {data.name} is loaded already; give {next(iter(given))} to the "
                "load_dataset that loads it"
            )
        offer, options = Offer("datasets", data.name, lambda: data, "", ""), texts
        if data.repeats:
            return Chosen(offer, own={}, cleaning=None)
    else:
        offer, options = _named(plugins, data, filled)
        for key in options.keys() & (texts.keys() | objects.keys()):
            raise UsageError(f"{offer.what}: {key} is given twice; give it once")
        options |= texts
    _check_option_names(offer, {**options, **dict.fromkeys(objects, "")})
    known, takes_others = parameters(offer.factory)
    of_clean = parameters(clean)[0].keys() - ({"where"} & known.keys())
    for key in of_clean & objects.keys():
        kind = type(objects[key]).__name__
        raise UsageError(f"{offer.what}: {key} is neither text nor a number ({kind}); write one")
    cleaning = {key: options.pop(key) for key in list(options) if key in of_clean}
    ties_hashed = cleaning.get("time_ties") == "hash"
    if "seed" in cleaning and ("seed" in known or takes_others):
        options["seed"] = cleaning["seed"] if ties_hashed else cleaning.pop("seed")
    chosen = Chosen(
        offer,
        own=read_options(offer.what, offer.factory, options, filled),
        cleaning=read_options(offer.what, clean, cleaning),
    )
    if "seed" in cleaning and not ties_hashed:
        raise UsageError(
            f"{offer.what}: seed={cleaning['seed']} has no effect without time_ties=hash; "
            "add time_ties=hash, or remove seed"
        )
    condition = (chosen.cleaning or {}).get("where")
    if condition is not None:
        Where.parse(condition)
    return chosen


def _named(plugins: Plugins, data: Data, filled: dict[str, Any]) -> tuple[Offer, dict[str, str]]:
    """Return the dataset that a text names, with its options, or the one that reads logs.

    filled: gets the path or the DataFrame.
    """
    paths = [data] if isinstance(data, (str, Path)) else data
    if isinstance(paths, (list, tuple)) and all(isinstance(path, (str, Path)) for path in paths):
        texts = list(map(str, paths))
        if not texts:
            raise UsageError("there is no dataset to load; name one, or at least one file")
        spec = Spec.parse(texts[-1])
        if not texts[1:] and is_python_file(spec.name):
            plugins, text = with_dataset(plugins, texts[0])
            spec = Spec.parse(text)
            return plugins.find("datasets", spec.name), dict(spec.options)
        if not texts[1:] and not _is_path(plugins, spec.name):
            return plugins.find("datasets", spec.name), dict(spec.options)
        filled["path"] = [*texts[:-1], spec.name] if texts[1:] else spec.name
        return plugins.find("datasets", FILE), dict(spec.options)
    filled["path"] = data
    return plugins.find("datasets", FILE), {}


_WRITABLE = (str, numbers.Number, Path, np.generic, Where)


def _as_texts(options: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return options as text, and those that cannot be written as text.

    None and an empty list are left out.
    """
    texts: dict[str, str] = {}
    objects: dict[str, Any] = {}
    for key, value in options.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        if not values:
            continue
        if key == "where" and value is not None and not isinstance(value, (str, Where)):
            raise UsageError(
                f"where is not text ({type(value).__name__}); write conditions such as "
                "where='event=purchase&rating>=4'"
            )
        if all(isinstance(each, _WRITABLE) for each in values):
            texts[key] = ",".join(map(_text, values))
        elif value is not None:
            objects[key] = value
    return texts, objects


def _is_path(plugins: Plugins, name: str) -> bool:
    """Whether a name is a path or a pattern. Raises UsageError if it looks like one that is not."""
    known = plugins.names("datasets")
    if name in known:
        return False
    several = [part.strip() for part in name.split(",")]
    if any(part in known for part in several):
        raise UsageError(
            f"{name!r} names several datasets; give each of them a --dataset of its own"
        )
    path = Path(name).expanduser()
    if path.exists() or several[1:] or WILDCARDS & set(name):
        return True
    if any(parent.is_file() for parent in path.parents):  # such as a zip archive
        return True
    if os.sep in name or "/" in name or path.suffix:
        near = difflib.get_close_matches(path.name, _names_in(path.parent), n=1, cutoff=0.8)
        hint = "check the path, or see: recbench datasets"
        if near:
            hint = f"did you mean {str(path.with_name(near[0]))!r}?"
        raise UsageError(f"there is no dataset or file {name!r}; {hint}")
    return False


def _check_option_names(offer: Offer, options: Mapping[str, str]) -> None:
    """Raise UsageError for an unknown option, which may be meant as a condition of `where`."""
    try:
        check_option_names(offer.what, options, clean, offer.factory)
    except UsageError as error:
        known = parameters(clean)[0].keys() | parameters(offer.factory)[0].keys()
        wrong = next(key for key in options if key not in known)
        if "where" not in options:
            raise
        stop = "" if str(error).endswith("?") else "."
        raise UsageError(
            f"{error}{stop} If it is a condition, write "
            f"where={options['where']}&{wrong}={options[wrong]}"
        ) from None


def _falls(interactions: Interactions) -> bool:
    """Whether a time is earlier than the one before it in the same sequence."""
    if interactions.times is None:
        return False
    falls = interactions.times[1:] < interactions.times[:-1]
    starts = interactions.offsets[1:-1]
    falls[starts[(starts > 0) & (starts <= len(falls))] - 1] = False
    return bool(falls.any())


def _stated(factory: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, str]:
    """Return the options that differ from the factory's defaults, as text."""
    known = signature(factory)
    texts = {key: _text(value) for key, value in values.items()}
    return {
        key: text
        for key, text in texts.items()
        if key not in known or text != _text(known[key].default)
    }


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(map(_text, value))
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
