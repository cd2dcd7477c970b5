"""The fused loss: its value and gradients, compared with autograd."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from made_transformer import small_network
from torch.nn import functional

from recbench_transformer import loss
from recbench_transformer.presets import PRESETS

COUNTS = torch.tensor([5, 0, 1, 2, 9, 1])
"""Interactions of each item, by which negatives are drawn."""


def plain_loss(
    hidden: torch.Tensor, targets: torch.Tensor, output: Any, negatives: int
) -> torch.Tensor:
    """Compute the loss directly, for autograd, with the negatives that `loss` draws."""
    scores = functional.linear(hidden, *output)
    if not negatives:
        return functional.cross_entropy(scores, targets)
    shares = (COUNTS / COUNTS.sum() + 1 / len(COUNTS)) / 2
    drawn = torch.multinomial(shares, negatives, replacement=True)
    is_target = drawn == targets[:, None]
    assert is_target.any()
    drawn_scores = scores[:, drawn] - torch.log(negatives * shares[drawn])
    target_scores = scores.gather(1, targets[:, None])
    drawn_scores = drawn_scores.masked_fill(is_target, -math.inf)
    together = torch.cat([target_scores, drawn_scores], dim=1)
    return functional.cross_entropy(together, torch.zeros_like(targets))


def gradients(dtype: torch.dtype, negatives: int) -> list[list[torch.Tensor]]:
    """Return the loss and its gradients, fused and by autograd."""
    torch.manual_seed(0)
    targets, given = torch.arange(10) % 6, (torch.randn(10, 4), torch.randn(6, 4), torch.randn(6))
    results = []
    for fused in (True, False):
        start, *output = (tensor.clone().requires_grad_() for tensor in given)
        torch.manual_seed(1)
        if fused:
            sampler = loss.Sampler(negatives, COUNTS) if negatives else None
            value = loss.backward(start * 2, targets, tuple(output), sampler, dtype)
        else:
            value = plain_loss(start * 2, targets, output, negatives)
            value.backward()
        gradients_ = [tensor.grad for tensor in (start, *output)]
        results.append([torch.as_tensor(value).detach(), *gradients_])
    return results


@pytest.mark.parametrize("scores", [10**6, 18])  # 18 scores are 3 positions of 6 items
@pytest.mark.parametrize("negatives", [0, 8])
def test_the_fused_gradient_equals_autograd(
    negatives: int, scores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "MAX_SCORES", scores)
    monkeypatch.setattr(loss, "LEAST_POSITIONS", 2)
    for fused, plain in zip(*gradients(torch.float32, negatives), strict=True):
        assert torch.allclose(fused, plain, atol=1e-5)


@pytest.mark.parametrize("negatives", [0, 8])
def test_in_bfloat16_the_gradient_points_the_same_way(negatives: int) -> None:
    (value, *fused), (plain_value, *plain) = gradients(torch.bfloat16, negatives)
    assert float(value) == pytest.approx(float(plain_value), rel=0.02)
    for low, high in zip(fused, plain, strict=True):
        assert low.dtype == torch.float32
        assert functional.cosine_similarity(low.flatten(), high.flatten(), dim=0) > 0.999
        assert float(low.norm()) == pytest.approx(float(high.norm()), rel=0.02)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_weight_of_a_network_gets_its_gradient(preset: str) -> None:
    """Item embeddings that are also output weights get the sum of both gradients."""
    items, targets = torch.tensor([[1, 2, 3], [4, 1, 0]]), torch.tensor([2, 3, 5, 1, 0, 7])
    results = []
    for fused in (True, False):
        net = small_network(preset, embed_users=True)
        hidden = net(items, torch.tensor([0, -1])).flatten(0, 1)
        if fused:
            loss.backward(hidden, targets, net.output(), None, torch.float32)
        else:
            plain_loss(hidden, targets, net.output(), 0).backward()
        results.append({name: weight.grad for name, weight in net.named_parameters()})
    fused, plain = results
    for name, gradient in fused.items():
        assert gradient.any(), name
        assert torch.allclose(gradient, plain[name], atol=1e-5), name


def test_the_sampled_softmax_approximates_the_full_softmax() -> None:
    """Averaged over many draws, its denominator is that of the full softmax."""
    torch.manual_seed(0)
    hidden, weight, bias = torch.randn(1, 4), torch.randn(50, 4), torch.randn(50)
    scores = functional.linear(hidden, weight, bias)[0]
    sampler, sums = loss.Sampler(16, torch.arange(50)), []
    for _ in range(4000):
        drawn = sampler.draw()
        answer = torch.tensor([3]), scores[3:4]
        losses, *_ = loss.sampled_softmax(scores[None, drawn.items], *answer, drawn)
        sums.append(math.exp(float(losses + scores[3])))
    assert np.mean(sums) == pytest.approx(float(scores.exp().sum()), rel=0.05)


def test_a_chunk_has_enough_positions_for_many_items(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, full_softmax = [], loss.full_softmax

    def recorded(scores: torch.Tensor, *rest: Any) -> Any:
        sizes.append(len(scores))
        return full_softmax(scores, *rest)

    monkeypatch.setattr(loss, "full_softmax", recorded)
    weight, bias = torch.randn(20_000, 2, requires_grad=True), torch.zeros(20_000)
    hidden, targets = torch.randn(300, 2, requires_grad=True), torch.arange(300)
    loss.backward(hidden * 1, targets, (weight, bias.requires_grad_()), None, torch.float32)
    assert sizes == [128, 128, 44]


def test_items_of_the_history_do_not_count_unless_they_come_next() -> None:
    torch.manual_seed(0)
    items = torch.tensor([[1, 2, 3], [4, 5, 0]])
    targets = torch.tensor([[2, 3, 1], [6, 7, 0]])  # item 1 comes again
    real = torch.tensor([[True, True, True], [True, True, False]])
    weight, bias = torch.randn(9, 4, requires_grad=True), torch.randn(9, requires_grad=True)
    start = torch.randn(5, 4, requires_grad=True)
    value = loss.backward(
        start * 1,
        targets[real],
        (weight, bias),
        None,
        torch.float32,
        loss.Seen(items, real),
    )
    expected, hidden = [], start.detach().clone().requires_grad_()
    own_weight, own_bias = weight.detach().clone().requires_grad_(), bias.detach().clone()
    position = 0
    for row, n in enumerate((3, 2)):
        for time in range(n):
            scores = own_weight @ hidden[position] + own_bias
            target = int(targets[row, time])
            left_out = [i for i in items[row, : time + 1].tolist() if i != target]
            kept = torch.ones(9, dtype=torch.bool)
            kept[left_out] = False
            expected.append(torch.logsumexp(scores[kept], dim=0) - scores[target])
            position += 1
    mean = torch.stack(expected).mean()
    mean.backward()
    assert value == pytest.approx(mean.item(), abs=1e-5)
    assert torch.allclose(weight.grad, own_weight.grad, atol=1e-5)
    assert torch.allclose(start.grad, hidden.grad, atol=1e-5)
