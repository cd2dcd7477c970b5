"""The binary cross-entropy and gBCE: values and gradients, compared with autograd."""

import math

import pytest
import torch
from made_transformer import small_network
from torch.nn import functional

from recbench_transformer import Transformer, binary
from recbench_transformer.negatives import Negatives
from recbench_transformer.presets import PRESETS

N_ITEMS, ROWS = 9, torch.arange(10)
TARGETS = torch.arange(10) % 6


def plain_gbce(scores: torch.Tensor, number: int, calibration: float) -> torch.Tensor:
    """Compute the paper's loss as it is written there, with the positive in column 0.

    The scores are shifted, so that the positive and the negatives are in balance at a score of 0.
    """
    share = number / (N_ITEMS - 1)
    power = share * (calibration * (1 - 1 / share) + 1 / share)
    scores = scores + math.log(power / number)
    positive = torch.sigmoid(scores[:, 0]) ** power
    negatives = torch.log(1 - torch.sigmoid(scores[:, 1:])).sum(dim=1)
    return (-(torch.log(positive) + negatives) / (1 + number)).mean()


def gradients(
    dtype: torch.dtype, number: int, calibration: float
) -> list[tuple[torch.Tensor, ...]]:
    """Return the loss and its gradients, fused and by autograd."""
    torch.manual_seed(0)
    given = (torch.randn(10, 4), torch.randn(N_ITEMS, 4), torch.randn(N_ITEMS))
    negatives, results = Negatives(number, N_ITEMS, None, torch.device("cpu")), []
    for fused in (True, False):
        start, weight, bias = (tensor.clone().requires_grad_() for tensor in given)
        torch.manual_seed(1)
        if fused:
            value = binary.backward(
                start * 2, TARGETS, (weight, bias), negatives, ROWS, calibration, dtype
            )
        else:
            items = torch.cat([TARGETS[:, None], negatives.draw(ROWS, TARGETS)], dim=1)
            scores = functional.linear(start * 2, weight, bias).gather(1, items)
            loss = plain_gbce(scores, number, calibration)
            loss.backward()
            value = float(loss.detach())
        results.append((torch.tensor(value), start.grad, weight.grad, bias.grad))
    return results


@pytest.mark.parametrize("at_once", [0, 64])
@pytest.mark.parametrize(("number", "calibration"), [(1, 0.0), (3, 0.0), (3, 0.75), (8, 1.0)])
def test_the_fused_gradient_equals_autograd(
    number: int, calibration: float, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binary, "ALL_AT_ONCE", at_once)
    for fused, plain in zip(*gradients(torch.float32, number, calibration), strict=True):
        assert torch.allclose(fused, plain, atol=1e-6)


@pytest.mark.parametrize("at_once", [0, 64])
def test_chunks_draw_their_own_negatives_and_give_the_sum(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every item is a positive or drawn, so all negatives are the same in each chunk."""
    monkeypatch.setattr(binary, "ALL_AT_ONCE", at_once)
    results, chunks, given = [], [], torch.randn(10, 4)
    weight, bias = torch.randn(2, 4), torch.randn(2)

    class Watched(Negatives):
        def draw(self, rows: torch.Tensor, positives: torch.Tensor) -> torch.Tensor:
            chunks.append((rows.tolist(), positives.tolist()))
            return super().draw(rows, positives)

    negatives = Watched(2, 2, None, torch.device("cpu"))
    for scores in (10**6, 3 * (2 if at_once else 3 * 4)):  # all positions, then 3 at a time
        monkeypatch.setattr(binary, "MAX_SCORES", scores)
        hidden, *output = (tensor.clone().requires_grad_() for tensor in (given, weight, bias))
        answers = (TARGETS % 2, (output[0], output[1]), negatives, ROWS, 0.5, torch.float32)
        value = binary.backward(hidden * 1, *answers)
        results.append([torch.tensor(value), hidden.grad, *(part.grad for part in output)])
    assert [len(rows) for rows, _ in chunks] == [10, 3, 3, 3, 1]
    assert chunks[2] == ([3, 4, 5], [1, 0, 1])
    for whole, parts in zip(*results, strict=True):
        assert torch.allclose(whole, parts, atol=1e-6)


def test_in_bfloat16_the_gradient_points_the_same_way() -> None:
    (value, *fused), (plain_value, *plain) = gradients(torch.bfloat16, 3, 0.75)
    assert float(value) == pytest.approx(float(plain_value), rel=0.02)
    for low, high in zip(fused, plain, strict=True):
        assert low.dtype == torch.float32
        assert functional.cosine_similarity(low.flatten(), high.flatten(), dim=0) > 0.999


def test_a_small_example() -> None:
    """With t = 0.75 and a quarter of the items drawn, the positive has weight 1 - 0.75 x 0.75."""
    losses, gradient = binary.binary(torch.tensor([[1.0, -2.0]]), 1 - 0.75 * 0.75)
    assert losses[0].tolist() == pytest.approx(
        [0.4375 * math.log(1 + math.exp(-1)), math.log(1 + math.exp(-2))]
    )
    assert gradient[0].tolist() == pytest.approx(
        [-0.4375 / (1 + math.exp(1)), 1 / (1 + math.exp(2))]
    )
    far = binary.binary(torch.tensor([[-200.0, 200.0]]), 1.0)
    assert far[0][0].tolist() == pytest.approx([200, 200]), "large losses stay finite"


@pytest.mark.parametrize(("number", "calibration"), [(1, 0.0), (8, 0.0), (8, 0.9)])
def test_at_scores_of_0_positives_and_negatives_pull_about_equally(
    number: int, calibration: float
) -> None:
    """Otherwise the first steps would only lower or raise all scores together."""
    weight, bias = torch.zeros(81, 4), torch.zeros(81)
    negatives = Negatives(number, 81, None, torch.device("cpu"))
    hidden, targets = torch.zeros(50, 4, requires_grad=True), torch.arange(50)
    output, rows = (weight, bias), torch.zeros(50, dtype=torch.int64)
    binary.backward(hidden, targets, output, negatives, rows, calibration, torch.float32)
    assert bias.grad is not None
    pulls = bias.grad.abs().sum() / 2
    assert float(bias.grad.sum().abs()) < 0.2 * float(pulls)


@pytest.mark.parametrize("preset", ["default", "sasrec-bce", "gsasrec"])
def test_every_weight_of_a_network_gets_its_gradient(preset: str) -> None:
    """Item embeddings that are also output weights get the sum of both gradients."""
    items, targets = torch.tensor([[1, 2, 3], [4, 1, 0]]), torch.tensor([2, 3, 5, 1, 0, 7])
    negatives, results = Negatives(5, 12, None, torch.device("cpu")), []
    for fused in (True, False):
        net, rows = small_network(preset), torch.tensor([0, 0, 0, 1, 1, 1])
        hidden = net(items, torch.tensor([0, -1])).flatten(0, 1)
        torch.manual_seed(2)
        if fused:
            binary.backward(hidden, targets, net.output(), negatives, rows, 0, torch.float32)
        else:
            drawn = torch.cat([targets[:, None], negatives.draw(rows, targets)], dim=1)
            scores = functional.linear(hidden, *net.output()).gather(1, drawn)
            plain_gbce(scores, 5, 0).backward()
        results.append({name: weight.grad for name, weight in net.named_parameters()})
    fused, plain = results
    for name, gradient in fused.items():
        assert gradient.any(), name
        assert torch.allclose(gradient, plain[name], atol=1e-6), name


def test_presets_have_the_published_losses() -> None:
    losses = {
        name: (settings.loss, settings.negatives, settings.calibration, settings.drawn_from)
        for name, settings in PRESETS.items()
        if "sasrec" in name
    }
    assert losses == {
        "sasrec": ("softmax", None, 0.0, "all"),
        "sasrec-bce": ("bce", 1, 0.0, "unseen"),
        "gsasrec": ("bce", 256, 0.75, "all"),
    }
    assert Transformer(preset="gsasrec", negatives=7).settings.negatives == 7
