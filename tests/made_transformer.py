"""Small options, logs and networks, and records of training, for tests of the transformer."""

from typing import Any

import numpy as np
import pytest
import torch

from recbench import Interactions, evaluate
from recbench_transformer import Transformer, build, training

SMALL: dict[str, Any] = {
    "networks": 1,
    "dim": 16,
    "heads": 2,
    "feedforward": 16,
    "length": 8,
    "epochs": 2,
    "device": "cpu",
}


def log_of(sequences: list[list[int]], n_items: int = 12, users: list[int] | None = None):
    lengths = np.array([len(sequence) for sequence in sequences])
    return Interactions(
        users=np.arange(len(sequences)) if users is None else np.array(users),
        items=np.array([item for sequence in sequences for item in sequence]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        n_users=40,
        n_items=n_items,
    )


def small_network(preset: str = "default", *, embed_users: bool = False, n_items: int = 12):
    torch.manual_seed(0)
    settings = Transformer(preset=preset, **{**SMALL, "layers": 2}).settings
    net = build.build_network(settings, n_items, 4, embed_users=embed_users)
    if embed_users and hasattr(net, "users"):
        torch.nn.init.normal_(net.users.weight)
    return net.eval()


def ndcg_at_10(model: Transformer, split: Any) -> float:
    ranking = evaluate(model, split, mask_seen=False).ranking
    return float(ranking.expectation(1 / np.log2(np.arange(10) + 2)).mean())


def script_validation(monkeypatch: pytest.MonkeyPatch, ndcg: list[float]) -> list[torch.Tensor]:
    """Make validation return these NDCG values; return a list that collects item embeddings."""
    values, seen = iter(ndcg), []

    def validate(net: Any, held_out: Any, settings: Any, *, mask_seen: bool) -> tuple[Any, float]:
        seen.append(net.items.weight.detach().clone())
        return torch.full((20,), next(values), dtype=torch.float64), 4.0

    monkeypatch.setattr(training, "validate", validate)
    return seen


def watch_epochs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, torch.Tensor]]:
    """Return a list that will collect each epoch, with the item embeddings before it."""
    starts, run = [], training.Trainer.run_epoch

    def recorded(self: Any, *args: Any) -> Any:
        starts.append((self.epoch, self.network.items.weight.detach().clone()))
        return run(self, *args)

    monkeypatch.setattr(training.Trainer, "run_epoch", recorded)
    return starts
