"""Steps 3 and 4: a plugin's model, built and called, in the process that it runs in."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from recbench.data.interactions import Array, Interactions
from recbench.errors import RecbenchError, describe_error
from recbench.models.answers import as_numbers
from recbench.models.checkpoint import can_resume, folder_for
from recbench.models.protocols import FitReport, Lister, ModelHandle, Scorer, Storable
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.spec import Spec

READ_ONLY = "train and histories must not be written, so copy them first"


def build(plugins: Plugins, text: str, filled: dict[str, Any]) -> Any:
    """A fresh model. Raises UsageError for wrong options, RecbenchError for what is no model."""
    spec = Spec.parse(text)
    model = plugins.build("models", spec, **filled)
    if not callable(getattr(model, "fit", None)) or not isinstance(model, (Scorer, Lister)):
        methods = [name for name in ("fit", "score", "recommend") if hasattr(model, name)]
        raise RecbenchError(
            "a model needs fit(train) and score(history), or recommend(history, k); it has "
            f"{', '.join(methods) or 'none of these'}"
        )
    return model


class InProcessHost:
    """Where models run; as `IsolatedHost`, but with nothing between them and the referee."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def share(self, train: Interactions) -> None:
        """Nothing: the training data is where models are."""

    @contextlib.contextmanager
    def cell(self, model: str, filled: dict[str, Any]) -> Iterator[ModelHandle]:
        """A model in this process. Raises as `build` does."""
        yield InProcessModel(build(self.plugins, model, filled))


class InProcessModel(ModelHandle):
    """A model in this process."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.scores = isinstance(model, Scorer)
        self.storable = isinstance(model, Storable)

    def fit(self, train: Interactions, checkpoint: Path | None = None) -> FitReport:
        """Train, with the checkpoint where the model takes one and it can be had."""
        with folder_for(self._model, checkpoint) as folder:
            resumed = bool(checkpoint and folder and can_resume(checkpoint))
            options = {} if folder is None else {"checkpoint": folder}
            call_model("fit", self._model.fit, train, **options)
        return FitReport(resumed, n_parameters(self._model))

    def score(self, history: Interactions) -> Array:
        """What the model gives, as an array of numbers."""
        return as_numbers("score", call_model("score", self._model.score, history))

    def recommend(self, history: Interactions, k: int) -> Array:
        """What the model gives, as an array of numbers."""
        return as_numbers("recommend", call_model("recommend", self._model.recommend, history, k))

    def save(self, folder: Path) -> None:
        """Have the model write itself into a folder."""
        with _naming("save"):
            self._model.save(folder)


def call_model(
    method: str,
    function: Callable[..., Any],
    interactions: Interactions,
    *arguments: Any,
    **options: Any,
) -> Any:
    """Call a model's method, and see that it leaves the interactions as they were.

    Raises RecbenchError, saying what came out of the model, or that it changed them.
    """
    names = [field.name for field in dataclasses.fields(interactions)]
    before = [getattr(interactions, name) for name in names]
    with _naming(method):
        answer = function(interactions, *arguments, **options)
    after = [getattr(interactions, name) for name in names]
    if any(now is not then for now, then in zip(after, before, strict=True)):
        raise RecbenchError(f"{method} changed the interactions that it was given")
    return answer


@contextlib.contextmanager
def _naming(method: str) -> Iterator[None]:
    """Whatever a model's method raises in here becomes a RecbenchError that names it."""
    try:
        yield
    except (RecbenchError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also those that are meant to end the process
        log.debug("%s failed", method, exc_info=True)
        hint = f"; {READ_ONLY}" if is_writing(error) else ""
        raise RecbenchError(f"{method} raised {describe_error(error)}{hint}") from error


def is_writing(error: BaseException | None) -> bool:
    """Whether an error is numpy's for writing into an array that is read-only."""
    return isinstance(error, ValueError) and bool(re.search("read-only|WRITEABLE", str(error)))


def n_parameters(model: Any) -> int | None:
    """How many numbers a model has learned, where it says so or holds torch modules."""
    try:
        own = getattr(model, "n_parameters", None)
        if own is not None:
            return int(own() if callable(own) else own)
        torch = sys.modules.get("torch")
        if torch is None:
            return None
        held = [model, *vars(model).values()]
        modules = [value for value in held if isinstance(value, torch.nn.Module)]
        sizes = {id(array): array.numel() for module in modules for array in module.parameters()}
        return sum(sizes.values()) if modules else None
    except Exception:  # a model that answers to every name, say; it is only asked out of interest
        return None
