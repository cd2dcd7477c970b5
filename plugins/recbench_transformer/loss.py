"""Cross-entropy over the catalogue without ever holding all scores at once."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

SCORES = 2**22
"""How many scores are held at once: 16 MB of float32, which stay in a CPU's cache for a while."""


def backward(hidden: Tensor, targets: Tensor, weight: Tensor, bias: Tensor, negatives: int) -> float:
    """The mean cross-entropy of the batch, after putting its gradients everywhere.

    hidden: (events, width), what the network said at the real positions.
    targets: (events,), the items that followed.
    weight, bias: (n_items, width) and (n_items,), the output layer.
    negatives: 0 for the softmax over all items; otherwise over the target and so many items, drawn
        uniformly with replacement and shared by the whole batch.

    Each chunk of events is scored, and its gradient taken, before the next is scored; only then
    does the sum of gradients of `hidden` (events, width) go on into the network.
    """
    if negatives:
        drawn = torch.randint(len(weight), (negatives,), device=weight.device)
    top = hidden.detach().float().requires_grad_()
    chunk = max(1, SCORES // (negatives + 1 if negatives else len(weight)))
    total = 0.0
    for part, wanted in zip(top.split(chunk), targets.split(chunk), strict=True):
        with torch.autocast(weight.device.type, torch.bfloat16, enabled=weight.is_cuda):
            if negatives:
                loss = sampled(part, wanted, weight, bias, drawn)
            else:
                loss = F.cross_entropy(F.linear(part, weight, bias).float(), wanted, reduction="sum")
        (loss / len(targets)).backward()
        total += float(loss.detach())
    hidden.backward(top.grad.to(hidden.dtype))
    return total / len(targets)


def sampled(hidden: Tensor, targets: Tensor, weight: Tensor, bias: Tensor, drawn: Tensor) -> Tensor:
    """The sum of cross-entropies, estimated with the items `drawn` (negatives,) in all items' place.

    The rule: an item that is drawn uniformly, n times out of a catalogue of V, is expected n / V
    times, so exp(score) of each draw counts V / n times: log(V / n) is added to its score
    (minus the log of its expected count, the logQ correction of Bengio & Senecal 2008). A draw
    that is the target itself does not count, and the target, which is always there and never
    drawn, is not corrected (Khrylchenko et al. 2025, arXiv 2507.09331). So the sum of exp that the
    loss divides by is, on average, exactly that of the full softmax.
    """
    right = (hidden * weight[targets]).sum(dim=1) + bias[targets]  # (events,)
    others = F.linear(hidden, weight[drawn], bias[drawn]).float()  # (events, negatives)
    others = others + math.log(len(weight) / len(drawn))
    others = others.masked_fill(targets[:, None] == drawn, -math.inf)
    scores = torch.cat([right.float()[:, None], others], dim=1)  # (events, 1 + negatives)
    return (torch.logsumexp(scores, dim=1) - scores[:, 0]).sum()


@torch.no_grad()
def mean(hidden: Tensor, targets: Tensor, weight: Tensor, bias: Tensor) -> float:
    """The mean cross-entropy of the full softmax, for validation."""
    chunk = max(1, SCORES // len(weight))
    parts = zip(hidden.split(chunk), targets.split(chunk), strict=True)
    return sum(
        float(F.cross_entropy(F.linear(part, weight, bias), wanted, reduction="sum"))
        for part, wanted in parts
    ) / len(targets)
