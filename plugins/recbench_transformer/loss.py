"""The loss: cross-entropy over the catalogue, computed together with its gradient in chunks.

The gradient of the cross-entropy with respect to the scores is p - y: the softmax probabilities
minus the one-hot target. So three matrix products and no autograd compute the loss and the
gradients of a chunk of positions, and its scores are dropped before the next chunk. The scores of a
whole batch, positions x items, are never in memory at once (Wijmans et al. 2024, arXiv
2411.09009).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

MAX_SCORES = 2**21
"""Scores per chunk: few enough to stay in a CPU's cache."""

LEAST_POSITIONS = 128
"""Positions per chunk, at least; with fewer, products with many items are slow."""


@torch.no_grad()
def backward(
    hidden: Tensor,
    targets: Tensor,
    output: tuple[Tensor, Tensor],
    sampler: Sampler | None,
    dtype: torch.dtype,
    seen: Seen | None = None,
) -> float:
    """Return the batch's mean cross-entropy, and set the gradients of all weights.

    hidden: (positions, width) output of the network, without padding.
    targets: (positions,) the items that followed.
    output: weight (n_items, width) and bias (n_items,); their `grad` must be None.
    sampler: None for the softmax over all items. Otherwise the softmax is over the target and the
        items that are drawn for the batch.
    dtype: type of the matrix products; sums are in float32.
    seen: what the softmax over all items leaves out at each position; None for nothing.
    """
    weight, bias = output
    width, n = weight.shape[1], len(targets)
    inputs = torch.cat([hidden, hidden.new_ones(n, 1)], dim=1).to(dtype)  # the 1 is for the bias
    drawn = None if sampler is None else sampler.draw()
    table = rows_of(output, None if drawn is None else drawn.items)
    table_grad = table.new_zeros(table.shape[::-1])  # (width + 1, items of the table)
    if drawn is not None:
        weight.grad, bias.grad = torch.zeros_like(weight), torch.zeros_like(bias)
    table = table.to(dtype)
    hidden_grad = torch.empty_like(hidden, dtype=torch.float32)
    total = hidden.new_zeros((), dtype=torch.float32)
    chunk_size = max(LEAST_POSITIONS, MAX_SCORES // len(table))
    for start in range(0, n, chunk_size):
        chunk = slice(start, start + chunk_size)
        own, answers = inputs[chunk], targets[chunk]
        scores = own @ table.t()  # (chunk, items of the table)
        if drawn is None:
            left_out = None if seen is None else seen.within(start, start + len(own))
            losses, score_grad = full_softmax(scores, answers, left_out)
        else:
            answer_rows = rows_of(output, answers)
            answer_scores = (own * answer_rows).sum(dim=1)
            losses, score_grad, answer_grad = sampled_softmax(scores, answers, answer_scores, drawn)
        total += losses.sum()
        hidden_grad[chunk] = score_grad @ table[:, :width]
        table_grad += own.t() @ score_grad  # faster than the product the other way round
        if drawn is not None:
            hidden_grad[chunk] += answer_grad[:, None] * answer_rows[:, :width]
            add_to_grads(output, answers, answer_grad[:, None] * own / n)
    table_grad /= n
    if drawn is None:
        weight.grad, bias.grad = table_grad[:width].t().contiguous(), table_grad[width]
    else:
        add_to_grads(output, drawn.items, table_grad.t())
    with torch.enable_grad():
        hidden.backward((hidden_grad / n).to(hidden.dtype))  # type: ignore[no-untyped-call]
    return float(total) / n


def rows_of(output: tuple[Tensor, Tensor], items: Tensor | None) -> Tensor:
    """Return the weights and the bias of items side by side, (items, width + 1); None for all."""
    weight, bias = output if items is None else (output[0][items], output[1][items])
    return torch.cat([weight, bias[:, None]], dim=1)


def add_to_grads(output: tuple[Tensor, Tensor], items: Tensor, rows: Tensor) -> None:
    """Add rows (items, width + 1) to the gradients of the weights and biases of items."""
    for weight, added in zip(output, (rows[:, :-1], rows[:, -1]), strict=True):
        assert weight.grad is not None  # noqa: S101  callers have set it
        weight.grad.index_add_(0, items, added.to(weight.dtype))


class Seen:
    """The items that the history of each position has, up to and including the position itself.

    The softmax leaves them out, so that the network need not learn to give them low scores.

    items: (rows, time). real: (rows, time), False for padding, which is on the right. Positions are
    counted without padding.
    """

    def __init__(self, items: Tensor, real: Tensor) -> None:
        row, position = real.nonzero(as_tuple=True)
        n_seen = position + 1
        ends = n_seen.cumsum(0)
        number = torch.arange(len(row), device=row.device)
        self.positions = number.repeat_interleave(n_seen)
        place = torch.arange(len(self.positions), device=row.device)
        place += (row * items.shape[1] - (ends - n_seen))[self.positions]
        self.items = items.flatten()[place]
        self.starts = [0, *ends.tolist()]

    def within(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return the positions, counted from `start`, and the items of positions before `stop`."""
        chosen = slice(self.starts[start], self.starts[stop])
        return self.positions[chosen] - start, self.items[chosen]


def full_softmax(
    scores: Tensor, targets: Tensor, left_out: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Return the cross-entropies (positions,) and their gradients by the scores.

    scores and gradients: (positions, n_items). targets: (positions,). left_out: positions and
    items whose scores do not count, unless they are the target.
    """
    row = torch.arange(len(targets), device=scores.device)
    if left_out is not None:
        target_scores = scores[row, targets]
        scores[left_out] = -math.inf
        scores[row, targets] = target_scores
    score_grad = torch.softmax(scores, dim=1)
    losses = -score_grad[row, targets].float().clamp(min=1e-38).log()
    score_grad[row, targets] -= 1
    return losses, score_grad


@dataclass(frozen=True)
class Drawn:
    """Items drawn with replacement, and the logarithm of how often each is expected: (n,) each."""

    items: Tensor
    log_expected: Tensor


class Sampler:
    """Draws the items of a sampled softmax: half of them by popularity, half uniformly.

    The popular items are the ones with high scores, so that the denominator of the softmax varies
    less; the others must be compared with too. Mixed negatives are from Yang et al. 2020, "Mixed
    negative sampling for learning two-tower neural networks in recommendations".

    number: how many items. counts: (n_items,), interactions of each item.
    """

    def __init__(self, number: int, counts: Tensor) -> None:
        shares = counts.float() / counts.sum()
        self.number, self.shares = number, (shares + 1 / len(counts)) / 2
        self.log_expected = torch.log(number * self.shares)

    def draw(self) -> Drawn:
        """Draw from torch's global generator."""
        items = torch.multinomial(self.shares, self.number, replacement=True)
        return Drawn(items, self.log_expected[items])


def sampled_softmax(
    scores: Tensor, targets: Tensor, target_scores: Tensor, drawn: Drawn
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the same as `full_softmax`, with the drawn items in place of all items.

    scores: (positions, drawn). targets, target_scores: (positions,). Returns the cross-entropies
    (positions,), and their gradients by the scores (positions, drawn) and by those of the targets.

    The logarithm of how often an item is expected is taken from its score (logQ correction; Bengio
    & Senecal 2008). The target is always present, not drawn, so its score is not corrected, and a
    draw that equals the target does not count (Khrylchenko et al. 2025, arXiv 2507.09331). The
    denominator of the softmax is then right on average over the draws.
    """
    corrected = scores.float() - drawn.log_expected
    corrected = corrected.masked_fill(targets[:, None] == drawn.items, -math.inf)
    together = torch.cat([target_scores.float()[:, None], corrected], dim=1)
    score_grad = torch.softmax(together, dim=1)
    losses = torch.logsumexp(together, dim=1) - target_scores
    return losses, score_grad[:, 1:].to(scores.dtype), score_grad[:, 0] - 1
