"""Steps 3 and 4, fit and score: build a plugin's model and call its methods, in this process."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import re
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from recbench.code.raised import describe_raised, is_of_call, place_of_code
from recbench.data.arrays import read_only
from recbench.data.interactions import Array, Interactions
from recbench.data.metadata import Metadata
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.models.answers import as_floats
from recbench.models.best import best_items
from recbench.models.checkpoint import can_resume, folder_for
from recbench.models.protocols import (
    Attentive,
    Explainer,
    FitReport,
    Lister,
    ModelHandle,
    Resumable,
    Scorer,
    Storable,
    Traits,
)
from recbench.models.returned import as_numbers, wrong_shape
from recbench.offers import Offer
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.reported import received_by
from recbench.spec import Spec, signature

READ_ONLY = (
    "copy an array of train or history before it is changed; train.matrix() is a sparse matrix "
    "that may be changed"
)

INTERACTIONS = (
    "train and history have users, items, offsets, times, ratings, sequences(), matrix() and more: "
    "help(recbench.Interactions)"
)

PARAMETERS = {
    "fit": "self, train",
    "score": "self, history",
    "recommend": "self, history, k",
    "explain": "self, history, items",
    "attention": "self, history",
    "save": "self, folder",
    "load": "self, folder",
}
"""Method of a model -> its parameters, for error messages."""

MOST_NAMED = 6
"""How many methods of an object that is not a model an error names."""


def build(offer: Offer, spec: Spec, filled: Mapping[str, Any]) -> Any:
    """Return a new model.

    Raises UsageError for wrong options, and RecbenchError if it is not a model.
    """
    try:
        model = offer.build(spec.options, filled)
    except UsageError:
        raise
    except RecbenchError as error:  # the caller names the model
        named = f"{offer.where} failed: "
        if not str(error).startswith(named):
            raise
        raise RecbenchError(f"its factory raised {str(error).removeprefix(named)}") from error
    check_methods(model)
    return model


def check_methods(model: Any) -> None:
    """Raise RecbenchError for what a factory returned if it is not a model."""
    if inspect.isclass(model):
        raise RecbenchError(
            f"its factory returned the class {model.__name__}; it must return a model, as in "
            f"{model.__name__}()"
        )
    if model is None:
        raise RecbenchError("its factory returned None; it must return a model")
    if not is_model(model):
        raise RecbenchError(
            "a model needs fit(train), and score(history) or recommend(history, k); "
            f"{type(model).__name__} has {_methods_of(model)}"
        )


def is_model(candidate: Any) -> bool:
    """Whether an object has the methods that every model needs."""
    return callable(getattr(candidate, "fit", None)) and isinstance(candidate, (Scorer, Lister))


def _methods_of(candidate: Any) -> str:
    """Return the names of an object's public methods, for an error."""
    own = [
        name
        for base in type(candidate).__mro__
        for name, value in vars(base).items()
        if not name.startswith("_") and callable(value)
    ]
    names = list(dict.fromkeys(own))
    if len(names) > MOST_NAMED:
        names[MOST_NAMED - 1 :] = ["others"]
    if len(names) > 1:
        names[-2:] = [" and ".join(names[-2:])]
    return ", ".join(names) or "no methods"


class InProcessHost:
    """Runs models in this process; same interface as `IsolatedHost`."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def isolates(self, model: str) -> bool:  # noqa: ARG002
        """Return False: no model runs in a separate process."""
        return False

    def share(self, train: Interactions) -> None:
        """Do nothing: models in this process get copies of the data."""

    def limited(self, seconds: float) -> contextlib.AbstractContextManager[None]:  # noqa: ARG002
        """Do nothing: models in this process have no time limit."""
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def cell(self, model: str, filled: dict[str, Any]) -> Iterator[ModelHandle]:
        """Build a model in this process. Raises the errors of `build`."""
        spec = Spec.parse(model)
        yield InProcessModel(build(self.plugins.find("models", spec.name), spec, filled))


class InProcessModel(ModelHandle):
    """The handle of a model in this process.

    sealed: whether nobody can write to the interactions that the methods are called with, as in a
        separate process. If not, the model gets copies, which are compared with them afterwards.
    """

    def __init__(self, model: Any, *, sealed: bool = False) -> None:
        self._model, self._sealed = model, sealed
        self.traits = traits_of(model)
        self.reads: set[str] = set()

    def fit(self, train: Interactions, checkpoint: Path | None = None) -> FitReport:
        """Train the model, with the checkpoint if its `fit` has one and the folder is available."""
        with folder_for(self._model, checkpoint) as folder:
            resumed = bool(checkpoint and folder and can_resume(checkpoint))
            options = {} if folder is None else {"checkpoint": folder}
            with received_by(self.on_values):
                fitted = self._call("fit", train, **options)
        returned = "" if fitted is self._model else type(fitted).__name__
        return FitReport(resumed, n_parameters(self._model), self.seconds, returned)

    def score(self, history: Interactions) -> Array:
        """Return the model's scores as an array of numbers."""
        return as_numbers("score", self._call("score", history))

    def top(self, history: Interactions, k: int, *, leave_out: bool) -> Array:
        """Return the k best items of each history, and their scores."""
        scores, shape = self.score(history), (len(history), history.n_items)
        if scores.shape != shape:
            raise wrong_shape("score", scores.shape, shape)
        return np.stack(best_items(as_floats(scores), history if leave_out else None, k))

    def recommend(self, history: Interactions, k: int) -> Array:
        """Return the model's lists as an array of numbers."""
        return as_numbers("recommend", self._call("recommend", history, k))

    def explain(self, history: Interactions, items: Array) -> Array:
        """Return the model's explanation as an array of numbers."""
        return as_numbers("explain", self._call("explain", history, items.copy()))

    def attention(self, history: Interactions) -> Array:
        """Return the model's attention weights as an array of numbers."""
        return as_numbers("attention", self._call("attention", history))

    def save(self, folder: Path) -> None:
        """Save the model to a folder."""
        with naming("save", self._model):
            self._model.save(folder)

    def load(self, folder: Path) -> None:
        """Replace the model by what its `load` returns."""
        with naming("load", self._model):
            loaded = self._model.load(folder)
        if not is_model(loaded):
            raise RecbenchError(
                f"load returned an object of type {type(loaded).__name__}; it must return the "
                "model itself: end it with `return self`"
            )
        self._model = loaded

    def _call(
        self, method: str, interactions: Interactions, *arguments: Any, **options: Any
    ) -> Any:
        """Call a method of the model, measure its time, and check that it changes no interaction.

        Raises RecbenchError if the method raises anything or changes the interactions.
        """
        given = interactions if self._sealed else self._copy(interactions)
        columns = dict(vars(given))
        with naming(method, self._model):
            began = time.perf_counter()
            answer = getattr(self._model, method)(given, *arguments, **options)
            self.seconds = time.perf_counter() - began
        if any(getattr(given, name) is not column for name, column in columns.items()) or not (
            self._sealed or _equal(given, interactions)
        ):
            raise RecbenchError(f"{method} changed the interactions that it was given; {READ_ONLY}")
        return answer

    def _copy(self, interactions: Interactions) -> Interactions:
        """Return interactions of their own memory, which record what metadata the model reads."""
        columns: dict[str, Any] = {
            name: read_only(value.copy())
            for name, value in vars(interactions).items()
            if isinstance(value, np.ndarray)
        }
        features = {
            name: read_only(values.copy()) for name, values in interactions.features.items()
        }
        metadata = interactions.metadata
        if metadata is not None:
            metadata = Metadata(metadata.names, functools.partial(self._read, metadata))
        return dataclasses.replace(interactions, **columns, features=features, metadata=metadata)

    def _read(self, metadata: Metadata, name: str) -> Array:
        """Return metadata of the main process for the model, and record that it has read them."""
        self.reads.add(name)
        return metadata[name].copy()


def traits_of(model: Any) -> Traits:
    """Return what a model can do."""
    text = ""
    with contextlib.suppress(Exception):  # an attribute that a model lacks may raise anything
        text = inspect.cleandoc(model.explain.__doc__ or "")
    return Traits(
        scores=_has(model, Scorer),
        storable=_has(model, Storable),
        explains=_has(model, Explainer),
        attends=_has(model, Attentive),
        method=text.strip().partition("\n")[0],
        checkpoint=_default_checkpoint(model) if _has(model, Resumable) else "",
    )


def _default_checkpoint(model: Any) -> str:
    parameter = signature(model.fit).get("checkpoint")
    return "" if parameter is None else f"{parameter.default!r:.60}"


def _has(model: Any, protocol: type) -> bool:
    try:
        return isinstance(model, protocol)
    except Exception:  # as above
        return False


def _equal(given: Interactions, original: Interactions) -> bool:
    """Whether two interactions have the same content."""
    mine, theirs = _columns(given), _columns(original)
    return mine.keys() == theirs.keys() and all(
        np.array_equal(value, theirs[name], equal_nan=np.asarray(value).dtype.kind == "f")
        for name, value in mine.items()
    )


def _columns(interactions: Interactions) -> dict[str, Any]:
    """Return everything that interactions consist of, without metadata."""
    fields = {**vars(interactions), **interactions.features}
    kinds = (np.ndarray, int, str)
    return {name: value for name, value in fields.items() if isinstance(value, kinds)}


@contextlib.contextmanager
def naming(method: str, model: Any = None) -> Iterator[None]:
    """Turn whatever a model's method raises into a RecbenchError that names the method."""
    try:
        yield
    except (RecbenchError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also SystemExit
        log.debug("%s failed", method, exc_info=True)
        hint = ""
        if is_writing(error):
            hint = f"; {READ_ONLY}"
        elif isinstance(error, TypeError) and is_of_call(error) and method in PARAMETERS:
            place = place_of_code(getattr(model, method, None))
            hint = f" ({place})" if place else ""
            hint += f"; define it as {method}({PARAMETERS[method]})"
        elif "'Interactions' object" in describe_error(error):
            hint = f"; {INTERACTIONS}"
        raise RecbenchError(f"{method} raised {describe_raised(error)}{hint}") from error


def is_writing(error: BaseException | None) -> bool:
    """Whether this is an error of numpy, or of what uses it, for writing to a read-only array."""
    if error is None:
        return False
    kinds = isinstance(error, (TypeError, ValueError)) or type(error).__module__.startswith("numba")
    return kinds and bool(re.search("read-?only|WRITEABLE", describe_error(error)))


def n_parameters(model: Any) -> int | None:
    """Return the number of parameters, if the model reports it or holds torch modules."""
    try:
        own = getattr(model, "n_parameters", None)
        if own is not None:
            number = int(own() if callable(own) else own)
            return max(-1, min(number, 2**63))  # both are refused later
        torch = sys.modules.get("torch")
        if torch is None:
            return None
        held = [model, *vars(model).values()]
        modules = [value for value in held if isinstance(value, torch.nn.Module)]
        sizes = {id(array): array.numel() for module in modules for array in module.parameters()}
        return sum(sizes.values()) if modules else None
    except Exception:  # attributes of a model may be anything; this number is optional
        return None
