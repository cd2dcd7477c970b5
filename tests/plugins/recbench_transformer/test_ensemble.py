"""Networks side by side: their scores are the mean, and everything else works as with one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_transformer import SMALL, log_of
from torch.nn import functional

from recbench.testing import example
from recbench_transformer import Transformer
from recbench_transformer.build import build_network, members_of
from recbench_transformer.ensemble import Ensemble
from recbench_transformer.presets import PRESETS

THREE = {**SMALL, "networks": 3}


@pytest.mark.parametrize("preset", PRESETS)
def test_scores_are_the_mean_of_those_of_its_networks(preset: str) -> None:
    torch.manual_seed(0)
    settings = Transformer(preset=preset, **{**THREE, "layers": 2}).settings
    network = build_network(settings, 12, 4, embed_users=True).eval()
    assert isinstance(network, Ensemble)
    items, users = torch.tensor([[1, 2, 3], [4, 1, 0]]), torch.tensor([0, -1])
    own = [
        functional.linear(member(items, users), *member.output()) for member in members_of(network)
    ]
    assert len(own) == 3
    assert not torch.allclose(own[0], own[1], atol=1e-3)
    scores = functional.linear(network(items, users), *network.output())
    assert torch.allclose(scores, torch.stack(own).mean(dim=0), atol=1e-5)
    last = network(items, users, last=torch.tensor([1, 2]))
    assert torch.allclose(last, network(items, users)[[0, 1], [1, 2]][:, None], atol=1e-5)


def test_every_network_is_trained_on_batches_of_its_own() -> None:
    log = example()
    model = Transformer(**THREE).fit(log)
    members = members_of(model.network_)
    weights = [member.items.weight for member in members]
    start = members_of(build_network(model.sized_, log.n_items, log.n_users, embed_users=False))
    for nth in range(3):
        assert not torch.allclose(weights[nth], weights[nth - 1], atol=1e-2)
        assert not torch.allclose(weights[nth], start[nth].items.weight, atol=1e-2)
    single = Transformer(**SMALL).fit(log)
    assert model.n_parameters - single.n_parameters == 2 * sum(
        weight.numel() for weight in single.network_.parameters()
    )


def test_it_is_saved_explained_and_shown_as_one_model(tmp_path: Path) -> None:
    log, history = example(), log_of([[1, 2, 3, 4]], n_items=example().n_items)
    model = Transformer(**{**THREE, "layers": 2}).fit(log)
    model.save(tmp_path)
    loaded = Transformer(**{**THREE, "layers": 2}).load(tmp_path)
    assert np.array_equal(loaded.score(log), model.score(log))
    assert loaded.attention(history).shape == (2, 3 * 2, 4, 4)
    assert np.allclose(loaded.attention(history).sum(axis=3), 1, atol=1e-5)
    assert loaded.explain(history, np.array([0, 5])).shape == (2, 4)


def test_an_interrupted_training_resumes(tmp_path: Path) -> None:
    log = example()
    expected = Transformer(**THREE).fit(log).score(log)
    epochs = Transformer(**THREE).fit_epochs(log, tmp_path)
    next(epochs)
    epochs.close()
    assert np.array_equal(Transformer(**THREE).fit(log, tmp_path).score(log), expected)
