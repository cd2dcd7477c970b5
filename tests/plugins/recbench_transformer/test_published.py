"""The networks of published models."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch
from made_transformer import SMALL, log_of, small_network
from torch.nn import functional

from recbench_transformer import Transformer, build, published


def plain_sasrec(net: published.SASRec, items: Iterable[Any], heads: int) -> torch.Tensor:
    """Compute SASRec position by position, as the paper describes it, for one history."""
    norm = functional.layer_norm
    size = net.items.embedding_dim
    x = [net.items.weight[item] * size**0.5 + net.positions.weight[t] for t, item in items]
    for block in net.blocks:
        normed = [norm(v, (size,), block.norm1.weight, block.norm1.bias) for v in x]
        keys, values = zip(*(block.key_value(v).split(size) for v in x), strict=True)
        new = []
        for t, query in enumerate(map(block.query, normed)):
            parts = []
            for part in torch.arange(size).chunk(heads):
                products = torch.stack([query[part] @ key[part] for key in keys[: t + 1]])
                weights = (products / len(part) ** 0.5).softmax(dim=0)
                parts.append(
                    sum(w * v[part] for w, v in zip(weights, values[: t + 1], strict=True))
                )
            added = normed[t] + block.merge_heads(torch.cat(parts))
            added = norm(added, (size,), block.norm2.weight, block.norm2.bias)
            new.append(added + block.down(block.up(added).relu()))
        x = new
    return torch.stack([net.norm(v) for v in x])


@pytest.mark.parametrize("heads", [1, 2])
def test_sasrec_is_the_published_network(heads: int) -> None:
    torch.manual_seed(0)
    settings = Transformer(preset="sasrec", **{**SMALL, "heads": heads}).settings
    net = build.build_network(settings, 12, 4, embed_users=True).eval()
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    items = torch.tensor([[3, 1, 4, 1, 5, 9]])
    with torch.no_grad():
        computed = net(items, torch.tensor([0]))[0]
        expected = plain_sasrec(net, enumerate(items[0]), heads)
    assert torch.allclose(computed, expected, atol=1e-4)


def test_the_notebook_trains_on_rows_without_a_known_user() -> None:
    rows = [[1, 2, 3, 4], [2, 3, 4, 5]] * 4
    model = Transformer(preset="notebook", dim=16, epochs=1, device="cpu")
    log = log_of(rows, users=[-1] * len(rows))
    assert np.isfinite(model.fit(log).score(log)).all()


def test_sasrec_scores_with_item_embeddings_or_a_table_of_their_own() -> None:
    tied, own = (small_network(preset) for preset in ("sasrec", "gsasrec"))
    assert tied.output()[0] is tied.items.weight
    assert own.output()[0] is own.output_items.weight
    assert not torch.equal(own.output()[0], own.items.weight)
    more = sum(w.numel() for w in own.parameters()) - sum(w.numel() for w in tied.parameters())
    assert more == 12 * 16
    assert not tied.output()[1].any()
    assert "bias" not in tied.state_dict()
