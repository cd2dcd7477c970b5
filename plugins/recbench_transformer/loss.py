"""Cross-entropy over the catalogue, without ever holding the scores of all positions at once."""

import math

import torch
from torch import Tensor
from torch.nn import functional

SCORES = 2**22
"""How many scores are held at once: 16 MB in float32."""


def backward(
    hidden: Tensor, targets: Tensor, output: tuple[Tensor, Tensor], negatives: int
) -> float:
    """The batch's mean cross-entropy, after putting its gradients everywhere.

    hidden: (events, width), what the network said at the real positions.
    targets: (events,), the items that followed.
    output: weight (n_items, width) and bias (n_items,).
    negatives: 0 for the softmax over all items; otherwise over the target and so many items, drawn
        uniformly with replacement and shared by the whole batch.

    One chunk of events after the other is scored and its gradient taken; only then goes the
    gradient of `hidden` (events, width) on, once, into the network.
    """
    weight, bias = output
    drawn = torch.randint(len(weight), (negatives,), device=weight.device)
    chunk = max(1, SCORES // (negatives or len(weight)))
    top = hidden.detach().requires_grad_()
    total = 0.0
    for part, wanted in zip(torch.split(top, chunk), torch.split(targets, chunk), strict=True):
        with torch.autocast(weight.device.type, torch.bfloat16, enabled=weight.is_cuda):
            if negatives:
                loss = sampled(part, wanted, output, drawn)
            else:
                scores = functional.linear(part, weight, bias)  # (chunk, n_items)
                loss = functional.cross_entropy(scores.float(), wanted, reduction="sum")
        (loss / len(targets)).backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    hidden.backward(top.grad)  # type: ignore[no-untyped-call]
    return total / len(targets)


def sampled(
    hidden: Tensor, targets: Tensor, output: tuple[Tensor, Tensor], drawn: Tensor
) -> Tensor:
    """The sum of cross-entropies, with the items `drawn` (negatives,) standing for all items.

    The rule: of n items drawn uniformly from a catalogue of V, each item is expected n / V times,
    so every draw counts for V / n items, and log(V / n) is added to its score: minus the log of
    its expected count, the logQ correction (Bengio & Senecal 2008). A draw that is the target does
    not count. The target is there by itself and is not drawn, so its score is not corrected
    (Khrylchenko et al. 2025, arXiv 2507.09331). The sum that the softmax divides by is then, on
    average over the draws, that over all items.
    """
    weight, bias = output
    right = (hidden * weight[targets]).sum(dim=1) + bias[targets]  # (events,)
    others = functional.linear(hidden, weight[drawn], bias[drawn]).float()  # (events, negatives)
    others = others + math.log(len(weight) / len(drawn))
    others = others.masked_fill(targets[:, None] == drawn, -math.inf)
    scores = torch.cat([right.float()[:, None], others], dim=1)  # (events, 1 + negatives)
    return (torch.logsumexp(scores, dim=1) - scores[:, 0]).sum()


@torch.no_grad()
def mean(hidden: Tensor, targets: Tensor, output: tuple[Tensor, Tensor]) -> float:
    """The mean cross-entropy of the full softmax, without gradients."""
    weight, bias = output
    chunk = max(1, SCORES // len(weight))
    total = 0.0
    for part, wanted in zip(torch.split(hidden, chunk), torch.split(targets, chunk), strict=True):
        scores = functional.linear(part, weight, bias)
        total += float(functional.cross_entropy(scores, wanted, reduction="sum"))
    return total / len(targets)
