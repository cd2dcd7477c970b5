"""The presets: the values of all options that the user does not give."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import recbench

Horizon = Literal["next", "future"]


@dataclass(frozen=True)
class Settings:
    """Everything that decides a network and its training, except data and seed.

    network: "causal" (`network.py`), "sasrec" or "notebook" (`published.py`).
    networks: how many networks are trained, whose scores are averaged; None depends on the data.
    dim: numbers per embedding; a multiple of `heads`. None depends on the data.
    layers, heads: blocks, and attention heads per block.
    feedforward: width of the feed-forward network in each block.
    dropout: share of activations set to 0 in training, in [0, 1); None depends on the data.
    rotary: whether queries and keys are rotated by their positions.
    tied: whether the item embeddings are the output weights too.
    length: number of latest items that the network reads.
    warm: whether item embeddings start from co-occurrences (`warm_start.py`) or at random.
    rules, recent, repeats: whether scores of rules, of recent popularity, and of items that the
        user has had before are added to those of the network (`evidence.py`).
    loss: "softmax" over the catalogue (`loss.py`), or "bce", binary cross-entropy (`binary.py`).
    negatives: items that the loss draws: per batch for "softmax", where 0 stands for all items; per
        position for "bce". None depends on the loss and the catalogue.
    mask: whether the softmax over all items leaves out those that the history already has. None
        depends on the data.
    calibration: t of gBCE, in [0, 1]; 0 is the plain binary cross-entropy.
    horizon: what each position is trained to predict: the "next" interaction, or a random one of
        the "future". None depends on the comparison.
    drawn_from: where "bce" draws from: "all" items but the positive, or those "unseen" in the row.
    trained_on: "all" interactions, or those that the "latest" window of each row predicts.
    epochs: maximum number of passes over the data; the learning rate's schedule spans all of them.
        None depends on the data.
    patience: epochs without better validation NDCG@10 before early stopping.
    finish: share of the epochs, at the end, that also train on the held-out interactions.
    batch: maximum number of positions per batch, including padding; None depends on the data.
    batch_rows: rows of mean length that a batch has room for, if `batch` is None; None leaves the
        size of a batch to the number of interactions.
    bfloat16: whether products are computed in bfloat16 where the hardware supports it.
    lr: peak learning rate.
    optimiser: the learning rate of "adamw" rises and then decays to zero along a cosine; that of
        "sgd" decays by 5% per epoch; that of "adam" is constant.
    weight_decay: AdamW's weight decay, applied to the matrices of the blocks only.
    max_grad_norm: norm that a batch's gradient is clipped to; None does not clip it.
    held_out_part: what validation holds out: what the "split" of the comparison would, the "last"
        interaction of some rows, or whole "rows".
    held_out_rows: maximum number of rows that validation predicts; None for all.
    """

    network: Literal["causal", "sasrec", "notebook"]
    networks: int | None
    dim: int | None
    layers: int
    heads: int
    feedforward: int
    dropout: float | None
    rotary: bool
    tied: bool
    length: int
    warm: bool
    rules: bool
    recent: bool
    repeats: bool
    loss: Literal["softmax", "bce"]
    negatives: int | None
    mask: bool | None
    calibration: float
    horizon: Horizon | None
    drawn_from: Literal["all", "unseen"]
    trained_on: Literal["all", "latest"]
    epochs: int | None
    patience: int
    finish: float
    batch: int | None
    batch_rows: int | None
    bfloat16: bool
    lr: float
    optimiser: Literal["adamw", "adam", "sgd"]
    weight_decay: float
    max_grad_norm: float | None
    held_out_part: Literal["split", "last", "rows"]
    held_out_rows: int | None

    @property
    def width(self) -> int:
        """Numbers per embedding, once `size_to_data` has set it."""
        assert self.dim is not None  # noqa: S101
        return self.dim

    @property
    def n_epochs(self) -> int:
        """The maximum number of epochs, once `size_to_data` has set it."""
        assert self.epochs is not None  # noqa: S101
        return self.epochs

    @property
    def n_networks(self) -> int:
        """The number of networks; 1 before `size_to_data` has set it."""
        return self.networks or 1

    @property
    def dropout_share(self) -> float:
        """The dropout share; 0 if it depends on data that are not known, as in a loaded model."""
        return self.dropout or 0.0


PER_EPOCH, SCORES_PER_EPOCH, MOST_NETWORKS = 1_000_000, 10**10, 5
"""How many interactions all networks train on in an epoch, how many scores the full softmax then
computes, and how many networks there are at most. Small data thus take about as long as one network
on a log of a million interactions."""

LARGE = 500_000
"""Above this number of interactions, embeddings are larger, and there are fewer epochs."""

DIMS = 64, 128
"""Numbers per embedding up to `LARGE` interactions, and above."""

EPOCHS = 12, 10
"""The maximum number of epochs up to `LARGE` interactions, and above."""

SHORT = 15
"""With fewer interactions per row than this, on average, the softmax does not leave out the items
of the history: there are few of them."""


def size_to_data(
    settings: Settings, lengths: npt.NDArray[Any], n_items: int, *, repeats: bool = False
) -> Settings:
    """Return the settings with the values that depend on the size of the data.

    networks: as many as train on 1,000,000 interactions in an epoch and compute 10**10 scores, but
        from 1 to 5. With few interactions, chance decides more, and a network takes little time.
    dim, epochs: 64 and 12 up to `LARGE` interactions, 128 and 10 above.
    mask: whether rows have `SHORT` interactions or more, on average, and no repeats.
    dropout: 0.4 up to 200,000 interactions, because small data are easily memorised; 0.1 from
        1,000,000 interactions on; in between, it falls with the logarithm of their number.
    batch: 1/64 of the interactions, for about 64 batches per epoch; at least 2,048, at most 8,192.
        With `batch_rows`, that many rows of mean length; at least one row of full length.

    lengths: (rows,) interactions per row. n_items: the size of the catalogue. repeats: whether a
    row has an item more than once.
    """
    dropout, batch, n_interactions = settings.dropout, settings.batch, int(lengths.sum())
    is_large = n_interactions > LARGE
    dim, epochs = settings.dim or DIMS[is_large], settings.epochs or EPOCHS[is_large]
    if dropout is None:
        share = math.log(max(1, n_interactions) / 200_000) / math.log(1_000_000 / 200_000)
        dropout = 0.4 - 0.3 * min(1.0, max(0.0, share))
    if batch is None and settings.batch_rows is not None:
        n_inputs = np.minimum(lengths[lengths >= 2] - 1, settings.length)
        mean = float(n_inputs.mean()) if len(n_inputs) else 0.0
        batch = max(settings.length, round(settings.batch_rows * mean))
    elif batch is None:
        batch = min(8192, max(2048, n_interactions // 64))
    networks = settings.networks
    if networks is None:
        allowed = min(PER_EPOCH, SCORES_PER_EPOCH / max(1, n_items)) / max(1, n_interactions)
        networks = min(MOST_NETWORKS, max(1, round(allowed)))
    mask = settings.mask
    if mask is None:
        mask = not repeats and n_interactions >= SHORT * len(lengths)
    return dataclasses.replace(
        settings, networks=networks, dim=dim, dropout=dropout, mask=mask, epochs=epochs, batch=batch
    )


DEFAULT = Settings(
    network="causal",
    networks=None,
    dim=None,
    layers=2,
    heads=2,
    feedforward=256,
    dropout=None,
    rotary=True,
    tied=True,
    length=200,
    warm=True,
    rules=True,
    recent=True,
    repeats=True,
    loss="softmax",
    negatives=None,
    mask=None,
    calibration=0.0,
    horizon=None,
    drawn_from="all",
    trained_on="all",
    epochs=None,
    patience=4,
    finish=0.5,
    batch=None,
    batch_rows=None,
    bfloat16=True,
    lr=8e-3,
    optimiser="adamw",
    weight_decay=0.01,
    max_grad_norm=1.0,
    held_out_part="split",
    held_out_rows=2048,
)
"""SASRec (Kang & McAuley 2018, arXiv 1808.09781) with pre-norm blocks, rotary positions and the
full softmax that made it strong (Klenitskiy & Vasilev 2023, arXiv 2309.07602). Embeddings start
from co-occurrences. Counts are added to the scores of the network (`evidence.py`)."""

ACCURATE = dataclasses.replace(DEFAULT, networks=5, dim=128)
"""The default with five networks of 128 numbers per item: better and slower."""

SASREC = Settings(
    network="sasrec",
    networks=1,
    dim=64,
    layers=2,
    heads=1,
    feedforward=64,
    dropout=0.1,
    rotary=False,
    tied=True,
    length=200,
    warm=False,
    rules=False,
    recent=False,
    repeats=False,
    loss="softmax",
    negatives=None,
    mask=False,
    calibration=0.0,
    horizon="next",
    drawn_from="all",
    trained_on="latest",
    epochs=100,
    patience=10,
    finish=0.0,
    batch=None,
    batch_rows=128,
    bfloat16=True,
    lr=1e-3,
    optimiser="adam",
    weight_decay=0.0,
    max_grad_norm=None,
    held_out_part="last",
    held_out_rows=None,
)
"""SASRec with the softmax over the catalogue, as published by Klenitskiy & Vasilev 2023 (arXiv
2309.07602) for MovieLens 1M. Validation holds out the last interaction of every row, which is never
trained on, but is part of the history at the end.

Three details differ. Attention weights are not dropped out. A batch has rows of similar length, and
room for 128 of mean length, in place of 128 random rows. Products may be in bfloat16."""

SASREC_BCE = dataclasses.replace(SASREC, loss="bce", negatives=1, drawn_from="unseen")
"""SASRec with the loss that it was published with (Kang & McAuley 2018, arXiv 1808.09781): binary
cross-entropy with one negative per position, which the row does not contain. Everything else is as
in `SASREC`; Klenitskiy & Vasilev compare the two."""

GSASREC = dataclasses.replace(
    SASREC,
    dim=128,
    feedforward=128,
    dropout=0.5,
    tied=False,
    loss="bce",
    negatives=256,
    calibration=0.75,
)
"""gSASRec, as published by Petrov & Macdonald 2023 (arXiv 2308.07192) for MovieLens 1M: gBCE with
256 negatives per position, and output weights of their own.

Further details differ. The embeddings are scaled as in `SASREC`, the output weights start with a
standard deviation of 1 / sqrt(dim), and the scores are shifted in the loss (`binary.py`). The
positive is never drawn as a negative. Validation is on all rows, theirs on 512 users. They train
much longer: until 200 x 100 batches bring no improvement."""

NOTEBOOK = Settings(
    network="notebook",
    networks=1,
    dim=128,
    layers=2,
    heads=2,
    feedforward=128,
    dropout=0.2,
    rotary=False,
    tied=False,
    length=3,
    warm=False,
    rules=False,
    recent=False,
    repeats=False,
    loss="softmax",
    negatives=None,
    mask=False,
    calibration=0.0,
    horizon="next",
    drawn_from="all",
    trained_on="all",
    epochs=11,
    patience=11,
    finish=0.0,
    batch=768,
    batch_rows=None,
    bfloat16=True,
    lr=1.0,
    optimiser="sgd",
    weight_decay=0.0,
    max_grad_norm=0.5,
    held_out_part="rows",
    held_out_rows=4096,
)
"""The model of the notebook that recbench grew from, which follows PyTorch's word-language-model
tutorial. It is meant for `--split windows`: a window of 4 interactions has 3 inputs and 3 targets,
so 768 positions are the notebook's batch of 256 windows.

It needs three times the arithmetic of the default per interaction. Products may therefore be in
bfloat16, where the notebook used float32; this changes the fourth digit of results by a few units.

Two mistakes of the notebook are corrected:

1. It passed (batch, time) to an encoder that expects (time, batch). Attention ran across the users
   of a batch, and never along a sequence.
2. It passed no causal mask. With the axes in the right order, each position would have seen the
   item that it had to predict.
"""

Preset = Literal["default", "accurate", "sasrec", "sasrec-bce", "gsasrec", "notebook"]

PRESETS: dict[Preset, Settings] = {
    "default": DEFAULT,
    "accurate": ACCURATE,
    "sasrec": SASREC,
    "sasrec-bce": SASREC_BCE,
    "gsasrec": GSASREC,
    "notebook": NOTEBOOK,
}

SEARCH_SPACE: dict[str, Any] = {
    "dim": recbench.Choice(32, 64, 128),
    "layers": recbench.Int(1, 4),
    "dropout": recbench.Float(0, 0.5),
    "length": recbench.Choice(50, 100, 200),
    "lr": recbench.Float(0.001, 0.02, log=True),
}
"""What `recbench tune` searches."""
