"""Step 1, dataset: find it by name or path, and load it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from recbench.data.clean import clean
from recbench.data.dataset import Dataset
from recbench.errors import RecbenchError, UsageError
from recbench.plugins import Offer, Plugins, load_plugins
from recbench.spec import Spec, check_options, parameters, read_options


def load_dataset(
    text: str | Path, data_dir: str | None = None, plugins: Plugins | None = None
) -> Dataset:
    """The dataset that `name:options` or `path:options` names, cleaned.

    Every dataset has the options of `clean` besides its own. data_dir is handed to datasets that
    look for files there; plugins is what `load_plugins` gave, by default all that is installed.
    """
    plugins, text = plugins or load_plugins(), str(text)
    offer, own, cleaning = find_dataset(plugins, text)
    raw = offer.build(own, {"data_dir": data_dir})
    if not isinstance(raw, Dataset):
        raise RecbenchError(f"{offer.what} gave {type(raw).__name__}, wanted a Dataset")
    if not raw.interactions.n_interactions:
        raise RecbenchError(f"{offer.what} gave no events at all")
    cleaned = clean(raw, **read_options(offer.what, clean, cleaning))
    shown = {key: value for key, value in own.items() if key not in ("path", "data_dir")}
    return dataclasses.replace(cleaned, name=str(Spec(raw.name, {**shown, **cleaning})))


def find_dataset(plugins: Plugins, text: str) -> tuple[Offer, dict[str, str], dict[str, str]]:
    """Who gives this dataset, with its own options and the core's, before anything is read.

    `seed` is the core's only beside time_ties=hash; a dataset that takes a seed itself is given
    it too.

    Raises UsageError for a dataset, path or option that would not load later.
    """
    spec = Spec.parse(text)
    name, own = spec.name, dict(spec.options)
    if name not in plugins.names("datasets"):
        path = Path(name).expanduser()
        if path.is_dir():
            raise UsageError(f"{name} is a folder; name the file in it that holds the events")
        if not path.is_file() and (os.sep in name or "/" in name or path.suffix):
            raise UsageError(f"no dataset and no file {name!r}; see: recbench datasets")
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
            f"{offer.what}: seed={cleaning['seed']} means nothing without time_ties=hash, "
            "whose order it decides; write both or neither"
        )
    read_options(offer.what, offer.factory, own)
    return offer, own, cleaning
