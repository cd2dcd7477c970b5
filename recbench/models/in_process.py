"""Steps 3 and 4: a model in this process, without isolation."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from recbench.data.interactions import Interactions
from recbench.errors import RecbenchError

if TYPE_CHECKING:
    pass
import sys
from collections.abc import Iterator

from recbench.models.checkpoint import fit
from recbench.models.protocols import Lister, Scorer, Storable
from recbench.plugins import Plugins
from recbench.spec import Spec


@dataclass
class Costs:
    """What a cell took. peak_memory: bytes. parameters: numbers learned, None if not known."""

    fit_seconds: float = float("nan")
    peak_memory: int | None = None
    parameters: int | None = None


def build(plugins: Plugins, text: str, filled: dict[str, Any]) -> Any:
    """A fresh model. Raises UsageError for wrong options, RecbenchError for what is no model."""
    spec = Spec.parse(text)
    model = plugins.build("models", spec, **filled)
    if not callable(getattr(model, "fit", None)) or not isinstance(model, (Scorer, Lister)):
        methods = [one for one in ("fit", "score", "recommend") if hasattr(model, one)]
        raise RecbenchError(
            "a model needs fit(train) and score(history), or recommend(history, k); it has "
            f"{', '.join(methods) or 'none of these'}"
        )
    return model


def n_parameters(model: Any) -> int | None:
    """How many numbers a model has learned, where it says so or holds torch modules."""
    try:
        own = getattr(model, "n_parameters", None)
        if own is not None:
            return int(own() if callable(own) else own)
        torch = sys.modules.get("torch")
        if torch is None:
            return None
        parts = [model, *vars(model).values()]
        modules = [one for one in parts if isinstance(one, torch.nn.Module)]
        found = {id(one): one.numel() for module in modules for one in module.parameters()}
        return sum(found.values()) if modules else None
    except Exception:  # a model that answers to every name, say; it is only asked out of interest
        return None


class InProcessHost:
    """Where models run; the same as `Isolation`, but with nothing between them and the referee."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @contextlib.contextmanager
    def cell(self, model: str, filled: dict[str, Any]) -> Iterator[InProcessModel]:
        """A model in this process."""
        yield InProcessModel(build(self.plugins, model, filled))


class InProcessModel:
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
