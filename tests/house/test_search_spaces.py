"""The search spaces of the shipped models: options, defaults, ends, aliases and docstrings."""

import inspect
import re
from typing import Any

import numpy as np
import pytest

import recbench
from recbench.offers import Offer
from recbench.space import default_of, space_of
from recbench.testing import example
from recbench_transformer import Transformer
from recbench_transformer.presets import PRESETS

MODELS = {offer.name: offer for offer in recbench.load_plugins().offers("models")}
TUNED = {
    "als": ["factors", "regularization", "alpha", "iterations"],
    "bpr": ["factors", "learning_rate", "regularization", "iterations"],
    "ease": ["l2", "decay"],
    "item-knn": ["k", "shrinkage", "decay"],
    "personal-popular": ["decay"],
    "recent-popular": ["half_life"],
    "rules": ["window", "length", "decay"],
    "slim": ["l1", "l2", "decay"],
    "transformer": ["dim", "layers", "dropout", "length", "lr"],
    "user-knn": ["k", "shrinkage", "decay"],
}
"""The options that `recbench tune` searches, by model."""

NOT_TUNED = {"markov", "popular", "random"}
"""Models that have no search space."""

ENDS = [
    (name, option, end)
    for name in TUNED
    for option, values in space_of(MODELS[name].factory).items()
    for end in values.ends
]


def build(name: str, **options: Any) -> Any:
    if name in ("als", "bpr"):
        pytest.importorskip("implicit")
    return MODELS[name].factory(**options)


def default(name: str, option: str) -> Any:
    """Return the default of an option; that of the transformer's default preset."""
    if name == "transformer":
        return getattr(Transformer().settings, option)
    return default_of(option, MODELS[name].factory)


def paragraph(name: str) -> str:
    """Return what the docstring of a model says about tuning."""
    text = inspect.getdoc(MODELS[name].factory) or ""
    found = [part for part in text.split("\n\n") if "`recbench tune` searches" in part]
    assert len(found) == 1, f"{name} has {len(found)} paragraphs about tuning"
    return " ".join(found[0].split())


def test_all_shipped_models_are_tuned_but_those_without_a_choice() -> None:
    shipped = {name for name, offer in MODELS.items() if is_shipped(offer)}
    assert shipped == TUNED.keys() | NOT_TUNED
    assert {name: list(space_of(MODELS[name].factory)) for name in TUNED} == TUNED
    assert not any(space_of(MODELS[name].factory) for name in NOT_TUNED)


def is_shipped(offer: Offer) -> bool:
    return offer.home.startswith("recbench_")


@pytest.mark.parametrize("name", TUNED)
def test_defaults_lie_in_the_space(name: str) -> None:
    for option, values in space_of(MODELS[name].factory).items():
        by_size = {"dim": (64, 128), "dropout": (0.1, 0.4)}  # of the data
        if name == "transformer" and option in by_size:
            assert all(map(values.holds, by_size[option]))
        else:
            assert values.holds(default(name, option)), option


@pytest.mark.parametrize(("name", "option", "end"), ENDS)
def test_the_model_takes_the_ends_of_each_range(name: str, option: str, end: Any) -> None:
    assert getattr(build(name, **{option: end}), option) == end


@pytest.mark.parametrize("nth", [0, -1])
@pytest.mark.parametrize("name", TUNED)
def test_the_model_learns_at_both_ends_of_all_ranges(name: str, nth: int) -> None:
    options = {
        option: values.ends[nth] for option, values in space_of(MODELS[name].factory).items()
    }
    if name == "transformer":
        options |= {"epochs": 1, "device": "cpu"}
    log = example(users=600)  # with 300, the penalties of slim leave no weight
    scores = build(name, **options).fit(log).score(log)
    assert np.isfinite(scores).all()
    assert np.ptp(scores, axis=1).min() > 0, "all items of a history have the same score"


@pytest.mark.parametrize("preset", PRESETS)
def test_the_space_of_the_transformer_suits_all_presets(preset: str) -> None:
    for option, values in space_of(Transformer).items():
        for end in values.ends:
            assert getattr(Transformer(preset=preset, **{option: end}).settings, option) == end


@pytest.mark.parametrize(
    ("name", "alias", "option"),
    [("ease", "lambda", "l2"), ("slim", "lambda", "l1"), ("slim", "beta", "l2")],
)
def test_the_names_of_papers_stand_for_options(name: str, alias: str, option: str) -> None:
    assert str(MODELS[name].spec({alias: "300"})) == f"{name}:{option}=300"
    assert MODELS[name].build({alias: "300"}, {}).__dict__[option] == 300


@pytest.mark.parametrize("name", TUNED)
def test_the_docstring_names_the_options_and_the_ends_of_their_ranges(name: str) -> None:
    words = paragraph(name)
    for option, values in space_of(MODELS[name].factory).items():
        assert f"`{option}`" in words, option
        for end in values.ends:
            assert re.search(rf"(?<![\d.,]){re.escape(f'{end:,g}')}(?![\d])", words), (option, end)
