"""Tuning: the search spaces of the models to tune, from their factories and from the user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recbench.errors import UsageError
from recbench.offers import Offer
from recbench.plugins import Plugins
from recbench.space import Choice, Float, Int, Range, Space, check_space, read_range, space_of
from recbench.spec import Spec, parameters

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
        offer = plugins.find("models", name)
        if offer.name not in {each.name for each in offers.values()}:
            raise UsageError(f"--space {name}: this model is not among those that are tuned")
        own.setdefault(offer.name, {}).update(_read(offer, ranges))
    spaces: dict[str, Space] = {}
    for model, offer in offers.items():
        fixed = offer.spec(Spec.parse(model).options).options
        both = sorted(fixed.keys() & own.get(offer.name, {}).keys())
        if both:
            raise UsageError(
                f"{model} sets {both[0]}, and --space says where to look for it; remove one of them"
            )
        space = {**space_of(offer.factory), **own.get(offer.name, {})}
        spaces[model] = {name: values for name, values in space.items() if name not in fixed}
    return spaces


def _given(given: Given) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the models that ranges are given for, with the ranges."""
    if isinstance(given, Mapping):
        yield from given.items()
        return
    for text in [given] if isinstance(given, str) else given:
        spec = Spec.parse(text)
        if not spec.options:
            raise UsageError(
                f"--space {text}: write MODEL:OPTION=LOW..HIGH, such as ease:l2=1..5000:log"
            )
        yield spec.name, spec.options


def _read(offer: Offer, given: Mapping[str, Any]) -> dict[str, Range]:
    """Return the ranges that a user has given for a model."""
    if not isinstance(given, Mapping):
        raise UsageError(f"space of {offer.name}: give a dict from options to ranges")
    texts = offer.spec(dict.fromkeys(given, "")).options  # the options under their own names
    kinds = parameters(offer.factory)[0]
    ranges = {}
    for option, values in zip(texts, given.values(), strict=True):
        ranges[option] = values
        if not isinstance(values, (Float, Int, Choice)):
            what = f"--space {offer.name}: {option}"
            ranges[option] = read_range(what, str(values), kinds.get(option, Any))
    check_space(f"--space {offer.name}", ranges, offer.factory)
    return ranges
