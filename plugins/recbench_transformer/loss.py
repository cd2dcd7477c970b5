"""Cross-entropy over the catalogue, fused with its gradient: no score outlives its chunk.

A softmax's gradient is p - y (probabilities less the one-hot target), so a chunk of events is
scored, normalised and turned into gradients in one go, by three matrix products, without autograd.
(The idea of Wijmans et al. 2024, arXiv 2411.09009.)
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

SCORES = 2**21
"""How many scores are held at once: few enough to stay in a processor's cache."""


@torch.no_grad()
def backward(
    hidden: Tensor,
    targets: Tensor,
    output: tuple[Tensor, Tensor],
    negatives: int,
    dtype: torch.dtype,
) -> float:
    """The batch's mean cross-entropy, after putting its gradients everywhere.

    hidden: (events, width), what the network said at the real positions.
    targets: (events,), the items that followed.
    output: weight (n_items, width) and bias (n_items,); their `grad` must be None.
    negatives: 0 for the softmax over all items; otherwise over the target and so many items, drawn
        uniformly with replacement and shared by the whole batch.
    dtype: what the products are computed in; sums are kept in float32.
    """
    weight, bias = output
    drawn = torch.randint(len(weight), (negatives,), device=weight.device) if negatives else None
    chunk = max(1, SCORES // (negatives or len(weight)))
    above = torch.empty_like(hidden, dtype=torch.float32)
    weight.grad, bias.grad = torch.zeros_like(weight), torch.zeros_like(bias)
    total = hidden.new_zeros((), dtype=torch.float32)
    low = weight.to(dtype) if drawn is None else weight[drawn].to(dtype)
    ones = torch.ones(1, chunk, dtype=dtype, device=weight.device)  # a sum is a product with them
    for start in range(0, len(hidden), chunk):
        part, wanted = hidden[start : start + chunk].to(dtype), targets[start : start + chunk]
        if drawn is None:
            losses, slope = full(part, wanted, low, bias)
        else:
            losses, slope, right = sampled(part, wanted, (weight, bias), drawn)
        total += losses.sum()
        above[start : start + chunk] = slope @ low  # (chunk, width)
        of_weight, of_bias = slope.t() @ part, (ones[:, : len(part)] @ slope)[0]
        if drawn is None:
            weight.grad += of_weight
            bias.grad += of_bias
        else:
            above[start : start + chunk] += right[:, None] * weight[wanted]
            weight.grad.index_add_(0, drawn, of_weight.float())
            bias.grad.index_add_(0, drawn, of_bias.float())
            weight.grad.index_add_(0, wanted, right[:, None] * part.float())
            bias.grad.index_add_(0, wanted, right)
    weight.grad /= len(targets)
    bias.grad /= len(targets)
    with torch.enable_grad():
        hidden.backward((above / len(targets)).to(hidden.dtype))  # type: ignore[no-untyped-call]
    return float(total) / len(targets)


def full(hidden: Tensor, targets: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """(events,) cross-entropies over all items, and their slope by each score (events, n_items)."""
    one = hidden.new_ones(len(hidden), 1)
    table = torch.cat([weight, bias.to(weight.dtype)[:, None]], dim=1)
    scores = torch.cat([hidden, one], dim=1) @ table.t()  # (events, n_items), faster than addmm
    slope = torch.softmax(scores, dim=1)
    event = torch.arange(len(targets), device=hidden.device)
    losses = -slope[event, targets].float().clamp(min=1e-38).log()
    slope[event, targets] -= 1
    return losses, slope


def sampled(
    hidden: Tensor, targets: Tensor, output: tuple[Tensor, Tensor], drawn: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The same with the items `drawn` (negatives,) standing for all items.

    Gives (events,) cross-entropies, their slope by the drawn items' scores (events, negatives) and
    by the target's (events,).

    The rule: of n items drawn uniformly from a catalogue of V, each item is expected n / V times,
    so every draw counts for V / n items, and log(V / n) is added to its score: minus the log of
    its expected count, the logQ correction (Bengio & Senecal 2008). A draw that is the target does
    not count. The target is there by itself and is not drawn, so its score is not corrected
    (Khrylchenko et al. 2025, arXiv 2507.09331). The sum that the softmax divides by is then, on
    average over the draws, that over all items.
    """
    weight, bias = output
    right = (hidden.float() * weight[targets]).sum(dim=1) + bias[targets]  # (events,)
    others = functional.linear(hidden, weight[drawn].to(hidden.dtype)).float() + bias[drawn]
    others = others + math.log(len(weight) / len(drawn))  # (events, negatives)
    others = others.masked_fill(targets[:, None] == drawn, -math.inf)
    scores = torch.cat([right[:, None], others], dim=1)  # (events, 1 + negatives)
    slope = torch.softmax(scores, dim=1)
    losses = torch.logsumexp(scores, dim=1) - right
    return losses, slope[:, 1:].to(hidden.dtype), slope[:, 0] - 1
