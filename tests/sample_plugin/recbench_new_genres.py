"""How many recommended items have a genre that is new to the user."""

import numpy as np

import recbench


def new_genres(ranking, k):
    """Share of the first k items that have a genre which no item of the history has."""
    genres = [set(text.split("|")) - {""} for text in ranking.item_features["genres"]]
    values = []
    for items, seen in zip(ranking.lists[:, :k], ranking.histories.sequences(), strict=True):
        known = set().union(*(genres[item] for item in seen))
        is_new = [not genres[item] <= known for item in items if item >= 0]  # -1 is not an item
        values.append(np.mean(is_new) if is_new else 0)
    return np.array(values)


new_genres.bounds = (0, 1)


@recbench.hookimpl
def recbench_metrics():
    return {"new-genres": new_genres}
