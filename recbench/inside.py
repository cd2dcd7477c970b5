"""Steps 3 and 4 without isolation: models inside this process, for debuggers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from .checkpoint import fit
from .interactions import Interactions
from .model import Scorer, Storable
from .plugins import Plugins
from .remote import Costs
from .worker import build, n_parameters


class Inside:
    """Where models run; the same as `Isolation`, but with nothing between them and the referee."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @contextlib.contextmanager
    def cell(self, model: str, filled: dict[str, Any]) -> Iterator[Local]:
        """A model in this process."""
        yield Local(build(self.plugins, model, filled))


class Local:
    """A model in this process, with the methods that the referee calls."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.costs = Costs()
        self.keeps = isinstance(model, Storable)
        if isinstance(model, Scorer):
            self.score = model.score
        else:
            self.recommend = model.recommend

    def fit(self, train: Interactions, checkpoint: Path | None = None) -> Self:
        """Train. checkpoint: where one may be kept."""
        self.costs.fit_seconds = fit(self._model, train, checkpoint)
        self.costs.parameters = n_parameters(self._model)
        return self

    def save(self, folder: Path) -> None:
        """Have the model write itself into a folder."""
        self._model.save(folder)
