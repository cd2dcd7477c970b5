"""The model of popularity: its contract, counts and mean ratings."""

import pytest

from recbench import Interactions, RecbenchError
from recbench.testing import check_model
from recbench_popular import Popular


@pytest.mark.parametrize("options", [{}, {"rule": "rated"}])
def test_contract(options: dict[str, str]) -> None:
    check_model(Popular, **options)


def test_scores_are_counts_of_interactions() -> None:
    train = Interactions.from_log([0, 1, 1, 2], [2, 2, 0, 2], n_items=4)
    assert Popular().fit(train).score(train)[0].tolist() == [1, 0, 3, 0]


def test_rated_ranks_frequently_rated_items_by_their_mean_rating() -> None:
    frequent = [(u, item, rating) for item, rating in ((0, 3.0), (1, 4.0)) for u in range(20)]
    rare = [(u, 2 + u, 5.0) for u in range(18)]
    users, items, ratings = zip(*(frequent + rare), strict=True)
    train = Interactions.from_log(users, items, ratings=ratings)
    scores = Popular(rule="rated").fit(train).score(train)[0]
    assert scores[1] == 4
    assert scores[0] == 3
    assert (scores[2:] < 3).all(), "items with few ratings must be below items with many"


def test_rated_without_ratings_is_an_error() -> None:
    train = Interactions.from_log([0, 0], [0, 1])
    with pytest.raises(RecbenchError, match="needs ratings, but the dataset has none; use popular"):
        Popular(rule="rated").fit(train)
