"""The binary cross-entropy of SASRec and gSASRec, computed together with its gradient in chunks.

The softmax asks which of all items comes next. Binary cross-entropy asks of single items whether
they come next: of the item that did, the positive, and of a few others, the negatives, which are
drawn anew for each position (`negatives.py`).

With few negatives, a network learns to be too sure: in training, one of two items comes next, and
later one of thousands. gBCE (Petrov & Macdonald 2023, arXiv 2308.07192) corrects this. It raises
the positive's probability to a power b, so that b becomes the weight of its logarithm:

    -b log sigmoid(positive) - sum of log(1 - sigmoid(negative)), over 1 + the number of negatives
    b = 1 - t (1 - a), where a is the share of the other items that are drawn

The calibration t is 0 for the plain loss (b = 1), and 1 for full correction (b = a).

Before training, all scores are near 0, and all probabilities near 1/2. That is far too much where
there are many negatives: the first steps would do nothing but lower all scores, with gradients so
large that Adam takes small steps for thousands of steps after them. So the loss adds log(b / the
number of negatives) to all scores, which is 0 for one negative and changes no ranking (as Lin et
al. 2017, arXiv 1708.02002, start from the share of the positives).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from .loss import MAX_SCORES
from .negatives import Negatives

ALL_AT_ONCE = 64
"""The product with all items takes as long as looking up 1/64 of them for each position.

Measured with 256 negatives, 3,416 items and 128 numbers per item."""


@torch.no_grad()
def backward(
    hidden: Tensor,
    targets: Tensor,
    output: tuple[Tensor, Tensor],
    negatives: Negatives,
    rows: Tensor,
    calibration: float,
    dtype: torch.dtype,
) -> float:
    """Return the batch's mean loss, and set the gradients of all weights.

    hidden, targets, output, dtype: as for `loss.backward`.
    negatives: draws the negatives of each position.
    rows: (positions,) the row of the data that each position is from.
    calibration: t above.
    """
    weight, bias = output
    weight.grad, bias.grad = torch.zeros_like(weight), torch.zeros_like(bias)
    hidden_grad = torch.empty_like(hidden, dtype=torch.float32)
    total = hidden.new_zeros((), dtype=torch.float32)
    table, (n_items, width), n_drawn = weight.to(dtype), weight.shape, 1 + negatives.number
    positive_weight = 1 - calibration * (1 - min(1, negatives.number / max(1, n_items - 1)))
    shift = math.log(positive_weight / negatives.number)
    at_once = n_items <= ALL_AT_ONCE * n_drawn
    chunk_size = max(1, MAX_SCORES // (n_items if at_once else n_drawn * width))
    for start in range(0, len(hidden), chunk_size):
        chunk = slice(start, start + chunk_size)
        inputs = hidden[chunk].to(dtype)
        drawn = negatives.draw(rows[chunk], targets[chunk])
        items = torch.cat([targets[chunk, None], drawn], dim=1)  # (chunk, 1 + negatives)
        if at_once:
            scores = (inputs @ table.t()).gather(1, items)
        else:
            picked = table[items]  # (chunk, 1 + negatives, width)
            scores = torch.bmm(picked, inputs[:, :, None])[:, :, 0]
        losses, score_grad = binary(scores.float() + bias[items] + shift, positive_weight)
        total += losses.sum()
        bias.grad.index_add_(0, items.flatten(), score_grad.flatten())
        score_grad = score_grad.to(dtype)
        if at_once:
            spread = score_grad.new_zeros(len(inputs), n_items).scatter_add_(1, items, score_grad)
            hidden_grad[chunk] = spread @ table
            weight.grad += spread.t() @ inputs
        else:
            hidden_grad[chunk] = torch.bmm(score_grad[:, None], picked)[:, 0]
            outer = score_grad[:, :, None] * inputs[:, None]  # (chunk, 1 + negatives, width)
            weight.grad.index_add_(0, items.flatten(), outer.flatten(0, 1).float())
    scale = 1 / (len(targets) * n_drawn)
    weight.grad *= scale
    bias.grad *= scale
    with torch.enable_grad():
        hidden.backward((hidden_grad * scale).to(hidden.dtype))  # type: ignore[no-untyped-call]
    return float(total) * scale


def binary(scores: Tensor, positive_weight: float) -> tuple[Tensor, Tensor]:
    """Return the losses and their gradients by the scores, both (positions, 1 + negatives).

    scores: the positive's in column 0, and those of the negatives.
    positive_weight: b above.
    """
    score_grad = torch.sigmoid(scores)
    losses = functional.softplus(scores)
    score_grad[:, 0] = positive_weight * (score_grad[:, 0] - 1)
    losses[:, 0] = positive_weight * functional.softplus(-scores[:, 0])
    return losses, score_grad
