"""The training loop: batches, gradients, a schedule, and early stopping on held-out events."""

import math
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

import recbench

from . import loss
from .encoding import latest
from .network import Causal, Notebook, build
from .presets import Settings
from .windows import Batch, batches

FULL = 50_000
"""The largest catalogue that has a full softmax where `negatives` is not given."""

NEGATIVES = 4096
"""How many negatives a larger one has then."""


def train(
    data: recbench.Interactions,
    s: Settings,
    *,
    negatives: int | None,
    seed: int,
    device: torch.device,
) -> Causal | Notebook:
    """A network that has learned from `data`, as it was when its validation loss was lowest.

    negatives: as for `loss.backward`; None decides by the size of the catalogue.

    Torch's global generators are left as they were. Where nothing can be held out, because no row
    has 3 events, the network is that of the last epoch.
    """
    if not (data.lengths >= 2).any():
        raise recbench.RecbenchError(
            "there is nothing to learn: no sequence of the training data has 2 events; use a "
            "dataset or a split with longer sequences"
        )
    if negatives is None:
        negatives = 0 if data.n_items <= FULL else NEGATIVES
    draw = np.random.default_rng(seed)
    rest, held = hold_out(data, s, draw)
    users = np.unique(rest.users[(rest.lengths >= 2) & (rest.users >= 0)]).astype(np.int64)
    remember = len(users) < int((rest.lengths >= 2).sum())
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        network = build(s, data.n_items, data.n_users, remember=remember).to(device)
        counts = np.bincount(rest.items, minlength=rest.n_items)
        network.meet(torch.from_numpy(counts).to(device))
        _epochs(network, rest, held, s, negatives, draw)
    network.part(torch.from_numpy(users).to(device))
    return network.eval()


def hold_out(
    data: recbench.Interactions, s: Settings, draw: np.random.Generator
) -> tuple[recbench.Interactions, recbench.Interactions]:
    """What is trained on, and the rows whose last events are to be guessed for validation.

    Rows of 3 events or more, chosen at random: `s.held_out` of them, but at most half where only
    their last event is missing from training, and at most a tenth where the whole row is.
    """
    able = np.flatnonzero(data.lengths >= 3)
    most = len(able) // (2 if s.held == "last" else 10)
    rows = np.sort(draw.choice(able, min(s.held_out, most), replace=False))
    kept = np.ones(data.n_events, dtype=bool)
    for row in rows:
        stop = data.offsets[row + 1]
        kept[stop - 1 if s.held == "last" else data.offsets[row] : stop] = False
    return data.keep(kept), data.take(rows)


def _epochs(
    network: Causal | Notebook,
    data: recbench.Interactions,
    held: recbench.Interactions,
    s: Settings,
    negatives: int,
    draw: np.random.Generator,
) -> None:
    """Train in place until the epochs or the patience are over, and go back to the best epoch."""
    optimiser, best = _optimiser(network, s), Best()
    with recbench.Progress("transformer", total=s.epochs, unit="epoch") as progress:
        for epoch in range(s.epochs):
            began, total, events = time.perf_counter(), 0.0, 0
            network.train()
            todo = batches(data, s.length, s.batch, draw)
            for nth, batch in enumerate(todo):
                for group in optimiser.param_groups:
                    group["lr"] = s.lr * rate(s, epoch + (nth + 0.5) / len(todo))
                total += _step(network, optimiser, batch, s, negatives)
                events += int(batch.lengths.sum())
            mean, speed = total / events, events / (time.perf_counter() - began)
            message = f"loss {mean:.3f}, perplexity {math.exp(min(mean, 99)):,.0f}"
            last = validate(network, held, s) if len(held) else None
            if not math.isfinite(mean + (last or 0)):
                raise recbench.RecbenchError(
                    f"training diverged in epoch {epoch + 1}: the loss is {mean} and in validation "
                    f"{last}; lower lr={s.lr}"
                )
            if last is not None:
                best.look(last, network)
                message += f", validation loss {last:.3f}"
            progress.step(message=f"{message}, {speed:,.0f} events/s")
            if best.ago >= s.patience:
                break
    if best.weights:
        network.load_state_dict(best.weights)


def _step(
    network: Causal | Notebook,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    s: Settings,
    negatives: int,
) -> float:
    """One step on one batch; its cross-entropy, summed over its events."""
    device = network.output()[0].device
    items, targets, users, lengths = (
        torch.from_numpy(array).to(device)
        for array in (batch.items, batch.targets, batch.users, batch.lengths)
    )
    real = torch.arange(items.shape[1], device=device) < lengths[:, None]  # (rows, time)
    optimiser.zero_grad()
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        hidden = network(items, users)[real]  # (events, width)
    mean = loss.backward(hidden, targets[real], network.output(), negatives)
    nn.utils.clip_grad_norm_(network.parameters(), s.clip)
    optimiser.step()
    return mean * len(hidden)


def rate(s: Settings, epochs: float) -> float:
    """What the learning rate is multiplied by after so many epochs."""
    if s.optimiser == "sgd":
        return 0.95 ** int(epochs)
    done = epochs / s.epochs
    return min(1.0, 10 * done) * (1 + math.cos(math.pi * done)) / 2


def _optimiser(network: nn.Module, s: Settings) -> torch.optim.Optimizer:
    if s.optimiser == "sgd":
        return torch.optim.SGD(network.parameters(), lr=s.lr)
    inside: list[Tensor] = []
    others: list[Tensor] = []
    for name, weight in network.named_parameters():
        (inside if name.startswith("blocks") and weight.ndim == 2 else others).append(weight)
    groups = [{"params": inside, "weight_decay": s.decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=s.lr, betas=(0.9, 0.98))


def validate(network: Causal | Notebook, held: recbench.Interactions, s: Settings) -> float:
    """The mean cross-entropy of each row's last event, given those before it."""
    known = np.ones(held.n_events, dtype=bool)
    known[held.offsets[1:] - 1] = False
    hidden = latest(network, held.keep(known), s.length)
    targets = torch.from_numpy(held.items[held.offsets[1:] - 1].astype(np.int64))
    return loss.mean(hidden, targets.to(hidden.device), network.output())


@dataclass
class Best:
    """The validation losses so far, the weights of the lowest, and how many epochs ago it was."""

    losses: list[float] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)
    ago: int = 0

    def look(self, loss: float, network: nn.Module) -> None:
        """Take an epoch's loss, and keep its weights if none was better."""
        self.ago = self.ago + 1 if self.losses and loss >= min(self.losses) else 0
        self.losses.append(loss)
        if not self.ago:
            self.weights = {name: value.clone() for name, value in network.state_dict().items()}
