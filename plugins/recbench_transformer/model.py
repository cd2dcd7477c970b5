"""The model that recbench calls: its options, and fit, score, explain, attention, save and load."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

import recbench
from recbench_rules.counts import count_followers
from recbench_rules.repeats import has_repeats

from .checks import check_preset, check_seed_and_device, check_settings
from .evidence import Evidence, log_softmax
from .presets import PRESETS, SEARCH_SPACE, Horizon, Preset, Settings, size_to_data

if TYPE_CHECKING:
    from .build import Network
    from .training import Epoch

Scores = npt.NDArray[np.float32]


class Transformer:
    """A causal Transformer over each user's sequence (as in SASRec), combined with counts.

    By default, the network's item embeddings start from co-occurrences (`warm`), and its scores are
    combined with counts: which items follow which (`rules`), what is popular lately (`recent`), and
    who consumes what again (`repeats`). Their weights are fitted on validation targets. The presets
    after `accurate` have none of this.

    Parameters
    ----------
    preset : str, default: "default"
        Set of defaults for the other options; those below are of "default" (see the notes).
    networks : int, default: 5 up to about 200,000 interactions, 1 from about 700,000
        Number of networks whose scores are averaged. In between, 1,000,000 / interactions; for
        more than 10,000 items, 10**10 / (interactions x items).
    dim : int, default: 64 up to 500,000 interactions, 128 above
        Numbers per embedding; a multiple of 2 x heads.
    layers : int, default: 2
        Number of Transformer blocks.
    heads : int, default: 2
        Attention heads per block.
    feedforward : int, default: 256
        Width of the feed-forward network in each block.
    dropout : float, default: 0.4 up to 200,000 interactions, 0.1 from 1,000,000
        Share of activations set to 0 in training, in [0, 1).
    rotary : bool, default: True
        Use rotary position embeddings: attention then knows how far apart items are.
    length : int, default: 200
        Number of latest items that the network reads.
    warm : bool, default: True
        Start item embeddings from co-occurrences instead of random numbers.
    tied : bool, default: True
        Use the item embeddings as output weights too; only SASRec's presets can do without.
    rules : bool, default: True
        Add counts of which items follow, or are near, those of the history.
    recent : bool, default: True
        If the data have times, add what is popular lately. Items that were near each other lately
        then count more, too.
    repeats : bool, default: True
        Add how often and how lately the user had an item before.
    loss : {"softmax", "bce"}, default: "softmax"
        Softmax over the catalogue, or binary cross-entropy with drawn negatives.
    negatives : int, default: 0 up to 200,000 items, 4,096 above
        Negatives per batch, or per position with loss=bce (1 by default); 0 for all items.
    mask : bool, default: False below 15 interactions per sequence or with repeats, True otherwise
        Leave the items of the history out of the softmax over all items.
    calibration : float, default: 0.0
        Calibration t of gBCE, from 0 to 1; 0 is plain binary cross-entropy.
    horizon : {"next", "future"}, default: future for one cut in time, else next
        Learn to predict the next interaction, or a random one of all later ones.
    epochs : int, default: 12 up to 500,000 interactions, 10 above
        Maximum number of passes over the training data.
    patience : int, default: 4
        Epochs without better validation NDCG@10 before early stopping.
    finish : float, default: 0.5
        Share of the epochs, at the end, that also train on the held-out interactions.
    batch : int, default: 1/64 of the interactions, from 2,048 to 8,192
        Maximum number of positions per batch, including padding.
    lr : float, default: 0.008
        Peak learning rate, after which it falls to zero; constant for SASRec and gSASRec.
    bfloat16 : bool, default: True
        Compute matrix products in bfloat16 where the hardware supports it.
    seed : int, default: 0
        Random seed; the same seed, data, options and thread count give the same weights.
    device : str, default: "auto"
        Device: "cpu", "cuda", "cuda:1", "mps", or "auto" (a GPU if there is one).

    Notes
    -----
    The presets; `presets.py` has their sizes:

    - ``accurate``: networks=5 and dim=128 for all sizes of data: slower, and better.
    - ``sasrec``: SASRec with the softmax over the catalogue (Klenitskiy & Vasilev 2023).
    - ``sasrec-bce``: SASRec with its own loss (Kang & McAuley 2018).
    - ``gsasrec``: gSASRec (Petrov & Macdonald 2023).
    - ``notebook``: the model that recbench grew from, for ``--split windows``.

    In a comparison, its splitter makes the validation targets (`recbench.validation_split`).
    `recbench tune` searches `dim` in 32, 64 and 128, `layers` from 1 to 4, `dropout` from 0 to 0.5,
    `length` in 50, 100 and 200, and `lr` from 0.001 to 0.02 on a logarithmic scale. A trial can be
    stopped after an epoch if its validation NDCG@10, without the counts, is lower than others'.

    References
    ----------
    Kang & McAuley 2018, "Self-attentive sequential recommendation", arXiv 1808.09781.
    Klenitskiy & Vasilev 2023, "Turning dross into gold loss", arXiv 2309.07602.
    Petrov & Macdonald 2023, "gSASRec", arXiv 2308.07192.

    Examples
    --------
    >>> from recbench.testing import example
    >>> from recbench_transformer import Transformer
    >>> log = example()
    >>> model = Transformer(dim=8, layers=1, heads=1, epochs=2, device="cpu").fit(log)
    >>> model.score(log).shape == (len(log), log.n_items)
    True
    """

    option_groups: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "network": (
            *("preset", "networks", "dim", "layers", "heads", "feedforward"),
            *("dropout", "rotary", "length", "warm", "tied"),
        ),
        "loss": ("loss", "negatives", "mask", "calibration", "horizon"),
        "training": ("epochs", "patience", "finish", "batch", "lr"),
        "counts": ("rules", "recent", "repeats"),
        "reproducibility": ("seed", "device", "bfloat16"),
    }
    """Headings of `recbench models transformer`."""
    search_space: ClassVar[Mapping[str, Any]] = SEARCH_SPACE

    def __init__(
        self,
        preset: Preset = "default",
        networks: int | None = None,
        dim: int | None = None,
        layers: int | None = None,
        heads: int | None = None,
        feedforward: int | None = None,
        dropout: float | None = None,
        rotary: bool | None = None,
        length: int | None = None,
        warm: bool | None = None,
        tied: bool | None = None,
        rules: bool | None = None,
        recent: bool | None = None,
        repeats: bool | None = None,
        loss: Literal["softmax", "bce"] | None = None,
        negatives: int | None = None,
        mask: bool | None = None,
        calibration: float | None = None,
        horizon: Horizon | None = None,
        epochs: int | None = None,
        patience: int | None = None,
        finish: float | None = None,
        batch: int | None = None,
        lr: float | None = None,
        bfloat16: bool | None = None,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self.preset, self.networks = preset, networks
        self.dim, self.layers, self.heads, self.feedforward = dim, layers, heads, feedforward
        self.dropout, self.rotary, self.length = dropout, rotary, length
        self.warm, self.tied = warm, tied
        self.rules, self.recent, self.repeats, self.mask = rules, recent, repeats, mask
        self.loss, self.negatives, self.calibration = loss, negatives, calibration
        self.horizon, self.epochs, self.patience, self.finish = horizon, epochs, patience, finish
        self.batch, self.lr, self.bfloat16 = batch, lr, bfloat16
        self.seed, self.device = seed, device
        check_preset(preset)
        check_settings(self.settings)
        check_seed_and_device(seed, device)

    @property
    def settings(self) -> Settings:
        """The values of the preset, replaced by the options that were given."""
        names = (field.name for field in dataclasses.fields(Settings))
        given = {name: vars(self)[name] for name in names if vars(self).get(name) is not None}
        return dataclasses.replace(PRESETS[self.preset], **given)

    def fit(self, train: recbench.Interactions, checkpoint: Path | None = None) -> Self:
        """Learn to predict every interaction from those before it in its sequence.

        Parameters
        ----------
        train : Interactions
            The training data.
        checkpoint : pathlib.Path, default: None
            Folder for the state after each epoch. If it holds a state, training resumes from it.

        Returns
        -------
        Transformer
            The model itself.

        Raises
        ------
        RecbenchError
            If no sequence has 2 interactions, or training diverges.
        """
        for _ in self.fit_epochs(train, checkpoint):
            pass
        return self

    def fit_epochs(
        self, train: recbench.Interactions, checkpoint: Path | None = None
    ) -> Iterator[Epoch]:
        """Train as `fit` does, and yield after each epoch; the model can be used between epochs.

        Parameters
        ----------
        train : Interactions
            The training data.
        checkpoint : pathlib.Path, default: None
            As for `fit`.

        Yields
        ------
        Epoch
            The network, and how many interactions the epoch trained on; 0 for the finished model.
        """
        from . import device, training
        from .validation import hold_out
        from .warm_start import cooccurrence_embeddings, window_for

        self.n_items_, self.n_users_ = train.n_items, train.n_users
        repeats, rng = has_repeats(train), np.random.default_rng(self.seed)
        sized = size_to_data(self.settings, train.lengths, train.n_items, repeats=repeats)
        rest, held_out, horizon = hold_out(train, sized, rng)
        sized = self.sized_ = dataclasses.replace(sized, horizon=sized.horizon or horizon)
        window = window_for(train)
        followers = count_followers(rest, window) if sized.warm or sized.rules else None
        seeds = range(self.seed, self.seed + sized.n_networks) if sized.warm else ()
        embeddings = (cooccurrence_embeddings(followers, sized.width, seed) for seed in seeds)
        self.evidence_ = Evidence(sized).fit(rest, followers, window)

        def weigh(best: Network) -> None:
            self.network_ = best
            if held_out is not None:
                self.evidence_.fit_weights(held_out, self._network, self.seed)
            followers = count_followers(train, window) if sized.rules else None
            self.evidence_.fit(train, followers, window)

        for epoch in training.train_epochs(
            train,
            sized,
            rest=rest,
            embeddings=embeddings,
            held_out=held_out,
            on_best=weigh,
            seed=self.seed,
            device=device.choose_device(self.device),
            checkpoint=checkpoint,
        ):
            self.network_ = epoch.network
            yield epoch

    @property
    def n_parameters(self) -> int:
        """Number of learned parameters: the network's weights, and what is counted."""
        weights = sum(weight.numel() for weight in self._fitted_network().parameters())
        return weights + self.evidence_.n_parameters

    def score(self, history: recbench.Interactions) -> Scores:
        """Score every item for each history.

        Parameters
        ----------
        history : Interactions
            The histories. For an empty one, only biases and recent popularity decide.

        Returns
        -------
        numpy.ndarray of shape (len(history), n_items), float32
            The weighted sum of the logarithms of the network's probabilities and of the counts.
        """
        self._fitted_network(history)
        return self.evidence_.combine(history, self._network)

    def score_parts(self, history: recbench.Interactions) -> dict[str, Scores]:
        """Return what the network and the counts contribute to the scores.

        Parameters
        ----------
        history : Interactions
            The histories.

        Returns
        -------
        dict of str to numpy.ndarray of shape (len(history), n_items), float32
            "network", the counts whose weight is not 0, and "repeats" if it is on. Their sum is
            what `score` returns.
        """
        self._fitted_network(history)
        return dict(self.evidence_.weighted_parts(history, self._network))

    def _network(self, history: recbench.Interactions) -> Scores:
        """Return the network's scores, (rows, n_items)."""
        from .encoding import score_histories

        return score_histories(self.network_, history, self.sized_.length)

    def explain(self, history: recbench.Interactions, items: npt.NDArray[Any]) -> Scores:
        """Gradient times input, or how fast a score changes when an interaction is scaled down.

        The weight of an interaction is the derivative of the score by a factor of its embedding and
        of its counts (Simonyan et al. 2014, arXiv 1312.6034). The normaliser of the softmax, which
        all items share, is left out. What a repeat adds belongs to the interactions with the item.

        Parameters
        ----------
        history : Interactions
            One history.
        items : numpy.ndarray of int, shape (n,)
            Item numbers.

        Returns
        -------
        numpy.ndarray of shape (n, history.n_interactions), float32
            Weight of each interaction, oldest first, for each item.
        """
        from .encoding import score_gradients

        network = self._fitted_network(history)
        gradients = score_gradients(network, history, items, self.sized_.length)
        own = log_softmax(self._network(history))[0, items]
        return self.evidence_.explain(history, items, gradients, own)

    def attention(self, history: recbench.Interactions) -> Scores:
        """Return the attention weights of every layer and head for one history.

        Parameters
        ----------
        history : Interactions
            One history.

        Returns
        -------
        numpy.ndarray of shape (layers, heads, n, n), float32
            Entry [l, h, i, j] is the weight with which position i attends to position j, of the
            latest n interactions, oldest first; n is at most `length`. Each row sums to 1. The
            heads are those of all networks, one network after another.
        """
        from .attention import attention_weights

        network = self._fitted_network(history)
        return attention_weights(network, history, self.sized_.length)

    def save(self, folder: Path) -> None:
        """Write the model to a folder, as safetensors and JSON.

        Parameters
        ----------
        folder : pathlib.Path
            Existing folder.
        """
        from .stored import write_network

        network = self._fitted_network()
        write_network(folder, network, self.sized_, self.n_items_, self.n_users_)
        self.evidence_.save(folder)

    def load(self, folder: Path) -> Self:
        """Read a model that `save` has written with the same options.

        Parameters
        ----------
        folder : pathlib.Path
            The folder that `save` wrote to.

        Returns
        -------
        Transformer
            The model itself.

        Raises
        ------
        RecbenchError
            If a file is missing or damaged, or was saved with other options.
        """
        from . import device
        from .stored import read_network

        network, self.sized_, self.n_items_, self.n_users_ = read_network(folder, self.settings)
        self.evidence_ = Evidence(self.sized_).load(folder)
        self.network_ = network.to(device.choose_device(self.device)).eval()
        return self

    def _fitted_network(self, history: recbench.Interactions | None = None) -> Network:
        n_items = self.n_items_ if hasattr(self, "network_") else None
        recbench.check_fitted("transformer", n_items, history)
        return self.network_
