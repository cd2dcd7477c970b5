"""Synthetic sequences: their documented properties, and that there are patterns to learn."""

import numpy as np
import pytest

import recbench
from recbench.data.dataset import factory_facts
from recbench.evaluation.referee import evaluate
from recbench.spec import build
from recbench_synthetic import recbench_datasets, synthetic


def pairs(dataset):
    """Return a number for each interaction that identifies its user and item."""
    log = dataset.interactions
    return np.repeat(log.users.astype(np.int64), log.lengths) * log.n_items + log.items


def test_the_hook_provides_the_dataset():
    assert recbench_datasets() == {"synthetic": synthetic}
    dataset = build("dataset synthetic", synthetic, {"users": "7", "interactions": "70"})
    assert dataset.interactions.n_users == 7
    facts = factory_facts(synthetic, None)
    assert facts["on disk"] == "yes"
    assert "50,000 interactions" in facts["size"]
    assert "free" in facts["licence"]


def test_default_sizes_lengths_and_ratings():
    log = synthetic().interactions
    assert (len(log), log.n_users, log.n_items, log.n_interactions) == (1000, 1000, 500, 50_000)
    assert log.lengths.min() >= 3
    assert log.lengths.max() > 2 * log.lengths.mean()
    assert set(log.ratings.tolist()) == {1, 2, 3, 4, 5}


def test_ids_are_integers_from_1():
    dataset = synthetic(users=5, items=4, interactions=20)
    assert dataset.user_ids.tolist() == [1, 2, 3, 4, 5]
    assert dataset.item_ids.tolist() == [1, 2, 3, 4]
    assert dataset.titles is None


@pytest.mark.parametrize(
    ("users", "items", "interactions"),
    [(1, 1, 1), (3, 1, 3), (5, 3, 15), (7, 50, 10), (10, 40, 30), (50, 20, 999), (1, 300, 299)],
)
def test_the_number_of_interactions_is_exact(users, items, interactions):
    log = synthetic(users=users, items=items, interactions=interactions).interactions
    assert (log.n_users, log.n_items, log.n_interactions) == (users, items, interactions)
    assert log.lengths.min() >= min(3, interactions // users)
    assert log.lengths.max() <= items


def test_times_rise_within_every_user():
    log = synthetic().interactions
    gaps = np.diff(log.times)
    inside = np.ones(len(gaps), dtype=bool)
    inside[log.offsets[1:-1] - 1] = False
    assert gaps[inside].min() >= 1
    again = recbench.Interactions.from_log(
        np.repeat(log.users, log.lengths), log.items, log.times, log.ratings, n_items=500
    )
    assert again.fingerprint() == log.fingerprint()


def test_few_pairs_are_repeated():
    assert len(np.unique(pairs(synthetic()))) > 0.98 * 50_000
    crowded = synthetic(users=100, items=60, interactions=3000)
    assert len(np.unique(pairs(crowded))) > 0.9 * 3000


def test_popularity_has_a_long_tail():
    counts = np.sort(np.bincount(synthetic().interactions.items, minlength=500))[::-1]
    assert counts[:50].sum() > 0.35 * counts.sum()
    assert counts[0] > 10 * counts[250]


def test_ratings_depend_on_the_item():
    log = synthetic().interactions
    counts = np.bincount(log.items, minlength=500)
    means = np.bincount(log.items, weights=log.ratings, minlength=500) / np.maximum(counts, 1)
    assert means[counts > 50].std() > 3 * log.ratings.std() / np.sqrt(50)


def test_the_seed_decides_everything():
    np.random.seed(1)  # noqa: NPY002  the global generator must not matter
    first = synthetic(seed=3)
    np.random.seed(2)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert synthetic(seed=3).fingerprint() == first.fingerprint()
    assert synthetic(seed=4).fingerprint() != first.fingerprint()
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_the_default_data_do_not_change():
    """Stored results depend on this: a change outdates all results on synthetic data."""
    golden = "fd58226471984c88b2b0cf764e048082d34cdf0a7dd50bac1c6990e5a11791fe"
    assert synthetic().fingerprint() == golden


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"users": 0}, "users=0 must be at least 1"),
        ({"items": -2}, "items=-2 must be at least 1"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
        ({"interactions": 999}, "interactions=999 must be from 1000"),
        ({"interactions": 500_001}, "to 500000"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    with pytest.raises(recbench.UsageError, match=words):
        synthetic(**options)


class Popular:
    def fit(self, train):
        self.counts = np.bincount(train.items, minlength=train.n_items)
        return self

    def score(self, history):
        return np.tile(self.counts, (len(history), 1))


class FollowsLast(Popular):
    def fit(self, train):
        super().fit(train)
        self.follows = np.zeros((train.n_items, train.n_items))
        for items in train.sequences():
            np.add.at(self.follows, (items[:-1], items[1:]), 1)
        return self

    def score(self, history):
        last = history.items[history.offsets[1:] - 1]
        return self.follows[last] + self.counts / self.counts.sum()


def test_the_order_of_items_can_be_learned():
    log = synthetic().interactions
    kept = np.ones(log.n_interactions, dtype=bool)
    kept[log.offsets[1:] - 1] = False
    train = log.keep(kept)
    split = recbench.Split(train=train, history=train, targets=log.items[log.offsets[1:] - 1])
    gains = 1 / np.log2(np.arange(2, 12))

    def ndcg(model):
        evaluation = evaluate(model.fit(train), split, mask_seen=True)
        return evaluation.ranking.expectation(gains).mean()

    chance = gains.sum() / log.n_items
    assert ndcg(Popular()) > 5 * chance
    assert ndcg(FollowsLast()) > 3 * ndcg(Popular())


def test_a_million_interactions_are_generated():
    log = synthetic(users=20_000, items=100_000, interactions=1_000_000).interactions
    assert log.n_interactions == 1_000_000
