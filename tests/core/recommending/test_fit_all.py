"""Models that are fitted on all interactions: what they train on, and that they are told apart."""

import numpy as np

from recbench import load_dataset, load_plugins
from recbench.experiment import Experiment
from recbench.recommending.fit_all import fitted_on_all


def test_the_training_part_is_the_whole_log(tiny: str) -> None:
    plugins, dataset = load_plugins(), load_dataset(tiny)
    whole = fitted_on_all(plugins, dataset)
    assert np.array_equal(whole.split.train.items, dataset.interactions.items)
    assert len(whole.split.judged) == 0
    assert whole.split.train.metadata is not None
    judged = Experiment.of(plugins, dataset, "leave-last-out")
    keys = [each.cell("popular", 0).key for each in (whole, judged)]
    assert keys[0] != keys[1]
    assert whole.cell("popular", 0).setting.split == "fit=all"
    assert keys[0] == fitted_on_all(plugins, load_dataset(tiny)).cell("popular", 0).key
