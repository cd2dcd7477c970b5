"""The two sets of values that the options stand for where they are not given."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

import recbench


@dataclass(frozen=True)
class Settings:
    """All that decides a network and its training, besides data and seed.

    network: "causal" or "notebook", both in `network.py`.
    dim: size of an item's embedding, a multiple of `heads`.
    layers, heads, feedforward: blocks, attention heads, width inside a block's feed-forward part.
    dropout: share of activations that are zeroed in training, in [0, 1); None goes by the data.
    rotary: whether attention knows how far apart two positions stand.
    length: how many of the latest items a recommendation looks at.
    warm: whether item embeddings begin as `warm_start.py` finds them, or at random.
    rules: what the log of the co-occurrence rules' scores weighs beside the network's; 0 is not.
    epochs: passes over the training data, at most; the learning rate's schedule spans them.
    patience: epochs without a better validation NDCG@10 after which the last part begins.
    finish: share of the epochs, the last ones, that are trained on everything, held out or not.
    batch: positions (rows x time, padding included) in a batch, at most; None goes by the
        data.
    bfloat16: whether products are computed in bfloat16, where the device has it in hardware.
    lr: the highest learning rate.
    optimiser: "adamw" warms up and decays to zero along a cosine; "sgd" loses 5% an epoch.
    weight_decay: AdamW's weight decay, on the blocks' matrices alone.
    max_grad_norm: the largest norm of a batch's gradient.
    held_out_part: what is kept from training to validate on, some rows' "last" event or whole
        "rows".
    held_out_rows: how many rows these are, at most.
    """

    network: Literal["causal", "notebook"]
    dim: int
    layers: int
    heads: int
    feedforward: int
    dropout: float | None
    rotary: bool
    length: int
    warm: bool
    rules: float
    epochs: int
    patience: int
    finish: float
    batch: int | None
    bfloat16: bool
    lr: float
    optimiser: Literal["adamw", "sgd"]
    weight_decay: float
    max_grad_norm: float
    held_out_part: Literal["last", "rows"]
    held_out_rows: int

    @property
    def dropout_share(self) -> float:
        """The dropout; 0 for a network that is read to be used, not sized to data."""
        return self.dropout or 0.0


def size_to_data(settings: Settings, n_interactions: int) -> Settings:
    """The settings with what goes by the data's size: small data are told apart by heart.

    dropout: 0.2 up to 300,000 events, 0.1 above.
    batch: as many positions as make 64 batches an epoch, but at least 2,048 and at most 8,192.
    """
    dropout, batch = settings.dropout, settings.batch
    if dropout is None:
        dropout = 0.2 if n_interactions <= 300_000 else 0.1
    if batch is None:
        batch = min(8192, max(2048, n_interactions // 64))
    return dataclasses.replace(settings, dropout=dropout, batch=batch)


DEFAULT = Settings(
    network="causal",
    dim=64,
    layers=2,
    heads=2,
    feedforward=256,
    dropout=None,
    rotary=True,
    length=100,
    warm=True,
    rules=0.8,
    epochs=12,
    patience=4,
    finish=0.25,
    batch=None,
    bfloat16=True,
    lr=8e-3,
    optimiser="adamw",
    weight_decay=0.01,
    max_grad_norm=1.0,
    held_out_part="last",
    held_out_rows=1024,
)
"""SASRec (Kang & McAuley 2018, arXiv 1808.09781) with pre-norm blocks, rotary positions and the
full softmax that made it strong (Klenitskiy & Vasilev 2023, arXiv 2309.07602), which begins with
what co-occurrences say of items and is multiplied with what rules say comes next. Chosen on
validation, by `benchmarks/tune.py`."""

NOTEBOOK = Settings(
    network="notebook",
    dim=128,
    layers=2,
    heads=2,
    feedforward=128,
    dropout=0.2,
    rotary=False,
    length=3,
    warm=False,
    rules=0.0,
    epochs=11,
    patience=11,
    finish=0.0,
    batch=768,
    bfloat16=True,
    lr=1.0,
    optimiser="sgd",
    weight_decay=0.0,
    max_grad_norm=0.5,
    held_out_part="rows",
    held_out_rows=4096,
)
"""The model of the notebook that recbench grew from, itself PyTorch's word-language-model
tutorial. It is meant for `--split windows`, whose windows of 4 events give 3 inputs and 3 targets:
768 positions are then the notebook's batch of 256 windows.

An event costs it three times the default's arithmetic. Products may therefore be in bfloat16, where
the notebook's were in float32: the results are the same to a few units of the fourth digit.

Two slips of the notebook are not repeated:

1. It gave (batch, time) to an encoder that reads (time, batch), so attention ran across the users
   of a batch and never along a sequence.
2. With the axes right it would need the causal mask that it did not pass: each position would
   have seen the very item that it had to predict.
"""

PRESETS = {"default": DEFAULT, "notebook": NOTEBOOK}


def check(settings: Settings) -> None:
    """Raise UsageError for the first value that nothing can be made of."""
    for name in ["dim", "layers", "heads", "feedforward", "length", "epochs", "patience", "batch"]:
        value = getattr(settings, name)
        require(name, value, "must be 1 or more", value is None or value >= 1)
    dim, heads, rotary = settings.dim, settings.heads, settings.rotary
    multiple = 2 * heads if rotary else heads
    reason = " for rotary positions" if rotary else ""
    for name, rule, holds in (
        ("dim", f"must be a multiple of heads={heads}", dim % heads == 0),
        ("dim", f"must be a multiple of 2 x heads={heads}{reason}", dim % multiple == 0),
        ("dropout", "must be in [0, 1)", 0 <= settings.dropout_share < 1),
        ("rules", "must be 0 or more and finite", 0 <= settings.rules < math.inf),
        ("finish", "must be in [0, 1)", 0 <= settings.finish < 1),
        ("lr", "must be above 0 and finite", 0 < settings.lr < math.inf),
    ):
        require(name, getattr(settings, name), rule, holds)


def require(name: str, value: object, rule: str, holds: bool) -> None:
    """Raise UsageError for an option whose rule does not hold."""
    if not holds:
        raise recbench.UsageError(f"transformer: {name}={value} {rule}")
