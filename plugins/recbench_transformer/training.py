"""The training loop: batches, gradients, learning rate, early stopping, final epochs."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import recbench
from recbench_rules.repeats import has_repeats

from . import binary, loss
from .build import Network, build_network, members_of
from .checkpoint import read_state, write_state
from .device import matmul_dtype
from .ensemble import Single
from .negatives import Negatives
from .presets import Settings
from .validation import Best, validate
from .windows import Batch, make_batches

LOG = logging.getLogger("recbench")

MAX_FULL_SOFTMAX = 200_000
"""The largest catalogue with a full softmax, if `negatives` is not given."""

DEFAULT_NEGATIVES = 4096
"""The number of negatives for a larger catalogue."""


@dataclass(frozen=True)
class Epoch:
    """The network after an epoch, and the number of interactions that the epoch trained on."""

    network: Network
    n_interactions: int


def train_epochs(
    data: recbench.Interactions,
    settings: Settings,
    *,
    rest: recbench.Interactions,
    embeddings: Iterable[Tensor],
    held_out: recbench.Split | None,
    on_best: Callable[[Network], None],
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
) -> Iterator[Epoch]:
    """Train a network on `data`, and yield it after each epoch; the last one is the result.

    1. The first epochs train on `rest`, a part of the data, and predict the cases of `held_out`
       after each epoch. This ends early after `patience` epochs without a better NDCG@10. Then
       training goes back to the best epoch, unless the latest is about as good and training goes
       on (`Best.settle`), and `on_best` is called with the network.
    2. The final epochs (`finish`) continue from there and train on all data, while the learning
       rate falls to zero.

    If nothing is held out, training runs for all epochs. Torch's global random generators are
    restored at the end.

    embeddings: for each network, where its item embeddings start, (n_items, dim); empty for random
        ones. It is not read if training resumes.
    checkpoint: a folder for the state after each epoch; if it holds one, training resumes from it.
    """
    trainable = data.lengths >= 2
    if not trainable.any():
        raise recbench.RecbenchError(
            "there is nothing to learn: no sequence of the training data has 2 interactions. Use a "
            "dataset or a split with longer sequences"
        )
    rng = np.random.default_rng(seed)
    users = np.unique(data.users[trainable & (data.users >= 0)]).astype(np.int64)
    embed_users = len(users) < int(trainable.sum())
    counts = torch.from_numpy(rest.popularity).to(device)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        repeats = has_repeats(data)

        def start() -> Trainer:
            torch.manual_seed(seed)
            network = build_network(settings, data.n_items, data.n_users, embed_users=embed_users)
            return Trainer(network.to(device), settings, counts, rng, repeats=repeats)

        trainer = start()
        try:
            resumed = trainer.restore(read_state(checkpoint))
        except Exception as error:  # a state of another version, which may be restored in part
            LOG.warning(
                "transformer: the checkpoint does not fit (%s); training starts from the beginning",
                error,
            )
            trainer, resumed = start(), False
        network = trainer.network
        if not resumed:
            for member, own in zip_longest(members_of(network), embeddings):
                member.init_from_counts(counts, own)
        if trainer.epoch >= trainer.n_validated:
            with trainer.best_network() as best:
                on_best(best)
        with recbench.Progress(
            "transformer", total=settings.n_epochs, unit="epoch", done=trainer.epoch
        ) as progress:
            while trainer.epoch < settings.n_epochs:
                if trainer.epoch < trainer.n_validated:
                    n_interactions, message, values = trainer.run_epoch(rest, held_out)
                    if trainer.epoch >= trainer.n_validated and held_out is not None:
                        on_best(network.eval())
                else:
                    n_interactions, message, values = trainer.run_epoch(data, None)
                progress.step(message=message, values=values)
                progress.step(trainer.epoch - progress.done)  # what patience left out
                write_state(checkpoint, trainer.state())
                yield Epoch(network.eval(), n_interactions)
        network.fill_unknown_users(torch.from_numpy(users).to(device))
        yield Epoch(network.eval(), 0)


class Trainer:
    """A network in training, with everything that changes from epoch to epoch.

    counts: (n_items,), interactions of each item. repeats: whether a row has an item twice.
    """

    def __init__(
        self,
        network: Network,
        settings: Settings,
        counts: Tensor,
        rng: np.random.Generator,
        *,
        repeats: bool,
    ) -> None:
        self.network, self.settings, self.rng = network, settings, rng
        self.negatives = number_of_negatives(settings, len(counts))
        is_softmax, is_sampled = settings.loss == "softmax", self.negatives > 0
        self.sampler = loss.Sampler(self.negatives, counts) if is_softmax and is_sampled else None
        self.leaves_out_seen = bool(settings.mask) and is_softmax and not is_sampled
        self.mask_seen = self.leaves_out_seen or not repeats
        self.optimiser, self.best, self.epoch = _build_optimiser(network, settings), Best(), 0
        self.n_validated = max(1, settings.n_epochs - round(settings.n_epochs * settings.finish))
        self.device = network.output()[0].device
        self.dtype = matmul_dtype(self.device) if settings.bfloat16 else torch.float32

    @contextlib.contextmanager
    def best_network(self) -> Iterator[Network]:
        """Yield the network with the weights of the best epoch, for as long as the context."""
        weights = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.best.weights or weights)
        yield self.network.eval()
        self.network.load_state_dict(weights)

    def run_epoch(
        self, data: recbench.Interactions, held_out: recbench.Split | None
    ) -> tuple[int, str, dict[str, float]]:
        """Train for an epoch, and validate if there are held-out rows.

        Returns the number of interactions trained on, a progress message, and the values that
        learning curves show.
        """
        began, total, n_interactions = time.perf_counter(), 0.0, 0
        settings = self.settings
        self.network.train()
        assert settings.batch is not None  # noqa: S101  `size_to_data` has set it
        negatives = None
        if settings.loss == "bce":
            unseen_in = data if settings.drawn_from == "unseen" else None
            negatives = Negatives(self.negatives, data.n_items, unseen_in, self.device)
        only_latest = settings.trained_on == "latest"
        for member in members_of(self.network):
            batches = make_batches(
                data,
                settings.length,
                settings.batch,
                self.rng,
                only_latest=only_latest,
                future=settings.horizon == "future",
            )
            for nth, batch in enumerate(batches):
                done = self.epoch + (nth + 0.5) / len(batches)
                for group in self.optimiser.param_groups:
                    group["lr"] = settings.lr * lr_factor(settings, done)
                total += self.step(member, batch, negatives)
                n_interactions += int(batch.lengths.sum())
        mean, speed = total / n_interactions, n_interactions / (time.perf_counter() - began)
        message = f"loss {mean:.3f}"
        if settings.loss == "softmax":
            message += f" (perplexity {math.exp(min(mean, 99)):,.0f})"
        scores: tuple[Tensor, float] | None = None
        if held_out is not None:
            scores = validate(self.network, held_out, settings, mask_seen=self.mask_seen)
        self.epoch += 1
        if not math.isfinite(mean + (scores[1] if scores else 0.0)):
            raise recbench.RecbenchError(
                f"training diverged in epoch {self.epoch}: the loss is {mean}"
                + (f", and on the held-out targets {scores[1]}" if scores else "")
                + f". Use a learning rate below lr={settings.lr}"
            )
        values = {"loss": mean}
        if scores is not None:
            ndcg = float(scores[0].mean())
            values |= {"validation": ndcg, "validation loss": scores[1]}
            self.best.update(*scores, self.network)
            message += f", validation NDCG@10 {ndcg:.4f} (loss {scores[1]:.3f})"
            if self.best.epochs_ago >= settings.patience:
                self.epoch = max(self.epoch, self.n_validated)
            if self.epoch == self.n_validated:
                self.best.settle(self.network, goes_on=self.epoch < settings.n_epochs)
        n_interactions //= settings.n_networks  # every network has trained on them
        return n_interactions, f"{message}, {speed:,.0f} interactions/s", values

    def step(self, member: Single, batch: Batch, negatives: Negatives | None = None) -> float:
        """Take one step on one batch; return its loss, summed over its positions.

        member: the network to train. negatives: draws the negatives of the binary cross-entropy;
            None for the softmax.
        """
        items, targets, users, rows, lengths = (
            torch.from_numpy(array).to(self.device)
            for array in (batch.items, batch.targets, batch.users, batch.rows, batch.lengths)
        )
        real = torch.arange(items.shape[1], device=self.device) < lengths[:, None]  # (rows, time)
        self.optimiser.zero_grad()
        in_bfloat16 = self.dtype == torch.bfloat16
        with torch.autocast(self.device.type, torch.bfloat16, enabled=in_bfloat16):
            hidden = member(items, users)[real]  # (positions, width)
        output = member.output()
        if negatives is None:
            seen = loss.Seen(items, real) if self.leaves_out_seen else None
            mean = loss.backward(hidden, targets[real], output, self.sampler, self.dtype, seen)
        else:
            mean = binary.backward(
                hidden,
                targets[real],
                output,
                negatives,
                rows.repeat_interleave(lengths),
                self.settings.calibration,
                self.dtype,
            )
        if self.settings.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(member.parameters(), self.settings.max_grad_norm)
        self.optimiser.step()
        return mean * len(hidden)

    def state(self) -> dict[str, Any]:
        """Return everything that a later process needs to resume this training."""
        numpy_state = self.rng.bit_generator.state
        numbers = {name: str(number) for name, number in numpy_state["state"].items()}
        return {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": dataclasses.asdict(self.best),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all(),
            "numpy": {**numpy_state, "state": numbers},
        }

    def restore(self, state: dict[str, Any] | None) -> bool:
        """Resume from a state; return False if there is none. Raises if it does not fit."""
        if state is None:
            return False
        self.best = Best(**state["best"])
        for weights in (self.best.weights, state["network"]):
            if weights:
                self.network.load_state_dict(weights)
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch = state["epoch"]
        torch.set_rng_state(state["torch"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state_all(state["cuda"])
        numbers = {name: int(number) for name, number in state["numpy"]["state"].items()}
        self.rng.bit_generator.state = {**state["numpy"], "state": numbers}
        LOG.info("transformer: training resumes after epoch %s", self.epoch)
        return True


def number_of_negatives(settings: Settings, n_items: int) -> int:
    """Return how many negatives the loss draws; 0 for none."""
    if settings.negatives is not None:
        return settings.negatives
    if settings.loss == "bce":
        return 1
    return DEFAULT_NEGATIVES if n_items > MAX_FULL_SOFTMAX else 0


def lr_factor(settings: Settings, epochs_done: float) -> float:
    """Return the factor of the learning rate after a number of epochs, which may be a fraction."""
    if settings.optimiser == "sgd":
        return 0.95 ** int(epochs_done)
    if settings.optimiser == "adam":
        return 1.0
    share = epochs_done / settings.n_epochs
    return min(1.0, 20 * share) * (1 + math.cos(math.pi * share)) / 2


def _build_optimiser(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    if settings.optimiser == "sgd":
        return torch.optim.SGD(network.parameters(), lr=settings.lr)
    fused = next(network.parameters()).device.type in ("cpu", "cuda")
    if settings.optimiser == "adam":
        return torch.optim.Adam(network.parameters(), lr=settings.lr, fused=fused)
    decayed: list[Tensor] = []
    undecayed: list[Tensor] = []
    for name, weight in network.named_parameters():
        is_matrix_of_block = "blocks." in name and weight.ndim == 2
        (decayed if is_matrix_of_block else undecayed).append(weight)
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": undecayed, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.lr, betas=(0.9, 0.98), fused=fused)
