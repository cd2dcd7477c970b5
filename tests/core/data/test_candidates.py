"""Sampled candidates: which items are drawn and how often, and that tables never mix samples."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from helpers import plugin

import recbench
from recbench import Interactions, Split, Store, UsageError, load_plugins, trial
from recbench.data import candidates
from recbench.data.candidates import draw_candidates, read_candidates


class Constant:
    """A model that gives every item the same score."""

    def fit(self, train: Interactions) -> "Constant":
        return self

    def score(self, history: Interactions) -> Any:
        return np.zeros((len(history), history.n_items))


def _split(rows: int, train: list[int], targets: Any, n_items: int, offsets: Any = None) -> Split:
    """Return a split in which all rows have the same history."""
    offsets_ = np.arange(rows + 1) * len(train)
    history = Interactions(np.arange(rows), np.tile(train, rows), offsets_, rows, n_items)
    return Split(history, history, targets, offsets=offsets)


def test_names_leave_out_default_options() -> None:
    assert read_candidates("100")[0] == "100"
    assert read_candidates("0100:seed=0,by=uniform")[0] == "100"
    assert read_candidates("100:seed=1,by=popularity") == (
        "100:by=popularity,seed=1",
        {"n": 100, "by": "popularity", "seed": 1},
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a whole number from 1"),
        ("0", "must be a whole number from 1"),
        ("-5", "must be a whole number from 1"),
        ("many", "must be a whole number from 1"),
        ("1.5", "must be a whole number from 1"),
        ("100:", "not a name"),
        ("100:by=nonsense", "by=nonsense is not allowed; available: popularity, uniform"),
        ("100:by=populrity", "did you mean 'popularity'"),
        ("100:seed=x", "seed=x must be a whole number"),
        ("100:seed=-1", "seed=-1 must be at least 0"),
        ("100:size=3", "has no option 'size'"),
    ],
)
def test_invalid_candidates_are_refused_before_the_dataset_is_loaded(
    text: str, message: str
) -> None:
    def never() -> Any:
        """Fail if loaded."""
        raise AssertionError("loaded")

    plugins = load_plugins(never=plugin(datasets={"never": never}))
    with pytest.raises(UsageError, match=message):
        recbench.run(["popular"], "never", candidates=text, plugins=plugins)


def test_too_many_candidates_are_refused_before_any_model_is_fitted(tiny: str) -> None:
    with pytest.raises(UsageError, match=r"only 3 items can be drawn\. Choose at most"):
        recbench.run(["popular"], tiny, candidates=4)
    assert not list(Path("results").rglob("[!.]*.json"))
    (result,) = recbench.run(["popular"], tiny, candidates=3)
    assert result.ok


def test_uniform_draws_exclude_seen_items_and_targets() -> None:
    rows, n_items = 20_000, 12
    split = _split(rows, [0, 1, 0], np.full(rows, 2), n_items)
    _, pool = draw_candidates("3", split, mask_seen=True)
    assert pool.shape == (rows, 3)
    assert (np.diff(np.sort(pool, axis=1)) > 0).all()
    counts = np.bincount(pool.ravel(), minlength=n_items)
    assert counts[:3].tolist() == [0, 0, 0]
    assert np.abs(counts[3:] - rows / 3).max() < 5 * math.sqrt(rows / 3 * 2 / 3)
    for place in range(3):  # also at each position of the draw
        counts = np.bincount(pool[:, place], minlength=n_items)[3:]
        assert np.abs(counts - rows / 9).max() < 5 * math.sqrt(rows / 9)


def test_seen_items_can_be_drawn_if_nothing_is_masked() -> None:
    split = _split(500, [0, 1, 0], np.full(500, 2), 12)
    _, pool = draw_candidates("11", split, mask_seen=False)
    assert {tuple(items) for items in np.sort(pool, axis=1)} == {(0, 1, *range(3, 12))}


@pytest.mark.parametrize("rounds", [0, 8])
def test_popularity_draws_are_proportional_to_popularity(
    rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Draws are without replacement, by repeated attempts or by filling up."""
    monkeypatch.setattr(candidates, "ROUNDS", rounds)
    monkeypatch.setattr(candidates, "DRAWS_AT_ONCE", 1000)
    rows, weights = 30_000, np.array([8, 4, 2, 1, 1, 0])
    base = _split(rows, [5], np.full(rows, 4), 6)
    train = Interactions([0], np.repeat(np.arange(6), weights), [0, 16], rows, 6)
    split = Split(train, base.history, base.targets)
    _, pool = draw_candidates("2:by=popularity", split, mask_seen=True)
    p = weights[:4] / 15  # item 4 is the target, item 5 was never consumed
    first = np.bincount(pool[:, 0], minlength=4) / rows
    assert np.abs(first - p).max() < 5 * math.sqrt(0.25 / rows)
    second = [sum(p[j] * p[i] / (1 - p[j]) for j in range(4) if j != i) for i in range(4)]
    assert np.abs(np.bincount(pool[:, 1], minlength=4) / rows - second).max() < 0.015
    assert (pool[:, 0] != pool[:, 1]).all()


def test_a_dominant_item_does_not_exclude_the_others() -> None:
    """If an item has most of the weight, samples are filled up without endless attempts."""
    rows = 200
    train = Interactions([0], [*[0] * 100_000, 1, 2, 3], [0, 100_003], rows, 5)
    base = _split(rows, [4], np.full(rows, 4), 5)
    split = Split(train, base.history, base.targets)
    _, pool = draw_candidates("4:by=popularity", split, mask_seen=True)
    assert np.sort(pool, axis=1).tolist() == [[0, 1, 2, 3]] * rows
    counts = np.bincount(pool[:, 1], minlength=4)[1:]
    assert np.abs(counts - rows / 3).max() < 5 * math.sqrt(rows / 3)


def test_none_of_several_targets_is_drawn() -> None:
    split = _split(300, [0], np.tile([1, 2], 300), 10, offsets=np.arange(301) * 2)
    _, pool = draw_candidates("7", split, mask_seen=True)
    assert (np.sort(pool, axis=1) == np.arange(3, 10)).all()


def test_equal_seeds_draw_equal_candidates_and_other_seeds_do_not() -> None:
    split = _split(50, [0], np.full(50, 1), 100)
    first, again = (draw_candidates("10", split, True)[1] for _ in range(2))
    assert (first == again).all()
    assert (draw_candidates("10:seed=1", split, True)[1] != first).any()


@pytest.mark.parametrize("split", ["leave-last-out", "temporal:targets=all", "leave-last-basket"])
def test_a_constant_scorer_gets_chance_among_candidates_and_targets(busy: str, split: str) -> None:
    plugins = load_plugins(mine=plugin(models={"constant": Constant}))
    (result,) = recbench.run(
        ["constant"], busy, split=split, candidates=8, plugins=plugins, results=None
    )
    gains = [1 / math.log2(rank + 1) for rank in range(1, 11)]
    parts = plugins.build("splitters", recbench.spec.Spec.parse(split)).split(
        recbench.load_dataset(busy).interactions
    )
    counts = np.diff(parts.judged_targets[1])
    expected = [n * sum(gains[: 8 + n]) / (8 + n) / sum(gains[: min(n, 10)]) for n in counts]
    assert result.value("ndcg", 10).mean == pytest.approx(np.mean(expected), abs=1e-12)


def test_all_models_and_seeds_share_one_stored_sample(
    monkeypatch: pytest.MonkeyPatch, busy: str
) -> None:
    used = []

    def spy(answers: Any, pool: Any, *others: Any) -> Any:
        used.append(pool)
        return rank_answers(answers, pool, *others)

    rank_answers = trial.rank_answers
    monkeypatch.setattr(trial, "rank_answers", spy)
    results = recbench.run(
        ["popular", "random"], busy, candidates="10:by=popularity", seed=[0, 1], ks=[3]
    )
    assert len(used) == 3
    assert all((pool == used[0]).all() for pool in used)
    assert len({result.setting.candidates_sha256 for result in results}) == 1
    (file,) = Path("results").rglob("candidates=*.parquet")
    stored = np.array(pyarrow.parquet.read_table(file)["candidates"].to_pylist())
    assert (stored == used[0]).all()
    recbench.run(["popular"], busy, candidates="10:by=popularity", seed=2, force=True, ks=[3])
    assert (used[-1] == used[0]).all()
    assert len(list(Path("results").rglob("candidates=*.parquet"))) == 1


def test_table_titles_name_the_sample_and_tables_never_mix_samples(busy: str) -> None:
    for sample in (None, 10, "10:by=popularity", "10:seed=1", 5):
        recbench.run(["popular", "random"], busy, candidates=sample, ks=[3])
    stored = Store("results").all()
    assert len(stored) == 10
    sections = stored.sections()
    assert len(sections) == 5
    for section in sections:
        sampled = section.setting.candidates
        assert len(section.results) == 2
        assert {result.setting.candidates for result in section.results} == {sampled}
        assert ("SAMPLED" in section.title) == bool(sampled)
        assert ("not comparable" in section.title) == bool(sampled)
    text = load_plugins().find("tables", "plain").factory(stored)
    assert " ".join(text.split()).count("not comparable with full ranking") == 4


def test_lists_cannot_be_ranked_among_candidates(tiny: str) -> None:
    class Lister:
        def fit(self, train: Interactions) -> "Lister":
            return self

        def recommend(self, history: Interactions, k: int) -> Any:
            return np.full((len(history), k), -1)

    plugins = load_plugins(mine=plugin(models={"lister": Lister}))
    lister, popular = recbench.run(["lister", "popular"], tiny, candidates=2, plugins=plugins)
    assert "without --candidates" in lister.status
    assert popular.ok
