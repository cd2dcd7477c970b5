"""Validation: what is held out, how it is evaluated, and which epoch is best."""

import math

import numpy as np
import pytest
import torch
from made_transformer import SMALL, log_of, small_network
from torch.nn import functional

from recbench.testing import example
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
        loss -= float(torch.log_softmax(scores, dim=0)[target]) / len(rows)
        ranked = [item for item in range(40) if not mask_seen or item not in seen]
        ranks.append(1 + sum(float(scores[item]) > float(scores[target]) for item in ranked))
        ndcg += 1 / math.log2(ranks[-1] + 1) / len(rows) if ranks[-1] <= 10 else 0
    assert min(ranks) <= 10 < max(ranks)
    validated = validation.validate(net, log_of(rows, n_items=40), settings, mask_seen=mask_seen)
    assert validated == pytest.approx((ndcg, loss), abs=1e-5)


@pytest.mark.parametrize("part", ["last", "rows"])
def test_held_out_interactions_are_not_trained_on(part: str) -> None:
    log = example(users=100)
    settings = PRESETS["default" if part == "last" else "notebook"]
    rest, held_out = validation.hold_out(log, settings, np.random.default_rng(0))
    assert len(rest) == len(log)
    assert len(held_out) == (50 if part == "last" else 10)
    missing = 50 if part == "last" else held_out.n_interactions
    assert rest.n_interactions == log.n_interactions - missing
    for user in held_out.users:
        assert rest.lengths[user] == (log.lengths[user] - 1 if part == "last" else 0)


def test_at_equal_ndcg_the_lower_loss_is_better() -> None:
    best, net, agos = validation.Best(), small_network(), []
    for ndcg, loss in ((0.1, 3.0), (0.1, 2.0), (0.1, 2.0), (0.1, 2.5), (0.2, 9.0), (0.1, 1.0)):
        best.update(ndcg, loss, net)
        agos.append(best.epochs_ago)
    assert agos == [0, 0, 1, 2, 0, 1]
    before = best.weights["items.weight"].clone()
    with torch.no_grad():
        net.items.weight.add_(1)
    assert torch.equal(best.weights["items.weight"], before), "the weights must be a copy"


def test_published_presets_hold_out_the_last_interaction_of_every_row() -> None:
    log = log_of([[1, 2, 3], [4, 5], [], [6, 7, 8, 9], [1]])
    rest, held_out = validation.hold_out(log, PRESETS["sasrec"], np.random.default_rng(0))
    assert [row.items.tolist() for row in held_out.batches(1)] == [[1, 2, 3], [6, 7, 8, 9]]
    assert [row.items.tolist() for row in rest.batches(1)] == [[1, 2], [4, 5], [], [6, 7, 8], [1]]
