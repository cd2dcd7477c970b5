"""The loss: cross-entropy over the catalogue, computed together with its gradient in chunks.

The gradient of the cross-entropy with respect to the scores is p - y: the softmax probabilities
minus the one-hot target. So three matrix products and no autograd compute the loss and the
gradients of a chunk of positions, and its scores are dropped before the next chunk. The scores of a
whole batch, positions x items, are never in memory at once (Wijmans et al. 2024, arXiv
2411.09009).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

MAX_SCORES = 2**21
"""Scores per chunk: few enough to stay in a CPU's cache."""


@torch.no_grad()
def backward(
    hidden: Tensor,
    targets: Tensor,
    output: tuple[Tensor, Tensor],
    negatives: int,
    dtype: torch.dtype,
    seen: Seen | None = None,
) -> float:
    """Return the batch's mean cross-entropy, and set the gradients of all weights.

    hidden: (positions, width) output of the network, without padding.
    targets: (positions,) the items that followed.
    output: weight (n_items, width) and bias (n_items,); their `grad` must be None.
    negatives: 0 for the softmax over all items. Otherwise the softmax is over the target and this
        number of items, drawn uniformly with replacement and shared by the batch.
    dtype: type of the matrix products; sums are in float32.
    seen: what the softmax over all items leaves out at each position; None for nothing.
    """
    weight, bias = output
    drawn = torch.randint(len(weight), (negatives,), device=weight.device) if negatives else None
    chunk_size = max(1, MAX_SCORES // (negatives or len(weight)))
    hidden_grad = torch.empty_like(hidden, dtype=torch.float32)
    weight.grad, bias.grad = torch.zeros_like(weight), torch.zeros_like(bias)
    total = hidden.new_zeros((), dtype=torch.float32)
    table = weight.to(dtype) if drawn is None else weight[drawn].to(dtype)
    ones = torch.ones(
        1, chunk_size, dtype=dtype, device=weight.device
    )  # sums over rows as a matrix product, which is faster
    for start in range(0, len(hidden), chunk_size):
        chunk = slice(start, start + chunk_size)
        inputs, answers = hidden[chunk].to(dtype), targets[chunk]
        if drawn is None:
            left_out = None if seen is None else seen.within(start, start + len(inputs))
            losses, score_grad = full_softmax(inputs, answers, table, bias, left_out)
        else:
            losses, score_grad, answer_grad = sampled_softmax(
                inputs, answers, (weight, bias), drawn
            )
        total += losses.sum()
        hidden_grad[chunk] = score_grad @ table  # (chunk, width)
        weight_grad = score_grad.t() @ inputs
        bias_grad = (ones[:, : len(inputs)] @ score_grad)[0]
        if drawn is None:
            weight.grad += weight_grad
            bias.grad += bias_grad
        else:
            hidden_grad[chunk] += answer_grad[:, None] * weight[answers]
            weight.grad.index_add_(0, drawn, weight_grad.float())
            bias.grad.index_add_(0, drawn, bias_grad.float())
            weight.grad.index_add_(0, answers, answer_grad[:, None] * inputs.float())
            bias.grad.index_add_(0, answers, answer_grad)
    weight.grad /= len(targets)
    bias.grad /= len(targets)
    with torch.enable_grad():
        hidden.backward((hidden_grad / len(targets)).to(hidden.dtype))  # type: ignore[no-untyped-call]
    return float(total) / len(targets)


class Seen:
    """The items that the history of each position has, up to and with the position itself.

    The network never has to say that they come again, so it does not have to learn to say no. An
    item that does come next counts all the same.

    items, targets: (rows, time). real: (rows, time), False for padding. Positions are counted
    without padding.
    """

    def __init__(self, items: Tensor, targets: Tensor, real: Tensor) -> None:
        time = items.shape[1]
        earlier = torch.ones(time, time, dtype=torch.bool, device=items.device).tril()
        is_seen = earlier & real[:, :, None] & (items[:, None, :] != targets[:, :, None])
        row, position, place = is_seen.nonzero(as_tuple=True)
        self.items = items[row, place]
        number = real.flatten().cumsum(0).view(real.shape) - 1
        self.positions = number[row, position]
        counts = torch.bincount(self.positions, minlength=int(real.sum()))
        self.starts = [0, *counts.cumsum(0).tolist()]

    def within(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return the positions, counted from `start`, and the items of positions before `stop`."""
        chosen = slice(self.starts[start], self.starts[stop])
        return self.positions[chosen] - start, self.items[chosen]


def full_softmax(
    hidden: Tensor,
    targets: Tensor,
    weight: Tensor,
    bias: Tensor,
    left_out: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the cross-entropies (positions,) and their gradients by the scores.

    The gradients are (positions, n_items). left_out: positions and items whose scores do not
    count.
    """
    ones = hidden.new_ones(len(hidden), 1)
    table = torch.cat([weight, bias.to(weight.dtype)[:, None]], dim=1)
    scores = torch.cat([hidden, ones], dim=1) @ table.t()  # (positions, n_items); faster than addmm
    if left_out is not None:
        scores[left_out] = -math.inf
    score_grad = torch.softmax(scores, dim=1)
    row = torch.arange(len(targets), device=hidden.device)
    losses = -score_grad[row, targets].float().clamp(min=1e-38).log()
    score_grad[row, targets] -= 1
    return losses, score_grad


def sampled_softmax(
    hidden: Tensor, targets: Tensor, output: tuple[Tensor, Tensor], drawn: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the same as `full_softmax`, with the items `drawn` (negatives,) in place of all items.

    Returns the cross-entropies (positions,), and their gradients by the scores of the drawn items
    (positions, negatives) and by the score of the target (positions,).

    With n items drawn uniformly from a catalogue of V, each draw stands for V / n items. So
    log(V / n) is added to its score (logQ correction; Bengio & Senecal 2008). The target is always
    present, not drawn, so its score is not corrected, and a draw that equals the target does not
    count (Khrylchenko et al. 2025, arXiv 2507.09331). The denominator of the softmax is then right
    on average over the draws.
    """
    weight, bias = output
    target_scores = (hidden.float() * weight[targets]).sum(dim=1) + bias[targets]  # (positions,)
    drawn_scores = functional.linear(hidden, weight[drawn].to(hidden.dtype)).float() + bias[drawn]
    drawn_scores = drawn_scores + math.log(len(weight) / len(drawn))  # (positions, negatives)
    drawn_scores = drawn_scores.masked_fill(targets[:, None] == drawn, -math.inf)
    scores = torch.cat([target_scores[:, None], drawn_scores], dim=1)  # (positions, 1 + negatives)
    score_grad = torch.softmax(scores, dim=1)
    losses = torch.logsumexp(scores, dim=1) - target_scores
    return losses, score_grad[:, 1:].to(hidden.dtype), score_grad[:, 0] - 1
