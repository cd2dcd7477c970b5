"""Step 2, split: load a dataset and split it, by the names of both."""

from __future__ import annotations

import dataclasses
from typing import Any

from recbench.arguments import with_names_checked
from recbench.data.dataset import Dataset
from recbench.data.load import Data, find_dataset
from recbench.data.split import Split
from recbench.data.splitting import build_splitter, call_splitter, prepared
from recbench.data.validation_data import with_validation
from recbench.data.validation_split import make_validation_split
from recbench.given.splitters import with_splitter
from recbench.plugins import Plugins, current_plugins
from recbench.spec import Spec


def make_split(plugins: Plugins, data: Dataset, split: str) -> tuple[str, Split]:
    """Split a dataset; return the name of the splitter with its options, and the split.

    Only splitters see the parts of the interactions: train and history have none. Models can ask
    the training data for a validation split.
    """
    splitter, name, who = build_splitter(plugins, split)
    made = prepared(call_splitter(who, data, "split", splitter.split, data.interactions), data)
    return name, with_validation(made, lambda: make_validation_split(plugins, data, split)[2])


def with_inner_validation(plugins: Plugins, data: Dataset, split: str, held_out: Split) -> Split:
    """Return the validation split of a dataset so that models can ask it for one of its own.

    A model that is tuned is trained on the training part of a validation split. What it then
    validates on is held out there, by the same splitter.
    """

    def make() -> Split:
        inner = dataclasses.replace(data, interactions=held_out.train)
        return make_split(plugins, inner, split)[1]

    return with_validation(held_out, make)


@with_names_checked
def split(
    dataset: Data,
    split: Any = "leave-last-out",
    *,
    data_dir: str | None = None,
    plugins: Plugins | None = None,
) -> Split:
    """Load a dataset and split it, as `recbench.run` does.

    Parameters
    ----------
    dataset : str, path, pandas.DataFrame or Dataset
        A dataset or the path of a log, with options, as in "log.csv:user=customer,item=sku", a log
        as a DataFrame, or what `load_dataset` returned.
    split : str, path, class, object or function, default: "leave-last-out"
        How to hold out targets: a splitter with options, such as "temporal:share=0.9", the path of
        a .py file, an object with `split`, or a function of (interactions).
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Split
        The training data, the histories and the targets, as numbers of users and items.
        `split.train.item_ids` has the ids of the source.

    Raises
    ------
    UsageError
        If a name or an option is wrong.
    RecbenchError
        If the data cannot be loaded or split.

    Examples
    --------
    >>> import recbench
    >>> parts = recbench.split("synthetic")
    >>> len(parts.judged), parts.train.matrix().shape
    (1000, (1000, 500))
    """
    plugins = current_plugins(plugins)
    plugins, split = with_splitter(plugins, split)
    plugins.check("splitters", Spec.parse(split))
    return make_split(plugins, find_dataset(plugins, dataset, data_dir).load(), split)[1]
