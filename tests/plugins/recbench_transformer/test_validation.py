"""Validation: what is held out, how it is evaluated, and which epoch is best."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from made_transformer import SMALL, log_of, small_network
from torch.nn import functional

import recbench
from recbench import Split
from recbench.testing import example
from recbench_splitters import LeaveLastBasket, LeaveLastOut
from recbench_transformer import Transformer, validation
from recbench_transformer.presets import PRESETS


@pytest.mark.parametrize("mask_seen", [True, False])
def test_validation_agrees_with_plain_loops(
    mask_seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "MAX_SCORES", 120)  # 3 cases of 40 items
    net, settings = small_network(n_items=40), Transformer(**SMALL).settings
    rng = np.random.default_rng(0)
    rows = [rng.permutation(40)[:length].tolist() for length in (2, 5, 30, 9, 3, 12, 25, 4, 30, 8)]
    ndcg, loss, ranks = 0.0, 0.0, []
    for *seen, target in rows:
        with torch.no_grad():
            hidden = net(torch.tensor([seen[-8:]]), torch.tensor([-1]))[0, -1]
            scores = functional.linear(hidden, *net.output())
        if mask_seen:
            scores[seen] = -math.inf
        loss -= float(torch.log_softmax(scores, dim=0)[target]) / len(rows)
        ranked = [item for item in range(40) if not mask_seen or item not in seen]
        ranks.append(1 + sum(float(scores[item]) > float(scores[target]) for item in ranked))
        ndcg += 1 / math.log2(ranks[-1] + 1) / len(rows) if ranks[-1] <= 10 else 0
    assert min(ranks) <= 10 < max(ranks)
    log = log_of(rows, n_items=40)
    split = Split(log, log_of([row[:-1] for row in rows], n_items=40), [row[-1] for row in rows])
    per_case, mean_loss = validation.validate(net, split, settings, mask_seen=mask_seen)
    assert (per_case.mean(), mean_loss) == pytest.approx((ndcg, loss), abs=1e-5)
    gains = [1 / math.log2(rank + 1) if rank <= 10 else 0 for rank in ranks]
    assert per_case.tolist() == pytest.approx(gains)


@pytest.mark.parametrize("part", ["last", "rows"])
def test_held_out_interactions_are_not_trained_on(part: str) -> None:
    log = example(users=100)
    settings = PRESETS["default" if part == "last" else "notebook"]
    rest, held_out, _ = validation.hold_out(log, settings, np.random.default_rng(0))
    assert len(rest) == len(log)
    assert held_out is not None
    assert len(held_out.targets) == (50 if part == "last" else 10)
    missing = 50 if part == "last" else held_out.history.n_interactions + 10
    assert rest.n_interactions == log.n_interactions - missing
    for user in held_out.history.users:
        assert rest.lengths[user] == (log.lengths[user] - 1 if part == "last" else 0)


def test_at_equal_ndcg_the_lower_loss_is_better() -> None:
    best, net, agos = validation.Best(), small_network(), []
    for ndcg, loss in ((0.1, 3.0), (0.1, 2.0), (0.1, 2.0), (0.1, 2.5), (0.2, 9.0), (0.1, 1.0)):
        best.update(torch.full((3,), ndcg), loss, net)
        agos.append(best.epochs_ago)
    assert agos == [0, 0, 1, 2, 0, 1]
    before = best.weights["items.weight"].clone()
    with torch.no_grad():
        net.items.weight.add_(1)
    assert torch.equal(best.weights["items.weight"], before), "the weights must be a copy"


@pytest.mark.parametrize(
    ("latest", "goes_on", "goes_back"),
    [([0.1, 0.6], True, False), ([0.3, 0.4], True, True), ([0.1, 0.6], False, True)],
)
def test_training_goes_on_from_a_clearly_better_epoch_only(
    latest: list[float], goes_on: bool, goes_back: bool
) -> None:
    """The best has (0.5, 0.5): it is 0.15 better, with an error of 0.18 or of 0.04."""
    best, net = validation.Best(), small_network()
    best.update(torch.tensor([0.5, 0.5]), 1.0, net)
    before = net.items.weight.detach().clone()
    with torch.no_grad():
        net.items.weight.add_(1)
    best.update(torch.tensor(latest), 1.0, net)
    best.settle(net, goes_on=goes_on)
    assert torch.equal(net.items.weight, before) == goes_back
    assert torch.equal(best.weights["items.weight"], net.items.weight)


def test_published_presets_hold_out_the_last_interaction_of_every_row() -> None:
    log = log_of([[1, 2, 3], [4, 5], [], [6, 7, 8, 9], [1]])
    rest, held_out, _ = validation.hold_out(log, PRESETS["sasrec"], np.random.default_rng(0))
    assert held_out is not None
    assert [row.items.tolist() for row in held_out.history.batches(1)] == [[1, 2], [6, 7, 8]]
    assert held_out.targets.tolist() == [3, 9]
    assert [row.items.tolist() for row in rest.batches(1)] == [[1, 2], [4, 5], [], [6, 7, 8], [1]]


def _rows(interactions: Any) -> list[list[int]]:
    return [row.items.tolist() for row in interactions.batches(1)]


def test_where_users_are_held_out_one_by_one_only_those_of_the_cases_are_shortened() -> None:
    train = recbench.split("synthetic").train
    split = recbench.validation_split(train)
    assert split is not None
    settings = dataclasses.replace(PRESETS["default"], held_out_rows=30)
    rest, held_out, _ = validation.hold_out(train, settings, np.random.default_rng(0))
    assert held_out is not None
    assert len(held_out.judged) == len(held_out.history) == 30
    chosen = set(held_out.history.users.tolist())
    whole, shortened, left = (
        dict(zip(part.users.tolist(), _rows(part), strict=True))
        for part in (train, split.train, rest)
    )
    for user, items in left.items():
        assert items == (shortened if user in chosen else whole)[user]
    targets = dict(zip(split.history.users.tolist(), split.targets.tolist(), strict=True))
    for history, target in zip(held_out.history.batches(1), held_out.targets, strict=True):
        assert targets[int(history.users[0])] == target
        assert history.items.tolist() == shortened[int(history.users[0])]


def test_users_with_equal_times_are_held_out_one_by_one() -> None:
    rows = [[1, 2, 3, 4]] * 40
    train = dataclasses.replace(log_of(rows), times=np.zeros(160))
    split = LeaveLastOut().split(train)
    rest, held_out, _ = validation.without_cases(train, split, None, np.random.default_rng(0))
    assert len(held_out.judged) == 20
    assert sorted(rest.lengths.tolist()) == [3] * 20 + [4] * 20


@pytest.mark.parametrize("split", ["temporal:share=0.8,targets=all", "windows", "random"])
def test_otherwise_nothing_that_the_splitter_holds_out_is_trained_on(split: str) -> None:
    train = recbench.split("synthetic", split).train
    made = recbench.validation_split(train)
    assert made is not None
    rest, held_out, horizon = validation.hold_out(
        train, PRESETS["default"], np.random.default_rng(0)
    )
    assert held_out is not None
    assert rest.fingerprint() == made.train.fingerprint()
    assert horizon == ("future" if split.startswith("temporal") else "next")
    n_cases = min(len(made.judged), 2048)
    assert len(held_out.judged) == n_cases
    own = dict(zip(_keys(made), _targets(made), strict=True))
    assert all(
        own[key] == targets
        for key, targets in zip(_keys(held_out), _targets(held_out), strict=True)
    )


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("temporal:share=0.8", "future"),
        ("leave-last-out", "next"),
        ("leave-last-basket", "next"),  # a basket has one item
    ],
)
def test_with_one_cut_in_time_the_future_is_predicted(split: str, expected: str) -> None:
    train = recbench.split("synthetic", split).train
    settings = PRESETS["default"]
    assert validation.hold_out(train, settings, np.random.default_rng(0))[2] == expected
    untimed = dataclasses.replace(train, times=None)
    assert validation.hold_out(untimed, settings, np.random.default_rng(0))[2] == "next"


def test_after_baskets_the_next_interaction_is_predicted() -> None:
    log = log_of([[1, 2, 3, 4, 5, 6], [2, 3, 1, 4, 6, 5]] * 5)
    train = dataclasses.replace(log, times=np.repeat(np.arange(30), 2))
    split = LeaveLastBasket().split(train)
    rest, held_out, horizon = validation.without_cases(train, split, None, np.random.default_rng(0))
    assert horizon == "next"
    assert sorted(rest.lengths.tolist()) == [4] * 5 + [6] * 5
    assert len(held_out.judged) == 5


def _keys(split: Split) -> list[tuple[int, ...]]:
    rows = split.history.take(split.judged)
    return [(int(row.users[0]), *row.items.tolist()) for row in rows.batches(1)]


def _targets(split: Split) -> list[list[int]]:
    targets, offsets = split.judged_targets
    return [targets[a:b].tolist() for a, b in itertools.pairwise(offsets)]


def test_several_targets_of_a_case_share_its_ndcg() -> None:
    net, settings = small_network(n_items=40), Transformer(**SMALL).settings
    histories = [[1, 2, 3], [4, 5]]
    targets = [[7, 8, 2], [9]]
    split = Split(
        log_of(histories, n_items=40),
        log_of(histories, n_items=40),
        [item for case in targets for item in case],
        offsets=[0, 3, 4],
    )
    expected = []
    for seen, wanted in zip(histories, targets, strict=True):
        with torch.no_grad():
            scores = functional.linear(
                net(torch.tensor([seen]), torch.tensor([-1]))[0, -1], *net.output()
            )
        scores[seen] = -math.inf
        order = scores.argsort(descending=True).tolist()
        new = [item for item in wanted if item not in seen]  # a seen target is not judged
        gains = [1 / math.log2(order.index(item) + 2) for item in new if order.index(item) < 10]
        expected.append(sum(gains) / sum(1 / math.log2(n + 2) for n in range(len(new))))
    assert validation.validate(net, split, settings, mask_seen=True)[0] == pytest.approx(
        sum(expected) / 2, abs=1e-5
    )


def test_if_all_targets_are_seen_items_these_are_ranked() -> None:
    log = log_of([[1, 2]])
    split = Split(log, log, [1])
    net, settings = small_network(), Transformer(**SMALL).settings
    masked, plain = (validation.validate(net, split, settings, mask_seen=m) for m in (True, False))
    assert masked == plain
    assert masked[1] > 0
