"""The training loop: batches, gradients, a schedule, early stopping, and a last part on all."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import recbench

from . import device as devices
from . import kept, loss, warm
from .network import Causal, Notebook, build
from .presets import Settings
from .validation import Best, hold_out, validate
from .windows import Batch, batches

FULL = 50_000
"""The largest catalogue that has a full softmax where `negatives` is not given."""

NEGATIVES = 4096
"""How many negatives a larger one has then."""


@dataclass(frozen=True)
class Epoch:
    """What `epochs` gives after each: the network as it is then, and the events it took in."""

    network: Causal | Notebook
    events: int


def epochs(
    data: recbench.Interactions,
    s: Settings,
    *,
    negatives: int | None,
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
) -> Iterator[Epoch]:
    """Learn from `data`; the last epoch's network is the result.

    negatives: as for `loss.backward`; None decides by the size of the catalogue.
    checkpoint: a folder to keep the state in after each epoch, and to go on from.

    Some rows' ends are held out and guessed after each epoch. The last part of the epochs goes on
    from the best of those before it, with nothing held out, while the learning rate falls to zero.
    Torch's global generators are left as they were, once all epochs are over. Where nothing can be
    held out, because no row has 3 events, there is no best epoch and no early stop.
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
    users = np.unique(data.users[(data.lengths >= 2) & (data.users >= 0)]).astype(np.int64)
    remember = len(users) < int((data.lengths >= 2).sum())
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        network = build(s, data.n_items, data.n_users, remember=remember).to(device)
        masked = len(data.pairs()) == data.n_interactions  # nothing is consumed twice
        training = Training(network, s, negatives, draw, masked=masked)
        if not training.restore(kept.read(checkpoint)):
            counts = np.bincount(rest.items, minlength=rest.n_items)
            first = warm.embeddings(rest, s.dim, seed) if s.warm else None
            network.meet(torch.from_numpy(counts).to(device), first)
        with recbench.Progress("transformer", total=s.epochs, unit="epoch") as progress:
            while training.epoch < s.epochs:
                last = training.epoch >= training.validated
                events, message = training.run(data if last else rest, None if last else held)
                progress.step(message=message)
                kept.write(checkpoint, training.state())
                yield Epoch(network.eval(), events)
        network.part(torch.from_numpy(users).to(device))
        yield Epoch(network.eval(), 0)


class Training:
    """One network on its way: all that changes from epoch to epoch."""

    def __init__(
        self,
        network: Causal | Notebook,
        s: Settings,
        negatives: int,
        draw: np.random.Generator,
        *,
        masked: bool,
    ) -> None:
        self.network, self.s, self.negatives, self.draw = network, s, negatives, draw
        self.masked = masked
        self.optimiser, self.best, self.epoch = _optimiser(network, s), Best(), 0
        self.validated = s.epochs - round(s.epochs * s.finish)
        self.device = network.output()[0].device
        self.dtype = devices.product_type(self.device) if s.bfloat16 else torch.float32
        self.forward: Callable[..., Tensor] = network
        if self.device.type == "cuda" and importlib.util.find_spec("triton"):
            self.forward = torch.compile(network, dynamic=True)

    def run(
        self, data: recbench.Interactions, held: recbench.Interactions | None
    ) -> tuple[int, str]:
        """Train for an epoch, and validate where there are rows held out.

        Gives the events that were learned from, and what to say of it.
        """
        began, total, events = time.perf_counter(), 0.0, 0
        self.network.train()
        assert self.s.batch is not None  # noqa: S101  `sized` has seen to it
        todo = batches(data, self.s.length, self.s.batch, self.draw)
        for nth, batch in enumerate(todo):
            for group in self.optimiser.param_groups:
                group["lr"] = self.s.lr * rate(self.s, self.epoch + (nth + 0.5) / len(todo))
            total += self.step(batch)
            events += int(batch.lengths.sum())
        mean, speed = total / events, events / (time.perf_counter() - began)
        message = f"loss {mean:.3f}, perplexity {math.exp(min(mean, 99)):,.0f}"
        found = None
        if held is not None and len(held):
            found = validate(self.network, held, self.s, masked=self.masked)
        self.epoch += 1
        if not math.isfinite(mean + sum(found or ())):
            raise recbench.RecbenchError(
                f"training diverged in epoch {self.epoch}: the loss is {mean}; lower lr={self.s.lr}"
            )
        if found is not None:
            self.best.look(found, self.network)
            message += f", validation NDCG@10 {found[0]:.4f} and loss {found[1]:.3f}"
            if self.best.ago >= self.s.patience:
                self.epoch = max(self.epoch, self.validated)
            if self.epoch == self.validated:
                self.network.load_state_dict(self.best.weights)
        return events, f"{message}, {speed:,.0f} events/s"

    def step(self, batch: Batch) -> float:
        """One step on one batch; its cross-entropy, summed over its events."""
        items, targets, users, lengths = (
            torch.from_numpy(array).to(self.device)
            for array in (batch.items, batch.targets, batch.users, batch.lengths)
        )
        real = torch.arange(items.shape[1], device=self.device) < lengths[:, None]  # (rows, time)
        self.optimiser.zero_grad()
        half = self.dtype == torch.bfloat16
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            hidden = self.forward(items, users)[real]  # (events, width)
        output = self.network.output()
        mean = loss.backward(hidden, targets[real], output, self.negatives, self.dtype)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.s.clip)
        self.optimiser.step()
        return mean * len(hidden)

    def state(self) -> dict[str, Any]:
        """All that a later process needs to go on in the same way."""
        drawn = self.draw.bit_generator.state
        return {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": dataclasses.asdict(self.best),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all(),
            "numpy": {**drawn, "state": {name: str(n) for name, n in drawn["state"].items()}},
        }

    def restore(self, state: dict[str, Any] | None) -> bool:
        """Go on from a state; False where there is none."""
        if state is None:
            return False
        if state.keys() != self.state().keys():
            kept.LOG.warning("transformer: its checkpoint is of another version; it begins anew")
            return False
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best = Best(**state["best"])
        self.epoch = state["epoch"]
        torch.set_rng_state(state["torch"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state_all(state["cuda"])
        numbers = {name: int(n) for name, n in state["numpy"]["state"].items()}
        self.draw.bit_generator.state = {**state["numpy"], "state": numbers}
        kept.LOG.info("transformer: going on after epoch %s of an earlier try", self.epoch)
        return True


def rate(s: Settings, done: float) -> float:
    """What the learning rate is multiplied by after so many epochs."""
    if s.optimiser == "sgd":
        return 0.95 ** int(done)
    share = done / s.epochs
    return min(1.0, 20 * share) * (1 + math.cos(math.pi * share)) / 2


def _optimiser(network: nn.Module, s: Settings) -> torch.optim.Optimizer:
    if s.optimiser == "sgd":
        return torch.optim.SGD(network.parameters(), lr=s.lr)
    inside: list[Tensor] = []
    others: list[Tensor] = []
    for name, weight in network.named_parameters():
        (inside if name.startswith("blocks") and weight.ndim == 2 else others).append(weight)
    groups = [{"params": inside, "weight_decay": s.decay}, {"params": others, "weight_decay": 0.0}]
    fused = others[0].device.type in ("cpu", "cuda")
    return torch.optim.AdamW(groups, lr=s.lr, betas=(0.9, 0.98), fused=fused)
