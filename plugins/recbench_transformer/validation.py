"""Validation: hold out interactions of the training data, and predict them after each epoch."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

import recbench
from recbench_rules.held_out import hold_out_last

from .build import Network
from .encoding import encode_histories
from .loss import MAX_SCORES
from .presets import Horizon, Settings

K = 10
"""The cut-off of the NDCG that decides which epoch is best."""

MOST_TARGETS = 16
"""How many targets of a case are predicted, if it has more."""


def hold_out(
    data: recbench.Interactions, settings: Settings, rng: np.random.Generator
) -> tuple[recbench.Interactions, recbench.Split | None, Horizon]:
    """Return the data to train on, and the cases that validation predicts; None if there are none.

    The third is what training should predict: the "future" if the cases are those of one cut in
    time, because their targets may be much later; else the "next" interaction.

    With `held_out_part` "split", the cases are made by the splitter of the comparison, so that they
    are of the same kind as those that the model is judged by. Outside a comparison, and for "last",
    the last interaction of some rows with 3 or more is held out; for "rows", these rows are not
    trained on at all.

    At most `settings.held_out_rows` cases are predicted, chosen at random; all, if it is None.
    Where it is given, the rows held out outside a comparison are at most half of all such rows, or
    for "rows" a tenth.
    """
    if settings.held_out_part == "split":
        split = recbench.validation_split(data)
        if split is not None and len(split.judged) and (split.train.lengths >= 2).any():
            return without_cases(data, split, settings.held_out_rows, rng)
    only_last = settings.held_out_part != "rows"
    eligible = np.flatnonzero(data.lengths >= 3)
    limit = len(eligible) // (2 if only_last else 10)
    rows = eligible
    if settings.held_out_rows is not None:
        rows = np.sort(rng.choice(eligible, min(settings.held_out_rows, limit), replace=False))
    split = hold_out_last(data, rows)
    if split is None or only_last:
        return data if split is None else split.train, split, "next"
    is_chosen = np.zeros(len(data), dtype=bool)
    is_chosen[rows] = True
    rest = data.keep(~np.repeat(is_chosen, data.lengths))
    return rest, dataclasses.replace(split, train=rest), "next"


def without_cases(
    data: recbench.Interactions, split: recbench.Split, most: int | None, rng: np.random.Generator
) -> tuple[recbench.Interactions, recbench.Split, Horizon]:
    """Return the data without the targets of some cases of a split, these cases, and the horizon.

    Where each user is held out by itself, half of the cases are enough, and all other users are
    trained on as they are. With one cut in time for all, nothing after it is trained on.
    """
    cases = split.judged
    shortened = np.full(data.n_users, -1)
    shortened[split.train.users] = split.train.lengths
    starts = np.repeat(data.offsets[:-1], data.lengths)
    place, user = np.arange(data.n_interactions) - starts, np.repeat(data.users, data.lengths)
    is_left = place < shortened[user]
    has_both = bool(is_left.any()) and not is_left.all()
    is_cut_in_time = (
        data.times is not None
        and has_both
        and bool(data.times[is_left].max() < data.times[~is_left].min())
    )
    per_user = (
        has_both
        and not is_cut_in_time
        and len(np.unique(data.users)) == len(data) == len(split.train)
        and bool((data.users >= 0).all())
        and np.array_equal(data.items[is_left], split.train.items)
    )
    limit = max(1, len(cases) // 2) if per_user else len(cases)
    limit = limit if most is None else min(most, limit)
    if len(cases) > limit:
        cases = np.sort(rng.choice(cases, limit, replace=False))
    chosen = only_cases(split, cases)
    if not per_user:
        return split.train, chosen, "future" if is_cut_in_time else "next"
    is_case = np.zeros(data.n_users, dtype=bool)
    is_case[chosen.history.users] = True
    rest = data.keep(is_left | ~is_case[user])
    return rest, dataclasses.replace(chosen, train=rest), "next"


def only_cases(split: recbench.Split, cases: npt.NDArray[Any]) -> recbench.Split:
    """Return the split with some of its cases, and no other rows in its history."""
    targets, offsets = split.targets[cases] if split.offsets is None else split.targets, None
    if split.offsets is not None:
        begins, lengths = split.offsets[cases], np.diff(split.offsets)[cases]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        place = np.repeat(begins - offsets[:-1], lengths) + np.arange(offsets[-1])
        targets = split.targets[place]
    return dataclasses.replace(
        split, history=split.history.take(cases), targets=targets, offsets=offsets, times=None
    )


@torch.no_grad()
def validate(
    network: Network, held_out: recbench.Split, settings: Settings, *, mask_seen: bool
) -> tuple[Tensor, float]:
    """Return the NDCG@10 of each held-out case, and the mean cross-entropy of their targets.

    mask_seen: whether the items of a history are neither ranked nor, if they are targets, judged,
        unless all targets are such items. So it is where the network is trained to predict unseen
        items, or where no user consumes an item twice.
    """
    history, targets = held_out.history, held_out.targets
    row = np.arange(len(history))
    if held_out.offsets is not None:
        row = np.repeat(row, np.diff(held_out.offsets))
        nth = np.arange(len(targets)) - held_out.offsets[row]
        row, targets = row[nth < MOST_TARGETS], targets[nth < MOST_TARGETS]
    is_new = ~np.isin(row * history.n_items + targets, history.pairs())
    mask_seen = mask_seen and bool(is_new.any())
    if mask_seen:
        row, targets = row[is_new], targets[is_new]
    hidden = encode_histories(network, history, settings.length)
    weight, bias = network.output()
    chunk_size = max(1, MAX_SCORES // len(weight))
    gains, loss = np.zeros(len(history)), 0.0
    for start in range(0, len(row), chunk_size):
        rows, items = row[start : start + chunk_size], targets[start : start + chunk_size]
        item = torch.from_numpy(items.astype(np.int64)).to(hidden.device)[:, None]
        scores = functional.linear(hidden[torch.from_numpy(rows).to(hidden.device)], weight, bias)
        target_scores = scores.gather(1, item)  # (targets, 1)
        if mask_seen:
            seen = history.take(rows)
            place = torch.from_numpy(np.repeat(np.arange(len(rows)), seen.lengths))
            scores[place, torch.from_numpy(seen.items.astype(np.int64))] = -math.inf
        loss += float((torch.logsumexp(scores, dim=1) - target_scores[:, 0]).sum())
        rank = 1 + (scores > target_scores).sum(dim=1).cpu().numpy()
        np.add.at(gains, rows, np.where(rank <= K, 1 / np.log2(rank + 1), 0))
    n_targets = np.bincount(row, minlength=len(history))
    judged = n_targets > 0
    best = np.concatenate([[0], np.cumsum(1 / np.log2(np.arange(2, K + 2)))])
    ndcg = gains[judged] / best[np.minimum(n_targets[judged], K)]
    return torch.from_numpy(ndcg), loss / len(row)


@dataclass
class Best:
    """The best epoch so far: its validation NDCG@10 and loss, its weights, and how long ago it was.

    A higher NDCG@10 is better. If it is equal, which happens with few held-out rows, a lower loss
    is better.

    ndcg: (cases,), of each held-out case. behind: (cases,), the best minus the latest.
    """

    ndcg: Tensor = field(default_factory=lambda: torch.full((1,), -math.inf))
    loss: float = math.inf
    weights: dict[str, Tensor] = field(default_factory=dict)
    epochs_ago: int = 0
    behind: Tensor = field(default_factory=lambda: torch.zeros(1))

    def update(self, ndcg: Tensor, loss: float, network: nn.Module) -> None:
        """Record an epoch, and copy its weights if it is the best so far."""
        self.behind = self.ndcg - ndcg
        if (ndcg.mean(), -loss) <= (self.ndcg.mean(), -self.loss):
            self.epochs_ago += 1
            return
        self.ndcg, self.loss, self.epochs_ago, self.behind = ndcg, loss, 0, torch.zeros(1)
        self.weights = {name: value.clone() for name, value in network.state_dict().items()}

    def settle(self, network: nn.Module, *, goes_on: bool) -> None:
        """Go back to the best epoch.

        goes_on: whether training goes on from there. Then it goes back only if the best epoch is
            better than the latest by more than a standard error. Otherwise the latest counts as the
            best: it has learned more, and may only have been unlucky (the one standard error rule;
            Breiman et al. 1984).
        """
        error = self.behind.std(correction=0) / math.sqrt(len(self.behind))
        if not goes_on or self.behind.mean() > error:
            network.load_state_dict(self.weights)
        self.weights = {name: value.clone() for name, value in network.state_dict().items()}
