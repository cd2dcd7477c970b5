"""Step 5, evaluate: features for data that are made up to check metrics and models."""

from __future__ import annotations

import dataclasses

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.data.metadata import Metadata

FILMS = {
    "titles": np.array(["Stalker", "Ran", "Alien", "Heat", "Vertigo"], dtype=object),
    "item_features.genres": np.array(["Drama|Sci-Fi", "Drama", "", "Drama|Crime"], dtype=object),
    "item_features.year": np.array([1979.0, 1985, np.nan]),
    "user_features.age": np.array([24, 53, 23]),
    "user_features.gender": np.array(["M", "F"], dtype=object),
    "user_features.occupation": np.array(["writer", "other", "student"], dtype=object),
}
"""Values of the features that MovieLens has."""


def described(log: Interactions, like: Interactions | None) -> Interactions:
    """Return a log with ids, titles and features of users, items and interactions.

    like: where their values come from; they are repeated as often as needed. None for those of
        some films, and numbers as ids.
    """
    if like is None:
        ids = {"user_ids": np.arange(log.n_users), "item_ids": np.arange(log.n_items)}
        metadata, features = Metadata.of({**ids, **FILMS}), {}
    else:
        metadata, features = like.metadata or Metadata.of({}), dict(like.features)

    def load(name: str) -> Array:
        return np.resize(metadata[name], log.n_users if name.startswith("user") else log.n_items)

    return dataclasses.replace(
        log,
        features={name: np.resize(values, log.n_interactions) for name, values in features.items()},
        metadata=Metadata(metadata.names, load),
    )
