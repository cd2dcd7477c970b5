"""Attention weights: a small example, causality, and agreement with the network."""

import math

import numpy as np
import pytest
import torch
from made_transformer import SMALL, log_of, small_network

from recbench.testing import example
from recbench_transformer import Transformer
from recbench_transformer.attention import record_attention
from recbench_transformer.network import CausalAttention
from recbench_transformer.presets import PRESETS

OPTIONS = {**SMALL, "layers": 3}


def test_weights_and_output_of_a_small_example() -> None:
    """Two positions of size 4: the products of the second are 0 and 4, divided by sqrt(4)."""
    q = torch.tensor([[[[1.0, 1, 1, 1], [1, 1, 1, 1]]]])
    k = torch.tensor([[[[1.0, -1, 1, -1], [1, 1, 1, 1]]]])
    v = torch.tensor([[[[10.0, 0, 0, 0], [0, 10, 0, 0]]]])
    attention, share = CausalAttention(), 1 / (1 + math.exp(2))
    expected = torch.tensor([[1.0, 0], [share, 1 - share]])
    assert torch.allclose(attention.weights(q, k)[0, 0], expected, atol=1e-6)
    output = attention(q, k, v)[0, 0]
    assert torch.allclose(output[:, :2], 10 * expected, atol=1e-5)
    assert not output[:, 2:].any()


@pytest.mark.parametrize("preset", PRESETS)
def test_weights_times_values_are_the_output_of_a_layer(preset: str) -> None:
    """The recorded weights reproduce the output of the layer that they were recorded from."""
    net, seen = small_network(preset), []
    if preset != "notebook":
        layer = net.blocks[1].attention
        layer.register_forward_hook(lambda _, inputs, output: seen.append((inputs[2], output)))
    else:
        layer = net.encoder.layers[1].self_attn
        layer.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output[0])))
    with torch.no_grad(), record_attention(net) as layers:
        net(torch.tensor([[1, 2, 3, 4, 5], [6, 7, 1, 2, 3]]), torch.tensor([0, -1]))
        ((given, output),) = seen
        if preset != "notebook":
            computed = layers[1] @ given
        else:
            values = torch.nn.functional.linear(
                given, layer.in_proj_weight[-16:], layer.in_proj_bias[-16:]
            )
            computed = layers[1] @ values.view(2, 5, 2, 8).transpose(1, 2)
            computed = layer.out_proj(computed.transpose(1, 2).reshape(2, 5, 16))
    assert len(layers) == 2
    assert torch.allclose(computed, output, atol=1e-5)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("embed_users", [False, True])
def test_recording_does_not_change_outputs_and_stops_afterwards(
    preset: str, embed_users: bool
) -> None:
    net = small_network(preset, embed_users=embed_users)
    batch = torch.tensor([[1, 2, 3]]), torch.tensor([0])
    with torch.no_grad():
        before = net(*batch)
        with record_attention(net) as layers:
            assert torch.allclose(net(*batch), before, atol=1e-6)
        assert len(layers) == 2
        net(*batch)
    assert len(layers) == 2
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


@pytest.mark.parametrize("preset", PRESETS)
def test_weights_sum_to_1_and_are_causal(preset: str) -> None:
    model = Transformer(**OPTIONS, preset=preset).fit(example(items=10))
    model.network_.train()  # dropout must not change the weights
    weights = model.attention(log_of([[1, 2, 3, 4, 5, 6]]))
    assert (weights.shape, weights.dtype) == ((3, 2, 6, 6), np.float32)
    assert weights.sum(axis=3) == pytest.approx(1, abs=1e-5)
    assert not np.triu(weights, 1).any()
    assert (weights[:, :, -1] > 0).all()
    shorter = model.attention(log_of([[1, 2, 3, 4]]))
    assert shorter == pytest.approx(weights[:, :, :4, :4], abs=1e-5)
    assert not np.allclose(weights[0], weights[1], atol=1e-3)
    assert not np.allclose(weights[:, 0], weights[:, 1], atol=1e-3)


@pytest.mark.parametrize("preset", PRESETS)
def test_weights_are_for_the_latest_items(preset: str) -> None:
    model = Transformer(**OPTIONS, preset=preset).fit(example(items=10))
    long, latest = log_of([[9, 1, 2, 3, 4, 5, 6, 7, 8]]), log_of([[1, 2, 3, 4, 5, 6, 7, 8]])
    assert model.attention(long).shape == (3, 2, 8, 8)
    assert np.array_equal(model.attention(long), model.attention(latest))
    assert model.attention(log_of([[5]])).tolist() == [[[[1.0]]] * 2] * 3
    assert model.attention(log_of([[]])).shape == (3, 2, 0, 0)


def test_equal_queries_and_keys_give_equal_shares() -> None:
    """With queries and keys of 0, every position attends equally to all that it can see."""
    model = Transformer(**OPTIONS).fit(example(items=10))
    block = model.network_.blocks[0]
    with torch.no_grad():
        block.query_key_value.weight[:32] = 0
        block.query_key_value.bias[:32] = 0
    weights = model.attention(log_of([[1, 2, 3, 4]]))[0]
    expected = np.tril(np.ones((4, 4))) / np.arange(1, 5)[:, None]
    assert weights == pytest.approx(np.stack([expected, expected]), abs=1e-6)
