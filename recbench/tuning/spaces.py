"""Tuning: the search spaces of the models to tune, from their factories and from the user."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from recbench.code.python_file import file_and_member
from recbench.errors import RecbenchError, UsageError, describe_error, suggest
from recbench.offers import Offer
from recbench.plugins import Plugins
from recbench.space import (
    NOT_TUNED,
    Choice,
    Float,
    Int,
    Range,
    Space,
    check_space,
    read_range,
    space_of,
)
from recbench.spec import Spec, check_option_names, parameters

Given = Mapping[str, Mapping[str, Any]] | Sequence[str] | str
"""Model -> option -> a range, or its text; or texts such as `ease:l2=1..5000:log,decay=0.5..1`."""


def spaces_of(plugins: Plugins, models: Sequence[str], given: Given) -> dict[str, Space]:
    """Return the search space of each model, without the options that its text sets.

    given: ranges that replace those of the models, or add to them.

    Raises UsageError for a range that does not fit the option, an unknown option, or a model that
    is not tuned.
    """
    offers = {model: plugins.check("models", Spec.parse(model)) for model in models}
    own: dict[str, dict[str, Range]] = {}
    for name, ranges in _given(given):
        offer = _offer(plugins, offers.values(), name)
        own.setdefault(offer.name, {}).update(_read(offer, ranges))
    spaces: dict[str, Space] = {}
    for model, offer in offers.items():
        fixed = offer.spec(Spec.parse(model).options).options
        both = sorted(fixed.keys() & own.get(offer.name, {}).keys())
        if both:
            raise UsageError(
                f"{model} sets {both[0]}, and --space gives a range for it; remove one of them"
            )
        space = {**space_of(offer.factory), **own.get(offer.name, {})}
        spaces[model] = {name: values for name, values in space.items() if name not in fixed}
    return spaces


def _given(given: Given) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the models that ranges are given for, with the ranges."""
    if isinstance(given, Mapping):
        yield from given.items()
        return
    if not isinstance(given, (str, Sequence)):
        raise UsageError(f"space: give a dict from models to ranges, or texts, not {given!r:.60}")
    for text in [given] if isinstance(given, str) else given:
        spec = Spec.parse(text) if str(text).strip() else Spec("", {})
        if not spec.name or not spec.options:
            raise UsageError(
                f"--space {text}: write MODEL:OPTION=LOW..HIGH, such as ease:l2=1..5000:log"
            )
        yield spec.name, spec.options


def _offer(plugins: Plugins, tuned: Collection[Offer], name: str) -> Offer:
    """Return the model that a name stands for, which may be in a file.

    Raises UsageError if it is not tuned.
    """
    if not isinstance(name, str):
        raise UsageError(f"space: name models as in results, such as 'ease', not {name!r:.60}")
    for offer in tuned:
        typed = plugins.typed.get(("models", offer.name), offer.name)
        if name in (offer.name, *offer.aliases, typed, file_and_member(typed)[0]):
            return offer
    known = {offer.name for offer in tuned}
    raise UsageError(f"--space {name}: this model is not tuned here; {suggest(name, known)}")


def _read(offer: Offer, given: Mapping[str, Any]) -> dict[str, Range]:
    """Return the ranges that a user has given for a model."""
    if not isinstance(given, Mapping):
        raise UsageError(f"space of {offer.name}: give a dict from options to ranges")
    what = f"--space {offer.name}"
    check_option_names(what, {key: str(values) for key, values in given.items()}, offer.factory)
    if left_out := given.keys() & set(NOT_TUNED):
        raise UsageError(f"{what}: {min(left_out)} cannot be tuned; remove it")
    texts = offer.spec(dict.fromkeys(given, "")).options  # the options under their own names
    kinds = parameters(offer.factory)[0]
    ranges = {}
    for option, values in zip(texts, given.values(), strict=True):
        ranges[option] = values
        if not isinstance(values, (Float, Int, Choice)):
            kind = kinds.get(option, Any)
            ranges[option] = read_range(f"{what}: {option}", str(values), kind)
    try:
        check_space(what, ranges, offer.factory)
    except RecbenchError as error:
        raise UsageError(describe_error(error)) from error
    return ranges
