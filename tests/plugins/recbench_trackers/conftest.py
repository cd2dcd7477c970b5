"""A small run, which trackers hear of: a model that reports values, one that fails, and another."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench

DATA = "synthetic:users=30,items=20,interactions=300"

ODD = 'tiny:dim=3,note=b&c<d>_*"$%#\\ 日本'
"""A model with options whose characters mean something in some format."""

MODELS = (ODD, "failing", "popular")


class Tiny:
    """Ranks items by their number, and reports values while it trains."""

    def __init__(self, dim: int = 2, note: str = "", seed: int = 0):
        self.dim, self.note, self.seed = dim, note, seed

    def fit(self, train: recbench.Interactions) -> "Tiny":
        with recbench.Progress("tiny", 3, "epoch") as progress:
            for epoch in range(3):
                progress.step(values={"loss": 1 / (epoch + 1), "hit@5": epoch / 4, "no": np.nan})
        self.n_items = train.n_items
        return self

    def score(self, history: recbench.Interactions) -> Any:
        return np.tile(np.arange(self.n_items, dtype=float), (len(history), 1))


class Failing(Tiny):
    """Fails after its training."""

    def fit(self, train: recbench.Interactions) -> "Failing":
        super().fit(train)
        raise ValueError("no luck | <b>")


Run = Callable[..., recbench.Results]


def run(tracker: Any, models: Any = MODELS, **options: Any) -> recbench.Results:
    """Run models with a tracker."""
    plugins = recbench.load_plugins(mine=plugin(models={"tiny": Tiny, "failing": Failing}))
    options = {"results": None, "in_process": True, **options}
    return recbench.run(models, DATA, ks=5, track=tracker, plugins=plugins, **options)


@pytest.fixture(scope="session")
def run_with() -> Run:
    """Return the function that runs models with a tracker."""
    return run


@pytest.fixture(scope="session")
def results() -> recbench.Results:
    """Return results that no tracker has heard of."""
    return run(())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder of a module, without accounts and settings, to be used as `at_home` does."""
    folder = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
            patch.delenv(name)
        patch.delenv("NETRC", raising=False)
        patch.setenv("HOME", str(folder))
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")  # tests use no network
        for name in ("DATA", "CACHE", "CONFIG"):
            patch.setenv(f"WANDB_{name}_DIR", str(folder / name.lower()))
        yield folder
