"""Steps 3 and 4, fit and score: build a plugin's model and call its methods, in this process."""

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
from recbench.models.answers import AnswerCheck, as_numbers
from recbench.models.checkpoint import can_resume, folder_for
from recbench.models.protocols import FitReport, Lister, ModelHandle, Scorer, Storable
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.spec import Spec

READ_ONLY = "copy arrays of train or history before changing them"


def build(plugins: Plugins, text: str, filled: dict[str, Any]) -> Any:
    """Return a new model.

    Raises UsageError for wrong options, and RecbenchError if it is not a model.
    """
    spec = Spec.parse(text)
    model = plugins.build("models", spec, **filled)
    if not callable(getattr(model, "fit", None)) or not isinstance(model, (Scorer, Lister)):
        names = ("fit", "score", "recommend")
        methods = [name for name in names if callable(getattr(model, name, None))]
        has = f"only {' and '.join(methods)}" if methods else "none of these"
        raise RecbenchError(
            "a model needs fit(train), and score(history) or recommend(history, k); "
            f"this one has {has}"
        )
    return model


class InProcessHost:
    """Runs models in this process; same interface as `IsolatedHost`."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def share(self, train: Interactions) -> None:
        """Do nothing: models in this process can already read the training data."""

    @contextlib.contextmanager
    def cell(self, model: str, filled: dict[str, Any]) -> Iterator[ModelHandle]:
        """Build a model in this process. Raises the errors of `build`."""
        yield InProcessModel(build(self.plugins, model, filled))


class InProcessModel(ModelHandle):
    """The handle of a model in this process."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.scores = isinstance(model, Scorer)
        self.storable = isinstance(model, Storable)

    def fit(self, train: Interactions, checkpoint: Path | None = None) -> FitReport:
        """Train the model, with the checkpoint if its `fit` has one and the folder is available."""
        with folder_for(self._model, checkpoint) as folder:
            resumed = bool(checkpoint and folder and can_resume(checkpoint))
            options = {} if folder is None else {"checkpoint": folder}
            call_model("fit", self._model.fit, train, **options)
        return FitReport(resumed, n_parameters(self._model))

    def score(self, history: Interactions) -> Array:
        """Return the model's scores as an array of numbers."""
        return as_numbers("score", call_model("score", self._model.score, history))

    def recommend(self, history: Interactions, k: int) -> Array:
        """Return the model's lists as an array of numbers."""
        return as_numbers("recommend", call_model("recommend", self._model.recommend, history, k))

    def save(self, folder: Path) -> None:
        """Save the model to a folder."""
        with _naming("save"):
            self._model.save(folder)


def call_model(
    method: str,
    function: Callable[..., Any],
    interactions: Interactions,
    *arguments: Any,
    **options: Any,
) -> Any:
    """Call a model's method, and check that it does not change the interactions.

    Raises RecbenchError if the method raises anything or changes the interactions.
    """
    names = [field.name for field in dataclasses.fields(interactions)]
    before = [getattr(interactions, name) for name in names]
    with _naming(method):
        answer = function(interactions, *arguments, **options)
    after = [getattr(interactions, name) for name in names]
    if any(now is not then for now, then in zip(after, before, strict=True)):
        raise RecbenchError(f"{method} changed the interactions that it was given; {READ_ONLY}")
    return answer


def ask(
    check: AnswerCheck,
    method: str,
    function: Callable[..., Any],
    interactions: Interactions,
    *arguments: Any,
) -> Array:
    """Call a model's method as `call_model` does, and return its answer as numbers.

    Raises a RecbenchError that names the model and its first user, as `check` does.
    """
    try:
        answer = call_model(method, function, interactions, *arguments)
    except RecbenchError as error:
        raise check.broken(describe_error(error)) from error
    return check.numbers(method, answer)


@contextlib.contextmanager
def _naming(method: str) -> Iterator[None]:
    """Turn whatever a model's method raises into a RecbenchError that names the method."""
    try:
        yield
    except (RecbenchError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also SystemExit
        log.debug("%s failed", method, exc_info=True)
        hint = f"; {READ_ONLY}" if is_writing(error) else ""
        raise RecbenchError(f"{method} raised {describe_error(error)}{hint}") from error


def is_writing(error: BaseException | None) -> bool:
    """Whether this is numpy's error for writing to a read-only array."""
    return isinstance(error, ValueError) and bool(re.search("read-only|WRITEABLE", str(error)))


def n_parameters(model: Any) -> int | None:
    """Return the number of parameters, if the model reports it or holds torch modules."""
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
    except Exception:  # attributes of a model may be anything; this number is optional
        return None
