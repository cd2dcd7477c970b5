"""Step 2 for `--fit all`: an experiment whose training part is the whole dataset."""

from __future__ import annotations

import dataclasses

import numpy as np

from recbench.data.dataset import Dataset
from recbench.data.split import Split
from recbench.evaluation.referee import PROTOCOL
from recbench.experiment import Experiment
from recbench.plugins import Plugins
from recbench.results.result import Setting

NAME = "fit=all"
"""Takes the place of the split in the identity of a cell. No splitter can have this name."""


def fitted_on_all(plugins: Plugins, dataset: Dataset) -> Experiment:
    """Return an experiment that trains on all interactions and judges nothing."""
    log = dataset.interactions
    train = dataclasses.replace(log, parts=None)
    setting = Setting(
        dataset=dataset.name,
        dataset_sha256=dataset.fingerprint(),
        split=NAME,
        split_sha256=train.fingerprint(),
        protocol=PROTOCOL,
        repeats=dataset.repeats,
        n_users=log.n_users,
        n_items=log.n_items,
        n_interactions=log.n_interactions,
        n_judged_users=0,
        n_cases=0,
        order=dataset.order,
    )
    nothing = Split(train, train.take([]), np.empty(0, dtype=np.int32))
    return Experiment(plugins, dataset, nothing, setting)
