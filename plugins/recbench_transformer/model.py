"""The model that recbench sees: options, fit, score, save and load."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

import recbench

from .presets import PRESETS, Settings

if TYPE_CHECKING:
    from .network import Causal, Notebook

WEIGHTS, SIZES = "transformer.safetensors", "transformer.json"
SHAPE = ("network", "dim", "layers", "heads", "feedforward", "length")
"""The settings that a saved network's tensors depend on."""


class Transformer:
    """A causal Transformer over each user's sequence (SASRec's design, full softmax).

    preset: which values the options below have where they are not given; both in `presets.py`.
        "notebook" is the model of the notebook that recbench grew from, for `--split windows`.
    dim, layers, heads, feedforward, dropout: the network's sizes.
    length: how many of the latest items a recommendation looks at.
    epochs, patience, batch, lr: training, which stops early on events held out of `train`.
    negatives: 0 is the full softmax; otherwise so many items, drawn for each batch, stand for the
        catalogue. Not given: 0 up to 50,000 items, 4096 above.
    seed: the same seed, data, options and number of threads give the same weights.
    device: "auto" (cuda, else mps if it works, else cpu), "cpu", "cuda", "cuda:1", "mps".
    """

    def __init__(
        self,
        preset: Literal["default", "notebook"] = "default",
        dim: int | None = None,
        layers: int | None = None,
        heads: int | None = None,
        feedforward: int | None = None,
        dropout: float | None = None,
        length: int | None = None,
        epochs: int | None = None,
        patience: int | None = None,
        batch: int | None = None,
        lr: float | None = None,
        negatives: int | None = None,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self.preset = preset
        self.dim, self.layers, self.heads, self.feedforward = dim, layers, heads, feedforward
        self.dropout, self.length = dropout, length
        self.epochs, self.patience, self.batch, self.lr = epochs, patience, batch, lr
        self.negatives, self.seed, self.device = negatives, seed, device
        self._check()

    @property
    def settings(self) -> Settings:
        """The preset, with the given options in place of its values."""
        preset = PRESETS[self.preset]
        names = [one.name for one in dataclasses.fields(Settings)]
        given = {name: getattr(self, name, None) for name in names}
        return dataclasses.replace(
            preset, **{name: value for name, value in given.items() if value is not None}
        )

    def fit(self, train: recbench.Interactions) -> Self:
        """Learn from every event of every sequence but a row's first, and a few to validate on."""
        from . import device, training

        self.network_ = training.train(
            train,
            self.settings,
            negatives=self.negatives,
            seed=self.seed,
            device=device.choose(self.device),
        )
        self.n_items_, self.n_users_ = train.n_items, train.n_users
        return self

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float32]:
        """(rows, n_items) float32 logits; for a row without events, the items' biases."""
        import torch

        from .encoding import latest

        network = self._network()
        if history.n_items != self.n_items_:
            raise recbench.RecbenchError(
                f"this transformer knows {self.n_items_} items and the history {history.n_items}; "
                "fit it on the same dataset"
            )
        with torch.no_grad():
            hidden = latest(network, history, self.settings.length)
            scores = torch.nn.functional.linear(hidden, *network.output())
        array: npt.NDArray[np.float32] = scores.float().cpu().numpy()
        return array

    def save(self, folder: Path) -> None:
        """Write the weights, without pickle, and the sizes that they need."""
        from safetensors.torch import save_file

        network = self._network()
        weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
        save_file(weights, folder / WEIGHTS)
        sizes: dict[str, Any] = {"n_items": self.n_items_, "n_users": self.n_users_}
        sizes["remember"] = getattr(network, "users", None) is not None
        sizes["settings"] = dataclasses.asdict(self.settings)
        (folder / SIZES).write_text(json.dumps(sizes, indent=1) + "\n")

    def load(self, folder: Path) -> Self:
        """Read what `save` wrote under the same options."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from . import device, network

        try:
            sizes = json.loads((folder / SIZES).read_text())
            s, saved = self.settings, sizes["settings"]
            wrong = [name for name in SHAPE if saved[name] != getattr(s, name)]
            if wrong:
                raise recbench.RecbenchError(
                    f"{folder / SIZES} was saved with {wrong[0]}={saved[wrong[0]]}, not "
                    f"{getattr(s, wrong[0])}; load it with the options that it was fitted with"
                )
            n_items, n_users = int(sizes["n_items"]), int(sizes["n_users"])
            made = network.build(s, n_items, n_users, remember=bool(sizes["remember"]))
            made.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise recbench.RecbenchError(
                f"{folder} holds no whole saved transformer: {error}; fit it again"
            ) from error
        self.network_ = made.to(device.choose(self.device)).eval()
        self.n_items_, self.n_users_ = n_items, n_users
        return self

    def _network(self) -> Causal | Notebook:
        if not hasattr(self, "network_"):
            raise recbench.RecbenchError("this transformer has learned nothing; call fit or load")
        return self.network_

    def _check(self) -> None:
        if self.preset not in PRESETS:
            raise recbench.UsageError(
                f"transformer: preset={self.preset} is unknown; use one of: {', '.join(PRESETS)}"
            )
        s = self.settings
        for name in (
            "dim",
            "layers",
            "heads",
            "feedforward",
            "length",
            "epochs",
            "patience",
            "batch",
        ):
            if getattr(s, name) < 1:
                raise recbench.UsageError(
                    f"transformer: {name}={getattr(s, name)} must be 1 or more"
                )
        for name, value, rule, kept in (
            ("dim", s.dim, f"must be a multiple of heads={s.heads}", s.dim % s.heads == 0),
            ("dropout", s.dropout, "must be in [0, 1)", 0 <= s.dropout < 1),
            ("lr", s.lr, "must be above 0 and finite", 0 < s.lr < float("inf")),
            ("negatives", self.negatives, "must be 0 or more", (self.negatives or 0) >= 0),
            ("seed", self.seed, "must be in [0, 2**63)", 0 <= self.seed < 2**63),
            (
                "device",
                self.device,
                "is unknown; use auto, cpu, cuda, cuda:N or mps",
                re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", self.device) is not None,
            ),
        ):
            if not kept:
                raise recbench.UsageError(f"transformer: {name}={value} {rule}")
