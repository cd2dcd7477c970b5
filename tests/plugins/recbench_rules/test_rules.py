"""The rules: contract, scores, explanations, and NDCG on real data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbench import Interactions, RecbenchError, UsageError, evaluate, load_dataset, split
from recbench.testing import check_model
from recbench_rules import Rules
from recbench_splitters import LeaveLastOut

N_ITEMS = 8
"""Size of the catalogue; the logs below have at most 6 of the items."""

REPEATING = st.lists(st.lists(st.integers(0, 5), max_size=9), max_size=6)
UNIQUE = st.lists(st.lists(st.integers(0, 5), max_size=6, unique=True), max_size=6)
SIZES = st.sampled_from([1, 2, 3, 100])
DECAYS = st.sampled_from([0.5, 0.8, 1.0])


def log_of(sequences: list[list[int]]) -> Interactions:
    return Interactions(
        users=np.arange(len(sequences)),
        items=np.array([item for sequence in sequences for item in sequence], dtype=np.int32),
        offsets=np.cumsum([0, *map(len, sequences)]),
        n_users=len(sequences),
        n_items=N_ITEMS,
    )


def plain_rules(sequences: list[list[int]], window: int) -> npt.NDArray[np.float64]:
    """Return the rules (n_items, n_items), computed by plain loops over every pair."""
    counts = np.zeros((N_ITEMS, N_ITEMS))
    for sequence in sequences:
        for here, item in enumerate(sequence):
            for there in range(here + 1, len(sequence)):
                if there - here <= window:
                    counts[item, sequence[there]] += 1 / (there - here)
    sums = counts.sum(axis=1, keepdims=True)
    return counts / np.where(sums > 0, sums, 1)


def plain_scores(
    sequences: list[list[int]], rules: npt.NDArray[Any], length: int, decay: float
) -> npt.NDArray[np.float64]:
    scores = np.zeros((len(sequences), N_ITEMS))
    for row, sequence in enumerate(sequences):
        for age, item in enumerate(sequence[::-1]):
            if age < length:
                scores[row] += decay**age * rules[item]
    return scores


@pytest.mark.parametrize("options", [{}, {"window": 1, "length": 1}, {"length": 500, "decay": 1}])
def test_contract(options: dict[str, Any]) -> None:
    check_model(Rules, **options)


@settings(max_examples=80, deadline=None)
@given(st.one_of(REPEATING, UNIQUE), REPEATING, SIZES, SIZES, DECAYS)
def test_scores_equal_those_of_plain_loops(
    train: list[list[int]], history: list[list[int]], window: int, length: int, decay: float
) -> None:
    model = Rules(window, length, decay).fit(log_of(train))
    rules = plain_rules(train, window)
    assert model.n_parameters == np.count_nonzero(rules)
    scores = model.score(log_of(history))
    assert scores.dtype == np.float32
    assert scores == pytest.approx(plain_scores(history, rules, length, decay), abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(REPEATING, st.lists(st.integers(0, 5), max_size=9), SIZES, SIZES, DECAYS)
def test_the_parts_of_an_explanation_sum_to_the_score(
    train: list[list[int]], sequence: list[int], window: int, length: int, decay: float
) -> None:
    model, history = Rules(window, length, decay).fit(log_of(train)), log_of([sequence])
    items = np.array([5, 0, 7, 2])
    parts = model.explain(history, items)
    assert parts.shape == (4, len(sequence))
    assert parts.sum(axis=1) == pytest.approx(model.score(history)[0, items], abs=1e-5)
    rules = plain_rules(train, window)
    for place, item in enumerate(sequence):
        age = len(sequence) - 1 - place
        part = decay**age * rules[item, items] if age < length else np.zeros(4)
        assert parts[:, place] == pytest.approx(part, abs=1e-5)


def test_scores_of_a_small_example() -> None:
    """0 is followed by 1 (distance 1), 2 (distance 2) and 1 (distance 1); 1 is followed by 2."""
    model = Rules(window=2, length=2, decay=0.5).fit(log_of([[0, 1, 2], [0, 1]]))
    scores = model.score(log_of([[0], [0, 1], [0, 0, 1], [2]]))
    assert scores[0, :3] == pytest.approx([0, 2 / 2.5, 0.5 / 2.5])
    assert scores[1, :3] == pytest.approx([0, 0.5 * 0.8, 1 + 0.5 * 0.2])
    assert np.array_equal(scores[2], scores[1]), "only the latest 2 count"
    assert not scores[3].any(), "nothing follows 2"


def test_empty_histories_and_items_without_interactions_score_zero() -> None:
    model = Rules().fit(log_of([[0, 1, 2], [], [1, 3]]))
    scores = model.score(log_of([[], [6, 7], [0, 6], [0]]))
    assert np.isfinite(scores).all()
    assert not scores[:2].any()
    assert scores[2] == pytest.approx(0.8 * scores[3])
    assert scores[3].any()
    assert not scores[:, 6:].any()
    assert model.score(log_of([])).shape == (0, N_ITEMS)
    assert model.explain(log_of([[]]), np.array([1, 2])).shape == (2, 0)


@pytest.mark.parametrize("sequences", [[], [[]], [[1], [2]]])
def test_sequences_of_one_item_have_no_rules(sequences: list[list[int]]) -> None:
    model = Rules().fit(log_of(sequences))
    assert model.n_parameters == 0
    assert np.array_equal(model.score(log_of([[1, 2]])), np.zeros((1, N_ITEMS)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 0}, "rules: window must be 1 or more, not 0"),
        ({"length": 0}, "rules: length must be 1 or more, not 0"),
        ({"decay": 0}, "rules: decay must be above 0 and at most 1, not 0"),
        ({"decay": 1.1}, r"rules: decay must be above 0 and at most 1, not 1\.1"),
        ({"decay": float("nan")}, "rules: decay must be above 0 and at most 1, not nan"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Rules(**options)


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("ml-1m/sasrec-ml-1m.txt", 0.1577),
        ("ml-100k/u.data", 0.1149),
        ("amazon-beauty/Beauty.txt", 0.0566),
    ],
)
def test_ndcg_on_real_data(real: Callable[[str], Path], name: str, level: float) -> None:
    split = LeaveLastOut().split(load_dataset(real(name)).interactions)
    ranking = evaluate(Rules().fit(split.train), split, mask_seen=True).ranking
    ndcg = ranking.expectation(1 / np.log2(np.arange(10) + 2)).mean()
    assert ndcg == pytest.approx(level, abs=0.00006)


def _regulars(n_users: int = 120) -> Interactions:
    """Return users who have their own four items again and again, with times."""
    rng = np.random.default_rng(0)
    own = np.stack([rng.permutation(40)[:4] for _ in range(n_users)])
    items = np.stack([own[np.arange(n_users), rng.integers(0, 4, n_users)] for _ in range(9)], 1)
    return Interactions.from_log(
        np.repeat(np.arange(n_users), 9), items.ravel(), np.tile(np.arange(9), n_users), n_items=40
    )


def test_repeats_rank_what_the_user_has_again_and_again() -> None:
    data = load_dataset(_regulars().to_frame(), repeats="keep")
    parts = split(data)
    ranks = {}
    for repeats in (False, True):
        model = Rules(repeats=repeats).fit(parts.train)
        scores, targets = model.score(parts.history), parts.targets
        own = scores[np.arange(len(targets)), targets][:, None]
        ranks[repeats] = ((scores > own).sum(axis=1) + (scores >= own).sum(axis=1)) / 2
    assert ranks[True].mean() < 4 < ranks[False].mean()


def test_without_repeats_in_the_data_only_items_of_the_history_change() -> None:
    log = log_of([[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 0], [4, 0, 1]])
    plain, other = Rules().fit(log).score(log), Rules(repeats=True).fit(log).score(log)
    row = np.repeat(np.arange(5), 3)
    for scores in (plain, other):
        scores[row, log.items] = -np.inf
    assert np.array_equal(np.argsort(-plain, kind="stable"), np.argsort(-other, kind="stable"))


def test_a_model_with_repeats_keeps_the_contract(tmp_path: Path) -> None:
    check_model(Rules, repeats=True)
    log = _regulars()
    model = Rules(repeats=True).fit(log)
    model.save(tmp_path)
    loaded = Rules(repeats=True).load(tmp_path)
    assert np.array_equal(loaded.score(log), model.score(log))
    history, items = log.take([3]), np.arange(40)
    weights = model.explain(history, items)
    assert np.array_equal(loaded.explain(history, items), weights)
    assert weights.shape == (40, 9)
    (tmp_path / "rules-repeats.safetensors").unlink()
    with pytest.raises(RecbenchError, match="no complete saved rules"):
        Rules(repeats=True).load(tmp_path)


def test_too_few_interactions_to_hold_out_leave_repeats_unweighted() -> None:
    log = log_of([[0, 1], [1, 1]])
    scores = Rules(repeats=True).fit(log).score(log)
    assert np.isfinite(scores).all()
