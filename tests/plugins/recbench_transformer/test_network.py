"""The networks: causality, positions, dropout, unknown users."""

import numpy as np
import pytest
import torch
from made_transformer import SMALL, small_network

from recbench import Interactions
from recbench.testing import example
from recbench_transformer import Transformer, network
from recbench_transformer.presets import PRESETS


@pytest.mark.parametrize("preset", PRESETS)
def test_later_items_do_not_change_earlier_positions(preset: str) -> None:
    net, users = small_network(preset, embed_users=True), torch.tensor([0])
    items, changed = torch.tensor([[1, 2, 3, 4, 5]]), torch.tensor([[1, 2, 3, 9, 8]])
    with torch.no_grad():
        before, after = net(items, users), net(changed, users)
    assert torch.allclose(before[:, :3], after[:, :3], atol=1e-6)
    assert not torch.allclose(before[:, 3:], after[:, 3:], atol=1e-2)


@pytest.mark.parametrize("preset", PRESETS)
def test_outputs_depend_on_the_order_of_items(preset: str) -> None:
    net, users = small_network(preset), torch.tensor([0])
    with torch.no_grad():
        hidden = net(torch.tensor([[1, 2, 3]]), users)
        swapped = net(torch.tensor([[2, 1, 3]]), users)
    assert not torch.allclose(hidden[:, -1], swapped[:, -1], atol=1e-3)


def test_rotary_products_depend_only_on_the_distance() -> None:
    torch.manual_seed(0)
    rotary = network.rotary_positions(40, 8, torch.device("cpu"))
    q, k = torch.randn(2, 8)
    queries, keys = (network.apply_rotary(x.expand(1, 1, 40, 8), rotary)[0, 0] for x in (q, k))
    products = queries @ keys.T
    for distance in range(-39, 40):
        diagonal = products.diagonal(distance)
        assert torch.allclose(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4)
    assert float(products[5, 5]) == pytest.approx(float(q @ k), abs=1e-4)
    assert products[0].std() > 0.1
    assert torch.allclose(queries.norm(dim=-1), q.norm(), atol=1e-4)


def test_shifting_all_positions_does_not_change_attention() -> None:
    block, x = small_network().blocks[0], torch.randn(2, 6, 16)
    rotary = network.rotary_positions(30, 8, torch.device("cpu"))
    with torch.no_grad():
        here, there = block.attend(x, rotary[:6]), block.attend(x, rotary[20:26])
        spread, without = block.attend(x, rotary[::5]), block.attend(x, None)
    assert torch.allclose(here, there, atol=1e-5)
    assert not torch.allclose(here, spread, atol=1e-3)
    assert not torch.allclose(here, without, atol=1e-3)


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    drop, x = network.Dropout(0.25), torch.ones(1000, 101, requires_grad=True)
    y = drop(x)
    zero = (y == 0).flatten()
    assert float(zero.float().mean()) == pytest.approx(0.25, abs=0.006)
    for place in range(8):  # each byte of a random 64-bit number
        assert float(zero[place::8].float().mean()) == pytest.approx(0.25, abs=0.02)
    assert float(y.detach().mean()) == pytest.approx(1, abs=0.01)
    assert y[y > 0].unique().tolist() == pytest.approx([4 / 3])
    assert not torch.equal(y, drop(x))
    y.sum().backward()
    assert torch.equal(x.grad, y)
    assert drop(x.bfloat16()).dtype == torch.bfloat16
    assert drop.eval()(x) is x
    assert network.Dropout(0.0)(x) is x


@pytest.mark.parametrize("preset", ["default", "notebook"])
def test_unknown_users_get_the_same_scores(preset: str) -> None:
    """Both networks embed users with several rows; users without rows are unknown, like -1."""
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


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("embed_users", [True, False])
def test_the_last_position_alone_gets_the_same_vector(preset: str, embed_users: bool) -> None:
    net = small_network(preset, embed_users=embed_users)
    items, users = torch.randint(12, (4, 6)), torch.tensor([0, 1, -1, 3])
    last = torch.tensor([5, 0, 2, 4])
    with torch.no_grad():
        every, alone = net(items, users), net(items, users, last=last)
    assert alone.shape == (4, 1, every.shape[2])
    assert torch.allclose(alone[:, 0], every[torch.arange(4), last], atol=1e-5)
