"""Step 2 for `--fit all`: an experiment whose training part is the whole dataset."""

from __future__ import annotations

import dataclasses

import numpy as np

from recbench.data.dataset import Dataset
from recbench.data.split import Split
from recbench.experiment import Experiment, setting_of
from recbench.plugins import Plugins

NAME = "fit=all"
"""Takes the place of the split in the identity of a cell. No splitter can have this name."""


def fitted_on_all(plugins: Plugins, dataset: Dataset) -> Experiment:
    """Return an experiment that trains on all interactions and judges nothing."""
    train = dataclasses.replace(dataset.interactions, parts=None)
    setting = setting_of(
        dataset, split=NAME, split_sha256=train.fingerprint(), n_judged_users=0, n_cases=0
    )
    nothing = Split(train, train.take([]), np.empty(0, dtype=np.int32))
    return Experiment(plugins, dataset, nothing, setting)
