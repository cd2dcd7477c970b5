"""The training loop: batches, gradients, a schedule, and early stopping on held-out events."""

import copy
import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

import recbench

from . import loss
from .network import Causal, Notebook, build
from .presets import Settings
from .windows import Array, batches, grouped, padded

FULL = 50_000
"""The largest catalogue whose softmax is computed in full by default."""


def train(
    data: recbench.Interactions, s: Settings, seed: int, device: torch.device
) -> Causal | Notebook:
    """A network that has learned from `data`, at its epoch of lowest validation loss.

    Torch's global generators (CPU and CUDA) are as before afterwards. Where no row has 3 events
    nothing can be held out, and the last epoch's network is given.
    """
    if not (data.lengths >= 2).any():
        raise recbench.RecbenchError(
            "nothing to learn: no sequence of the training data has 2 events or more; "
            "use a dataset with longer histories"
        )
    draw = np.random.default_rng(seed)
    rest, held = hold_out(data, s.held_out, draw)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        network = build(s, data.n_items, data.n_users).to(device)
        import os
        if os.environ.get("BIAS") and isinstance(network, Causal):
            counts = torch.from_numpy(np.bincount(rest.items, minlength=rest.n_items))
            with torch.no_grad():
                network.bias.copy_(torch.log((counts + 1) / (counts + 1).sum()))
        network = _loop(network, rest, held, s, draw)
    if isinstance(network, Notebook):
        known = rest.users[(rest.lengths >= 2) & (rest.users >= 0)].astype(np.int64)
        network.introduce(torch.from_numpy(np.unique(known)).to(device))
    return network.eval()


def hold_out(
    data: recbench.Interactions, rows: int, draw: np.random.Generator
) -> tuple[recbench.Interactions, recbench.Interactions]:
    """What is trained on, and at most `rows` whole rows whose last event is missing there.

    No more than a tenth... of the rows that have 3 events.
    """
    able = np.flatnonzero(data.lengths >= 3)
    chosen = np.sort(draw.choice(able, min(rows, len(able) // 2), replace=False))
    kept = np.ones(data.n_events, dtype=bool)
    kept[data.offsets[chosen + 1] - 1] = False
    return data.keep(kept), data.take(chosen)


@dataclass
class Best:
    """The weights of the epoch with the lowest validation loss, and how long ago that was."""

    loss: float = math.inf
    weights: dict[str, Tensor] | None = None
    ago: int = 0

    def look(self, loss: float, network: nn.Module) -> None:
        if loss < self.loss:
            self.loss, self.ago = loss, 0
            self.weights = copy.deepcopy(network.state_dict())
        else:
            self.ago += 1


def _loop(
    network: Causal | Notebook,
    data: recbench.Interactions,
    held: recbench.Interactions,
    s: Settings,
    draw: np.random.Generator,
) -> Causal | Notebook:
    optimiser = _optimiser(network, s)
    device = next(network.parameters()).device
    negatives = s.negatives
    if negatives is None:
        negatives = 0 if data.n_items <= FULL else 4096
    best = Best()
    with recbench.Progress("transformer", total=s.epochs, unit="epoch") as progress:
        for epoch in range(s.epochs):
            began, total, events = time.perf_counter(), 0.0, 0
            network.train()
            todo = list(batches(data, s.length, s.batch, draw))
            for nth, batch in enumerate(todo):
                for group in optimiser.param_groups:
                    group["lr"] = s.lr * rate(s, epoch + nth / len(todo))
                items, targets, users, lengths = (
                    torch.from_numpy(a).to(device)
                    for a in (batch.items, batch.targets, batch.users, batch.lengths)
                )
                real = torch.arange(items.shape[1], device=device) < lengths[:, None]
                optimiser.zero_grad(set_to_none=True)
                with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                    hidden = network(items, users)[real]  # (events, width)
                mean = loss.backward(hidden, targets[real], *network.output(), negatives)
                nn.utils.clip_grad_norm_(network.parameters(), s.clip)
                optimiser.step()
                total += mean * len(hidden)
                events += len(hidden)
            speed = events / (time.perf_counter() - began)
            network.eval()
            message = f"loss {total / events:.3f}, perplexity {math.exp(total / events):.0f}"
            if len(held):
                last = validate(network, held, s)
                best.look(last, network)
                message += f", validation loss {last:.3f}"
            progress.step(message=f"{message}, {speed:,.0f} events/s")
            if best.ago >= s.patience:
                break
    if best.weights is not None:
        network.load_state_dict(best.weights)
    return network


def rate(s: Settings, progress: float) -> float:
    """The learning rate's factor after `progress` epochs."""
    if s.optimiser == "sgd":
        return 0.95 ** int(progress)
    warm = min(1.0, progress / 1.0 + 0.02)
    return warm * (1 + math.cos(math.pi * progress / s.epochs)) / 2


def _optimiser(network: nn.Module, s: Settings) -> torch.optim.Optimizer:
    if s.optimiser == "sgd":
        return torch.optim.SGD(network.parameters(), lr=s.lr)
    plain, decayed = [], []
    for name, weight in network.named_parameters():
        inside = "blocks" in name and weight.ndim == 2
        (decayed if inside else plain).append(weight)
    groups = [{"params": decayed, "weight_decay": s.decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=s.lr, betas=(0.9, 0.98))


def validate(network: Causal | Notebook, held: recbench.Interactions, s: Settings) -> float:
    known = np.ones(held.n_events, dtype=bool)
    last = held.offsets[1:] - 1
    known[last] = False
    hidden = latest(network, held.keep(known), s)
    targets = torch.from_numpy(held.items[last].astype(np.int64)).to(hidden.device)
    return loss.mean(hidden, targets, *network.output())


@torch.no_grad()
def latest(network: Causal | Notebook, history: recbench.Interactions, s: Settings) -> Tensor:
    """(rows, width) what the network says after each row's last event, float32."""
    device = next(network.parameters()).device
    lengths = np.minimum(history.lengths, s.length)
    starts = history.offsets[1:] - lengths
    order = np.argsort(lengths, kind="stable")
    width = network.output()[0].shape[1]
    out = torch.empty(len(history), width, device=device)
    for group in grouped(lengths[order], 4 * s.batch):
        rows = order[group]
        items = torch.from_numpy(padded(history.items, starts[rows], lengths[rows])).to(device)
        users = torch.from_numpy(history.users[rows].astype(np.int64)).to(device)
        end = torch.from_numpy(lengths[rows] - 1).to(device)
        hidden = network(items, users)
        out[torch.from_numpy(rows).to(device)] = hidden[torch.arange(len(rows)), end]
    return out
