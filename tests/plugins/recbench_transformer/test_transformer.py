"""The Transformer: its contract, its network's rules, its training, its files."""

import json
import logging
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from recbench import Interactions, RecbenchError, UsageError, evaluate
from recbench.testing import check_model, example
from recbench_rules import Rules
from recbench_splitters import LeaveLastOut, Windows
from recbench_transformer import (
    Transformer,
    device,
    loss,
    network,
    training,
    validation,
    warm,
    windows,
)
from recbench_transformer.model import FLOOR, RULES_DECAY
from recbench_transformer.presets import DEFAULT, NOTEBOOK, PRESETS, sized

SMALL: dict[str, Any] = {
    "dim": 16, "heads": 2, "feedforward": 16, "length": 8, "epochs": 2, "device": "cpu"
}  # fmt: skip


def of(sequences: list[list[int]], n_items: int = 12, users: list[int] | None = None):
    lengths = np.array([len(one) for one in sequences])
    return Interactions(
        users=np.arange(len(sequences)) if users is None else np.array(users),
        items=np.array([item for one in sequences for item in one]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        n_users=40,
        n_items=n_items,
    )


def built(preset: str = "default", *, remember: bool = False, n_items: int = 12):
    torch.manual_seed(0)
    s = Transformer(preset=preset, **{**SMALL, "layers": 2}).settings
    made = network.build(s, n_items, 4, remember=remember)
    if remember:
        torch.nn.init.normal_(made.users.weight)
    return made.eval()


def gains(made: Transformer, split: Any) -> float:
    ranking = evaluate(made, split, mask_seen=False).ranking
    return float(ranking.expectation(1 / np.log2(np.arange(10) + 2)).mean())


@pytest.mark.parametrize(
    "options", [{}, {"preset": "notebook"}, {"negatives": 7}, {"rules": 0, "warm": False}]
)
def test_contract(options: dict[str, Any]) -> None:
    check_model(Transformer, **{**SMALL, **options})


@pytest.mark.parametrize("preset", PRESETS)
def test_later_items_change_nothing_before_them(preset: str) -> None:
    net, users = built(preset, remember=True), torch.tensor([0])
    one, other = torch.tensor([[1, 2, 3, 4, 5]]), torch.tensor([[1, 2, 3, 9, 8]])
    with torch.no_grad():
        before, after = net(one, users), net(other, users)
    assert torch.allclose(before[:, :3], after[:, :3], atol=1e-6)
    assert not torch.allclose(before[:, 3:], after[:, 3:], atol=1e-2)


@pytest.mark.parametrize("preset", PRESETS)
def test_order_matters(preset: str) -> None:
    net, users = built(preset), torch.tensor([0])
    with torch.no_grad():
        one, other = net(torch.tensor([[1, 2, 3]]), users), net(torch.tensor([[2, 1, 3]]), users)
    assert not torch.allclose(one[:, -1], other[:, -1], atol=1e-3)


def test_rotary_products_depend_on_the_distance_alone() -> None:
    torch.manual_seed(0)
    turns = network.rotations(40, 8, torch.device("cpu"))
    q, k = torch.randn(2, 8)
    queries, keys = (network.turned(x.expand(1, 1, 40, 8), turns)[0, 0] for x in (q, k))
    products = queries @ keys.T
    for distance in range(-39, 40):
        diagonal = products.diagonal(distance)
        assert torch.allclose(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4)
    assert float(products[5, 5]) == pytest.approx(float(q @ k), abs=1e-4)
    assert products[0].std() > 0.1
    assert torch.allclose(queries.norm(dim=-1), q.norm(), atol=1e-4)


def test_shifting_all_positions_changes_no_attention() -> None:
    block, x = built().blocks[0], torch.randn(2, 6, 16)
    turns = network.rotations(30, 8, torch.device("cpu"))
    with torch.no_grad():
        here, there = block.attend(x, turns[:, :6]), block.attend(x, turns[:, 20:26])
        spread, without = block.attend(x, turns[:, ::5]), block.attend(x, None)
    assert torch.allclose(here, there, atol=1e-5)
    assert not torch.allclose(here, spread, atol=1e-3)
    assert not torch.allclose(here, without, atol=1e-3)


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    drop, x = network.Dropout(0.25), torch.ones(1000, 101, requires_grad=True)
    said = drop(x)
    zero = (said == 0).flatten()
    assert float(zero.float().mean()) == pytest.approx(0.25, abs=0.006)
    for place in range(8):  # each of the bytes of a number that is drawn
        assert float(zero[place::8].float().mean()) == pytest.approx(0.25, abs=0.02)
    assert float(said.detach().mean()) == pytest.approx(1, abs=0.01)
    assert said[said > 0].unique().tolist() == pytest.approx([4 / 3])
    assert not torch.equal(said, drop(x))
    said.sum().backward()
    assert torch.equal(x.grad, said)
    assert drop(x.bfloat16()).dtype == torch.bfloat16
    assert drop.eval()(x) is x
    assert network.Dropout(0.0)(x) is x


def pairs() -> Interactions:
    """People who stay among items 0 to 4, or among 5 to 9; nobody has 10 and 11."""
    draw = np.random.default_rng(0)
    return of([(draw.permutation(5) + 5 * (nth % 2)).tolist() for nth in range(40)])


def test_a_warm_start_likens_items_that_co_occur() -> None:
    table = warm.embeddings(pairs(), 4, 0)
    assert (table.shape, table.dtype) == ((12, 4), torch.float32)
    known = functional.normalize(table[:10], dim=1)
    alike, same = known @ known.T, torch.arange(10)[:, None] // 5 == torch.arange(10) // 5
    assert alike[same].mean() > alike[~same].mean() + 0.3


def test_a_warm_start_is_seeded_and_begins_at_random_where_it_knows_nothing() -> None:
    one, again, other = (warm.embeddings(pairs(), 4, seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one[10:], other[10:])
    assert torch.isfinite(one).all()
    assert one[10:].all()
    assert one[10:].norm(dim=1).max() < one[:10].norm(dim=1).min()
    assert float(warm.embeddings(example(), 16, 0).std()) == pytest.approx(16**-0.5, rel=0.1)


@pytest.mark.parametrize(
    ("n_items", "n_interactions", "window"),
    [
        (10_000, 10**9, 10),
        (10_001, 1_000, 10),
        (10_001, 3 * 10**7, 3),
        (10_001, 10**9, 1),
        (10_001, 0, 10),
    ],
)
def test_how_far_a_warm_start_counts(
    n_items: int, n_interactions: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "PAIRS", 100_000_000)
    assert warm.window_of(SimpleNamespace(n_items=n_items, n_interactions=n_interactions)) == window


@pytest.mark.parametrize(
    ("sequences", "n_items"),
    [([[0, 0, 0]], 1), ([[0, 1, 0]], 2), ([[1], [2], []], 5), ([], 3)],
)
def test_a_warm_start_needs_no_pairs(sequences: list[list[int]], n_items: int) -> None:
    table = warm.embeddings(of(sequences, n_items=n_items), 4, 0)
    assert table.shape == (n_items, 4)
    assert torch.isfinite(table).all()
    assert table.all()


def test_a_catalogue_of_one_item_trains() -> None:
    log = of([[0, 0, 0], [0, 0]], n_items=1)
    assert np.isfinite(Transformer(**SMALL).fit(log).score(log)).all()


def test_training_begins_warm_unless_it_is_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    begins, log = begun(monkeypatch), example()
    for given in (True, False):
        Transformer(**{**SMALL, "epochs": 1}, warm=given, seed=3).fit(log)
    rest, _ = validation.hold_out(log, DEFAULT, np.random.default_rng(3))
    wanted = warm.embeddings(rest, 16, 3)
    assert torch.equal(begins[0][1], wanted)
    assert not torch.allclose(begins[1][1], wanted, atol=0.1)


def test_rules_multiply_what_the_network_says() -> None:
    log = example()
    network_alone = Transformer(**SMALL, rules=0).fit(log)
    both = Transformer(**SMALL, rules=0.5).fit(log)
    rules = Rules(warm.WINDOW, 8, RULES_DECAY).fit(log)
    wanted = network_alone.score(log) + 0.5 * np.log(rules.score(log) + FLOOR)
    assert both.score(log) == pytest.approx(wanted, abs=1e-4)
    assert rules.n_parameters > 0
    assert both.n_parameters == network_alone.n_parameters + rules.n_parameters


@pytest.mark.parametrize("options", [{"rules": 0}, {"rules": 0.7}, {"preset": "notebook"}])
def test_what_is_explained_is_the_slope_of_the_score(options: dict[str, Any]) -> None:
    """By finite differences of the score, as an event is a little less and a little more there."""
    made = Transformer(**{**SMALL, **options}).fit(example(items=10))
    history, items = of([[5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]], users=[1]), np.array([1, 11, 4])
    found = made.explain(history, items)
    assert (found.shape, found.dtype) == ((3, 11), np.float32)
    assert not found[:, :3].any(), "what stands before the latest 8 is not looked at"
    net, latest = made.network_, torch.tensor(history.items[None, 3:].astype(np.int64))
    parts = np.ones((3, 8))
    if made.rules_ is not None:
        parts = made.rules_.explain(history, items)[:, 3:]

    def score(shown: torch.Tensor) -> Any:
        with torch.no_grad():
            said = functional.linear(net(latest, torch.tensor([1]), shown)[0, -1], *net.output())
        ruled = np.log((parts * shown.numpy()).sum(axis=1) + FLOOR)
        return said.numpy()[items] + made.settings.rules * ruled

    assert score(torch.ones(1, 8)) == pytest.approx(made.score(history)[0, items], abs=1e-4)
    for event in range(8):
        step = 0.01 * functional.one_hot(torch.tensor([event]), 8)
        slope = (score(1 + step) - score(1 - step)) / 0.02
        assert found[:, 3 + event] == pytest.approx(slope, abs=2e-3)
    assert np.abs(found).max() > 0.05


@pytest.mark.parametrize("options", [{}, {"rules": 0}, {"preset": "notebook"}])
def test_an_empty_history_explains_nothing(options: dict[str, Any]) -> None:
    made = Transformer(**{**SMALL, **options}).fit(example(items=10))
    assert made.explain(of([[]]), np.array([1, 2, 3])).shape == (3, 0)


@pytest.mark.parametrize("preset", PRESETS)
def test_rows_alone_score_as_together_and_only_the_latest_items_count(preset: str) -> None:
    model = Transformer(preset=preset, **{**SMALL, "epochs": 1}).fit(example(items=10))
    history = of(
        [[1], [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 3], [2, 5], [3, 4, 5, 6, 7, 8, 9, 0], [], [7]]
    )
    together = model.score(history)
    assert together.shape == (6, 12)
    assert together.dtype == np.float32
    for row, alone in enumerate(history.batches(1)):
        assert np.allclose(model.score(alone)[0], together[row], atol=1e-4)
    assert not np.allclose(together[0], together[5], atol=1e-3)
    assert model.score(history.take([])).shape == (0, 12)
    same = of([[4, 5, 6, 7, 8, 9, 0, 3]], users=[1])
    assert np.allclose(model.score(same)[0], together[1], atol=1e-4)


@pytest.mark.parametrize("preset", PRESETS)
def test_unknown_people_are_all_the_same(preset: str) -> None:
    """On windows both presets embed users; one who had no window is as unknown as -1."""
    log = example(items=10)
    known = log.take(np.repeat(np.arange(30), 2))
    model = Transformer(preset=preset, **SMALL).fit(known)
    assert model.network_.users is not None
    history = Interactions(np.array([-1, 35, 39, 0]), np.tile([1, 2], 4), np.arange(5) * 2, 40, 12)
    scores = model.score(history)
    assert np.allclose(scores[0], scores[1:3], atol=1e-5)
    assert not np.allclose(scores[0], scores[3], atol=1e-5)
    if preset == "notebook":
        table = model.network_.users.weight
        assert torch.allclose(table[-1], table[:30].mean(dim=0), atol=1e-6)


def test_one_row_a_user_needs_no_memory_of_users() -> None:
    assert Transformer(**SMALL).fit(example()).network_.users is None


def test_same_seed_same_weights_and_the_callers_generators_are_left_alone() -> None:
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    wanted = torch.rand(3), np.random.rand(3)  # noqa: NPY002
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    one, again, other = (Transformer(**SMALL, seed=s).fit(example()) for s in (1, 1, 2))
    found = torch.rand(3), np.random.rand(3)  # noqa: NPY002
    assert torch.equal(wanted[0], found[0])
    assert np.array_equal(wanted[1], found[1])
    scores = [model.score(example()) for model in (one, again, other)]
    assert np.array_equal(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2], atol=1e-3)


CERTAIN = {"epochs": 4, "patience": 4, "batch": 256, "device": "cpu", "rules": 0, "warm": False}
"""The network alone, from random embeddings."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_learns_what_is_certain(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """Items in a cycle of 30, each user from another start, so the next is always certain."""
    monkeypatch.setattr(device, "product_type", lambda where: dtype)
    split = LeaveLastOut().split(example(users=300))
    made = Transformer(**CERTAIN).fit(split.train)
    assert gains(made, split) > 0.95
    off = Transformer(**{**CERTAIN, "epochs": 1}, bfloat16=False).fit(split.train)
    on = Transformer(**{**CERTAIN, "epochs": 1}).fit(split.train)
    same = np.array_equal(off.score(split.history), on.score(split.history))
    assert same == (dtype == torch.float32)


def test_a_sampled_softmax_learns_it_too() -> None:
    split = LeaveLastOut().split(example(users=300))
    assert gains(Transformer(negatives=8, **CERTAIN).fit(split.train), split) > 0.9


def test_rules_learn_it_sooner() -> None:
    split = LeaveLastOut().split(example(users=300))
    options = {**CERTAIN, "epochs": 2, "batch": 4096}
    alone = gains(Transformer(**options).fit(split.train), split)
    assert gains(Transformer(**{**options, "rules": 1}).fit(split.train), split) > alone + 0.05


def test_notebook_learns_on_windows() -> None:
    split = Windows().split(example(users=300))
    made = Transformer(preset="notebook", batch=96, epochs=6, device="cpu").fit(split.train)
    assert gains(made, split) > 0.6


def test_windows_cover_every_event_once() -> None:
    lengths = np.array([0, 1, 2, 4, 5, 6, 9, 23, 8])
    for seed in range(20):
        row, start, inputs = windows.cut(lengths, 4, np.random.default_rng(seed))
        assert (inputs >= 1).all()
        assert (inputs <= 4).all()
        found = [
            (r, s + 1 + i)
            for r, s, n in zip(row.tolist(), start.tolist(), inputs.tolist(), strict=True)
            for i in range(n)
        ]
        wanted = [(r, event) for r, length in enumerate(lengths) for event in range(1, length)]
        assert sorted(found) == wanted


def test_batches_hold_what_follows_what_within_the_budget() -> None:
    log = of([list(range(n)) for n in (0, 1, 2, 3, 5, 7, 11, 12)])
    targets = []
    for batch in windows.batches(log, 6, 12, np.random.default_rng(0)):
        assert batch.items.size <= 12
        for items, wanted, length in zip(batch.items, batch.targets, batch.lengths, strict=True):
            assert np.array_equal(wanted[:length], items[:length] + 1)
            targets += wanted[:length].tolist()
    assert sorted(targets) == sorted(log.items[log.items > 0].tolist())


def plain(hidden: torch.Tensor, targets: torch.Tensor, output: Any, negatives: int) -> torch.Tensor:
    """The loss as it is told in words, for autograd; the negatives are drawn as `loss` draws."""
    scores = functional.linear(hidden, *output)
    if not negatives:
        return functional.cross_entropy(scores, targets)
    drawn = torch.randint(scores.shape[1], (negatives,))
    same = drawn == targets[:, None]
    assert same.any()
    others = scores[:, drawn] + math.log(scores.shape[1] / negatives)
    right = scores.gather(1, targets[:, None])
    together = torch.cat([right, others.masked_fill(same, -math.inf)], dim=1)
    return functional.cross_entropy(together, torch.zeros_like(targets))


def gradients(dtype: torch.dtype, negatives: int) -> list[list[torch.Tensor]]:
    """The loss and its gradients, fused and by autograd."""
    torch.manual_seed(0)
    targets, given = torch.arange(10) % 6, (torch.randn(10, 4), torch.randn(6, 4), torch.randn(6))
    found = []
    for fused in (True, False):
        start, *output = (one.clone().requires_grad_() for one in given)
        torch.manual_seed(1)
        if fused:
            value = loss.backward(start * 2, targets, tuple(output), negatives, dtype)
        else:
            value = plain(start * 2, targets, output, negatives)
            value.backward()
        found.append([torch.as_tensor(value).detach(), *(one.grad for one in (start, *output))])
    return found


@pytest.mark.parametrize("scores", [10**6, 18])  # 18 scores are 3 events of 6 items
@pytest.mark.parametrize("negatives", [0, 8])
def test_the_fused_gradient_is_autograds(
    negatives: int, scores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "SCORES", scores)
    for one, other in zip(*gradients(torch.float32, negatives), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("negatives", [0, 8])
def test_in_bfloat16_the_gradient_points_the_same_way(negatives: int) -> None:
    fused, wanted = gradients(torch.bfloat16, negatives)
    assert float(fused[0]) == pytest.approx(float(wanted[0]), rel=0.02)
    for one, other in zip(fused[1:], wanted[1:], strict=True):
        assert one.dtype == torch.float32
        assert functional.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.999
        assert float(one.norm()) == pytest.approx(float(other.norm()), rel=0.02)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_weight_of_a_network_gets_its_gradient(preset: str) -> None:
    """The default's item embeddings are its output too: theirs is the sum of both."""
    items, targets = torch.tensor([[1, 2, 3], [4, 1, 0]]), torch.tensor([2, 3, 5, 1, 0, 7])
    found = []
    for fused in (True, False):
        net = built(preset, remember=True)
        hidden = net(items, torch.tensor([0, -1])).flatten(0, 1)
        if fused:
            loss.backward(hidden, targets, net.output(), 0, torch.float32)
        else:
            plain(hidden, targets, net.output(), 0).backward()
        found.append({name: one.grad for name, one in net.named_parameters()})
    for name, one in found[0].items():
        assert one.any(), name
        assert torch.allclose(one, found[1][name], atol=1e-5), name


@pytest.mark.parametrize("masked", [True, False])
def test_validation_judges_as_plain_loops_do(masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "SCORES", 120)  # 3 rows of 40 items
    net, s = built(n_items=40), Transformer(**SMALL).settings
    draw = np.random.default_rng(0)
    rows = [draw.permutation(40)[:length].tolist() for length in (2, 5, 30, 9, 3, 12, 25, 4, 30, 8)]
    gain, losses, ranks = 0.0, 0.0, []
    for *seen, wanted in rows:
        with torch.no_grad():
            said = net(torch.tensor([seen[-8:]]), torch.tensor([-1]))[0, -1]
            scores = functional.linear(said, *net.output())
        losses -= float(torch.log_softmax(scores, dim=0)[wanted]) / len(rows)
        others = [one for one in range(40) if not masked or one not in seen]
        ranks.append(1 + sum(float(scores[one]) > float(scores[wanted]) for one in others))
        gain += 1 / math.log2(ranks[-1] + 1) / len(rows) if ranks[-1] <= 10 else 0
    assert min(ranks) <= 10 < max(ranks)
    found = validation.validate(net, of(rows, n_items=40), s, masked=masked)
    assert found == pytest.approx((gain, losses), abs=1e-5)


def test_validation_leaves_out_what_was_seen_where_nothing_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    monkeypatch.setattr(
        training, "validate", lambda *given, masked: asked.append(masked) or (0.0, 1.0)
    )
    for log in (of([[1, 2, 3], [3, 2, 4]]), of([[1, 2, 3], [3, 2, 3]])):
        Transformer(**{**SMALL, "epochs": 1, "finish": 0}).fit(log)
    assert asked == [True, False]


def test_sampled_softmax_aims_at_the_full_one() -> None:
    """Its sum of exp(score), averaged over many draws, is that of the whole catalogue."""
    torch.manual_seed(0)
    hidden, weight, bias = torch.randn(1, 4), torch.randn(50, 4), torch.randn(50)
    scores = functional.linear(hidden, weight, bias)[0]
    sums = [
        math.exp(
            float(loss.sampled(hidden, torch.tensor([3]), (weight, bias), drawn)[0] + scores[3])
        )
        for drawn in torch.randint(50, (4000, 16))
    ]
    assert np.mean(sums) == pytest.approx(float(scores.exp().sum()), rel=0.05)


def test_big_catalogues_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(training, "FULL", 20)
    monkeypatch.setattr(training, "NEGATIVES", 5)
    monkeypatch.setattr(
        loss, "backward", lambda h, t, o, n, d: asked.append(n) or float(h.detach().sum() * 0)
    )
    Transformer(**SMALL).fit(example())
    Transformer(**SMALL, negatives=0).fit(example())
    assert set(asked) == {0, 5}


@pytest.mark.parametrize("held", ["last", "rows"])
def test_what_is_held_out_is_not_trained_on(held: str) -> None:
    log = example(users=100)
    s = PRESETS["default" if held == "last" else "notebook"]
    rest, out = training.hold_out(log, s, np.random.default_rng(0))
    assert len(rest) == len(log)
    assert len(out) == (50 if held == "last" else 10)
    missing = 50 if held == "last" else out.n_interactions
    assert rest.n_interactions == log.n_interactions - missing
    for user in out.users:
        assert rest.lengths[user] == (log.lengths[user] - 1 if held == "last" else 0)


def told(monkeypatch: pytest.MonkeyPatch, ndcg: list[float]) -> list[torch.Tensor]:
    """Let validation find these; gives the item embeddings that it looks at, as it does."""
    given, seen = iter(ndcg), []

    def validate(net: Any, held: Any, s: Any, *, masked: bool) -> tuple[float, float]:
        seen.append(net.items.weight.detach().clone())
        return next(given), 4.0

    monkeypatch.setattr(training, "validate", validate)
    return seen


def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, torch.Tensor]]:
    """Gives the epochs that are run from now on, with the item embeddings before each."""
    begins, run = [], training.Training.run

    def watched(self: Any, *given: Any) -> Any:
        begins.append((self.epoch, self.network.items.weight.detach().clone()))
        return run(self, *given)

    monkeypatch.setattr(training.Training, "run", watched)
    return begins


def test_without_a_last_part_the_best_epoch_is_kept_and_patience_ends_training(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = told(monkeypatch, [0.1, 0.3, 0.2, 0.3, 0.9])
    caplog.set_level(logging.INFO, logger="recbench")
    made = Transformer(**{**SMALL, "epochs": 9, "patience": 2, "finish": 0}).fit(example())
    assert len(seen) == 4
    assert torch.equal(made.network_.items.weight, seen[1])
    assert not torch.equal(seen[3], seen[1])
    assert len(caplog.messages) == 4
    assert "epoch 2/9" in caplog.messages[1]
    for word in ("loss", "perplexity", "validation NDCG@10 0.3000 and loss 4.000", "events/s"):
        assert word in caplog.messages[1]


@pytest.mark.parametrize(
    ("ndcg", "epochs", "best"),
    [
        ([0.1, 0.3, 0.2, 0.3], [0, 1, 2, 3, 6, 7], 1),  # patience is over, two are left out
        ([0.1, 0.3, 0.2, 0.4, 0.3, 0.5], [0, 1, 2, 3, 4, 5, 6, 7], 5),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.4], [0, 1, 2, 3, 4, 5, 6, 7], 4),
    ],
)
def test_the_last_part_goes_on_from_the_best_epoch_with_everything(
    ndcg: list[float], epochs: list[int], best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, begins, log = told(monkeypatch, ndcg), begun(monkeypatch), example()
    made = Transformer(**{**SMALL, "epochs": 8, "patience": 2, "finish": 0.25})
    events = [epoch.events for epoch in made.learn(log)]
    everything = int((log.lengths - 1).sum())
    assert events == [everything - 20] * len(ndcg) + [everything] * 2 + [0]  # 20 rows of 40
    assert [epoch for epoch, _ in begins] == epochs
    assert torch.equal(begins[-2][1], seen[best])
    assert best == len(ndcg) - 1 or not torch.equal(seen[-1], seen[best])
    assert not torch.equal(made.network_.items.weight, seen[best])


def test_of_epochs_with_the_same_ndcg_the_lower_loss_is_better() -> None:
    best, net, agos = validation.Best(), built(), []
    for found in ((0.1, 3.0), (0.1, 2.0), (0.1, 2.0), (0.1, 2.5), (0.2, 9.0), (0.1, 1.0)):
        best.look(found, net)
        agos.append(best.ago)
    assert agos == [0, 0, 1, 2, 0, 1]
    before = best.weights["items.weight"].clone()
    with torch.no_grad():
        net.items.weight.add_(1)
    assert torch.equal(best.weights["items.weight"], before), "they are a copy"


def test_after_each_epoch_it_scores_as_it_is_then() -> None:
    log, options = example(), {**SMALL, "epochs": 3}
    made = Transformer(**options)
    scores = [made.score(log) for _ in made.learn(log)]
    assert len(scores) == 4
    assert not np.allclose(scores[0], scores[1], atol=1e-3)
    assert np.array_equal(scores[-1], Transformer(**options).fit(log).score(log))


def test_the_learning_rate_rises_and_falls_to_zero() -> None:
    rates = [training.rate(DEFAULT, DEFAULT.epochs * share / 100) for share in range(101)]
    assert rates[0] == rates[100] == pytest.approx(0)
    assert max(rates) == rates[5] > 0.98
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert training.rate(NOTEBOOK, 2.5) == pytest.approx(0.95**2)


@pytest.mark.parametrize(
    ("events", "dropout", "batch"),
    [(0, 0.2, 2048), (300_000, 0.2, 4687), (300_001, 0.1, 4687), (10**6, 0.1, 8192)],
)
def test_what_is_not_given_goes_by_the_data(events: int, dropout: float, batch: int) -> None:
    found = sized(DEFAULT, events)
    assert (found.dropout, found.batch) == (dropout, batch)
    given = Transformer(dropout=0.0, batch=7).settings
    assert sized(given, events) == given


def test_rows_too_short_to_validate_on_still_train() -> None:
    model = Transformer(**SMALL).fit(of([[1, 2], [3], [], [2, 3]]))
    assert np.isfinite(model.score(of([[1]], users=[-1]))).all()


@pytest.mark.parametrize("sequences", [[], [[1], []]])
def test_nothing_to_learn_is_an_error(sequences: list[list[int]]) -> None:
    with pytest.raises(RecbenchError, match="nothing to learn"):
        Transformer(**SMALL).fit(of(sequences))


def test_a_training_that_diverges_is_an_error() -> None:
    with pytest.raises(RecbenchError, match=r"diverged in epoch \d: .* lower lr"):
        Transformer(preset="notebook", lr=1e30, device="cpu").fit(Windows().split(example()).train)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": "large"}, "preset=large is unknown; use one of: default, notebook"),
        ({"dim": 10, "heads": 3}, "dim=10 must be a multiple of heads=3"),
        ({"dim": 0}, "dim=0 must be 1 or more"),
        ({"epochs": 0}, "epochs=0"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"lr": math.nan}, "lr=nan"),
        ({"dim": 6}, "dim=6 must be a multiple of 2 x heads=2 for rotary positions"),
        ({"batch": 0}, "batch=0 must be 1 or more"),
        ({"patience": 0}, "patience=0 must be 1 or more"),
        ({"rules": -0.1}, r"rules=-0\.1 must be 0 or more and finite"),
        ({"rules": math.inf}, "rules=inf must be 0 or more and finite"),
        ({"finish": 1.0}, r"finish=1\.0 must be in \[0, 1\)"),
        ({"finish": -0.1}, r"finish=-0\.1 must be in"),
        ({"negatives": -1}, "negatives=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"device": "tpu"}, "device=tpu is unknown"),
    ],
)
def test_wrong_options_are_refused_at_once(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Transformer(**options)


def test_options_stand_above_the_preset() -> None:
    assert Transformer().settings == DEFAULT
    assert Transformer(preset="notebook").settings == NOTEBOOK
    changed = Transformer(preset="notebook", dim=32, dropout=0.0).settings
    assert (changed.dim, changed.dropout, changed.lr) == (32, 0.0, NOTEBOOK.lr)
    none = Transformer(rules=0, warm=False, finish=0, rotary=False, bfloat16=False).settings
    assert not any((none.rules, none.warm, none.finish, none.rotary, none.bfloat16))
    assert Transformer(dim=6, rotary=False).settings.dim == 6


def test_devices() -> None:
    assert device.choose("cpu") == torch.device("cpu")
    assert device.choose("auto").type in ("cpu", "cuda", "mps")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no device cuda:1"):
            device.choose("cuda:1")


@pytest.mark.parametrize("options", [{}, {"rules": 0}, {"preset": "notebook"}])
def test_load_gives_back_what_save_wrote(options: dict[str, Any], tmp_path: Path) -> None:
    train, options = Windows().split(example()).train, {**SMALL, **options}
    made = Transformer(**options).fit(train)
    made.save(tmp_path)
    assert (tmp_path / "rules.safetensors").exists() == (made.settings.rules > 0)
    loaded = Transformer(**options).load(tmp_path)
    assert np.array_equal(made.score(train), loaded.score(train))
    assert loaded.n_parameters == made.n_parameters
    one, items = train.take([0]), np.array([0, 3])
    assert np.array_equal(made.explain(one, items), loaded.explain(one, items))
    with pytest.raises(RecbenchError, match="knows 32 items and the history 12"):
        loaded.score(of([[1]]))


def test_broken_files_are_refused(tmp_path: Path) -> None:
    options = {**SMALL, "epochs": 1}
    Transformer(**options).fit(example()).save(tmp_path)
    with pytest.raises(RecbenchError, match="saved with dim=16, not 32"):
        Transformer(**{**options, "dim": 32}).load(tmp_path)
    with pytest.raises(RecbenchError, match=r"saved with rules=0\.8, not 0"):
        Transformer(**options, rules=0).load(tmp_path)
    weights, sizes = tmp_path / "transformer.safetensors", tmp_path / "transformer.json"
    whole, text = weights.read_bytes(), sizes.read_text()
    for broken in (whole[:-8], whole[:20], b""):
        weights.write_bytes(broken)
        with pytest.raises(RecbenchError, match="holds no whole saved transformer"):
            Transformer(**options).load(tmp_path)
    weights.write_bytes(whole)
    for wrong in (text[:40], "[]", json.dumps({**json.loads(text), "n_items": 5})):
        sizes.write_text(wrong)
        with pytest.raises(RecbenchError, match="holds no whole saved transformer"):
            Transformer(**options).load(tmp_path)
    with pytest.raises(RecbenchError, match="holds no whole saved transformer"):
        Transformer(**options).load(tmp_path / "nowhere")
    sizes.write_text(text)
    assert Transformer(**options).load(tmp_path).n_items_ == 32
    (tmp_path / "rules.safetensors").unlink()
    with pytest.raises(RecbenchError, match="holds no whole saved rules"):
        Transformer(**options).load(tmp_path)


def test_it_says_when_it_has_learned_nothing(tmp_path: Path) -> None:
    for ask in (
        lambda: Transformer().score(example()),
        lambda: Transformer().save(tmp_path),
        lambda: Transformer().n_parameters,
        lambda: Transformer().explain(example().take([0]), np.array([0])),
    ):
        with pytest.raises(RecbenchError, match="call fit or load"):
            ask()


LONG: dict[str, Any] = {**SMALL, "epochs": 6, "finish": 0.5, "patience": 9, "batch": 64}


def interrupted(options: dict[str, Any], log: Interactions, folder: Path, after: int) -> None:
    learning = Transformer(**options).learn(log, folder)
    for _ in range(after):
        next(learning)
    learning.close()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("after", [2, 3, 4])  # of 3 that are validated and 3 on everything
def test_an_interrupted_training_goes_on(
    preset: str,
    after: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    options, log, folder = {**LONG, "preset": preset}, example(), tmp_path / "folder"
    folder.mkdir()
    told(monkeypatch, [0.5, 0.1, 0.1])  # after 2, the best weights are in the checkpoint alone
    wanted = Transformer(**options).fit(log).score(log)
    told(monkeypatch, [0.5, 0.1, 0.1])
    interrupted(options, log, folder, after)
    caplog.set_level(logging.INFO, logger="recbench")
    begins, again = begun(monkeypatch), Transformer(**options).fit(log, checkpoint=folder)
    assert [epoch for epoch, _ in begins] == list(range(after, 6))
    assert f"going on after epoch {after} of an earlier try" in caplog.text
    assert np.array_equal(again.score(log), wanted)
    assert [one.name for one in folder.iterdir()] == ["epoch.pt"]


def test_what_was_interrupted_after_its_patience_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, log = {**LONG, "patience": 1, "epochs": 8}, example()
    told(monkeypatch, [0.5, 0.1])
    wanted = Transformer(**options).fit(log).score(log)
    told(monkeypatch, [0.5, 0.1])
    interrupted(options, log, tmp_path, 2)
    begins, again = begun(monkeypatch), Transformer(**options).fit(log, checkpoint=tmp_path)
    assert [epoch for epoch, _ in begins] == [4, 5, 6, 7]
    assert np.array_equal(again.score(log), wanted)


@pytest.mark.parametrize("damage", [lambda whole: whole[:-100], lambda _: b"", lambda _: b"no"])
def test_a_damaged_checkpoint_begins_anew(
    damage: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = example()
    wanted = Transformer(**SMALL).fit(log).score(log)
    interrupted(SMALL, log, tmp_path, 1)
    file = tmp_path / "epoch.pt"
    file.write_bytes(damage(file.read_bytes()))
    begins, again = begun(monkeypatch), Transformer(**SMALL).fit(log, checkpoint=tmp_path)
    assert [epoch for epoch, _ in begins] == [0, 1]
    warned = [one.message for one in caplog.records if one.levelname == "WARNING"]
    assert len(warned) == 1
    assert "its checkpoint cannot be read" in warned[0]
    assert np.array_equal(again.score(log), wanted)


def test_importing_it_imports_no_torch() -> None:
    code = "import recbench_transformer as t, sys; t.Transformer(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
