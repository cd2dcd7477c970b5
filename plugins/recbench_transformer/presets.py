"""The two sets of values that the options stand for where they are not given."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Settings:
    """All that decides a network and its training, besides data and seed.

    network: "causal" or "notebook", both in `network.py`.
    dim: size of an item's embedding, a multiple of `heads`.
    layers, heads, feedforward: blocks, attention heads, width inside a block's feed-forward part.
    dropout: share of activations that are zeroed in training, in [0, 1).
    length: how many of the latest items a recommendation looks at.
    epochs: passes over the training data, at most; the learning rate's schedule spans them.
    patience: epochs without a better validation loss after which training stops.
    batch: positions (rows x time, padding included) in a batch, at most.
    lr: the highest learning rate.
    optimiser: "adamw" warms up and decays to zero along a cosine; "sgd" loses 5% an epoch.
    decay: AdamW's weight decay, on the blocks' matrices alone.
    clip: the largest norm of a batch's gradient.
    held: what is kept from training to validate on, some rows' "last" event or whole "rows".
    held_out: how many rows these are, at most.
    """

    network: Literal["causal", "notebook"]
    dim: int
    layers: int
    heads: int
    feedforward: int
    dropout: float
    length: int
    epochs: int
    patience: int
    batch: int
    lr: float
    optimiser: Literal["adamw", "sgd"]
    decay: float
    clip: float
    held: Literal["last", "rows"]
    held_out: int


DEFAULT = Settings(
    network="causal",
    dim=64,
    layers=1,
    heads=2,
    feedforward=128,
    dropout=0.1,
    length=50,
    epochs=14,
    patience=3,
    batch=1024,
    lr=1e-2,
    optimiser="adamw",
    decay=0.01,
    clip=1.0,
    held="last",
    held_out=512,
)
"""SASRec (Kang & McAuley 2018, arXiv 1808.09781) with pre-norm blocks and the full softmax that
made it strong (Klenitskiy & Vasilev 2023, arXiv 2309.07602)."""

NOTEBOOK = Settings(
    network="notebook",
    dim=128,
    layers=2,
    heads=2,
    feedforward=128,
    dropout=0.2,
    length=3,
    epochs=11,
    patience=11,
    batch=768,
    lr=1.0,
    optimiser="sgd",
    decay=0.0,
    clip=0.5,
    held="rows",
    held_out=4096,
)
"""The model of the notebook that recbench grew from, itself PyTorch's word-language-model
tutorial. It is meant for `--split windows`, whose windows of 4 events give 3 inputs and 3 targets:
768 positions are then the notebook's batch of 256 windows.

Two slips of the notebook are not repeated:

1. It gave (batch, time) to an encoder that reads (time, batch), so attention ran across the users
   of a batch and never along a sequence.
2. With the axes right it would need the causal mask that it did not pass: each position would
   have seen the very item that it had to predict.
"""

PRESETS = {"default": DEFAULT, "notebook": NOTEBOOK}
