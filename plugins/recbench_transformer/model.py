"""The model that recbench sees: options, fit, score, save and load."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

import recbench
from recbench_rules import Rules

from .presets import PRESETS, Settings, check, require, size_to_data

if TYPE_CHECKING:
    from .network import Network
    from .training import Epoch

WEIGHTS_FILE, SIZES_FILE = "transformer.safetensors", "transformer.json"
ARCHITECTURE = ("network", "dim", "layers", "heads", "feedforward", "length", "rotary", "rules")
"""The settings that what is saved depends on."""

RULES_LENGTH, RULES_DECAY, RULES_FLOOR = 30, 0.7, 1e-4
"""How the rules beside the network look at a history, and what is added before the logarithm."""


class Transformer:
    """A causal Transformer over each user's sequence (SASRec's design, full softmax), with rules.

    Two things make it learn in minutes. Its item embeddings begin as co-occurrences have them
    (`warm_start.py`). And its scores are log-probabilities, to which `rules` times the logarithm of
    what sequential rules score is added (plugin `rules`, here with the latest 30 items and a decay
    of 0.7, plus 0.0001): the rules know each pair of items, the network the rest, and a product of
    the two knows more. `warm=false,rules=0` is the plain network.

    preset: which values the options below have where they are not given; both in `presets.py`.
        "notebook" is the model of the notebook that recbench grew from, for `--split windows`.
    dim, layers, heads, feedforward, dropout, rotary: the network. Dropout not given: 0.2 up to
        300,000 training events, 0.1 above.
    length: how many of the latest items a recommendation looks at, the rules at most 30.
    warm, rules: see above.
    epochs, patience, finish, batch, lr: training, which stops early on events held out of `train`
        and is finished, for that share of the epochs, on all. Batch (positions) not given: 1/64 of
        the training events, but 2,048 to 8,192.
    negatives: 0 is the full softmax; otherwise so many items, drawn for each batch, stand for the
        catalogue. Not given: 0 up to 50,000 items, 4096 above.
    bfloat16: whether products may be computed in it where the hardware does.
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
        rotary: bool | None = None,
        length: int | None = None,
        warm: bool | None = None,
        rules: float | None = None,
        epochs: int | None = None,
        patience: int | None = None,
        finish: float | None = None,
        batch: int | None = None,
        lr: float | None = None,
        negatives: int | None = None,
        bfloat16: bool | None = None,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self.preset = preset
        self.dim, self.layers, self.heads, self.feedforward = dim, layers, heads, feedforward
        self.dropout, self.rotary, self.length = dropout, rotary, length
        self.warm, self.rules = warm, rules
        self.epochs, self.patience, self.finish = epochs, patience, finish
        self.batch, self.lr, self.negatives, self.bfloat16 = batch, lr, negatives, bfloat16
        self.seed, self.device = seed, device
        require(
            "preset", preset, f"is unknown; use one of: {', '.join(PRESETS)}", preset in PRESETS
        )
        check(self.settings)
        for name, value, rule, holds in (
            ("negatives", negatives, "must be 0 or more", (negatives or 0) >= 0),
            ("seed", seed, "must be in [0, 2**63)", 0 <= seed < 2**63),
            (
                "device",
                device,
                "is unknown; use auto, cpu, cuda, cuda:N or mps",
                re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", device) is not None,
            ),
        ):
            require(name, value, rule, holds)

    @property
    def settings(self) -> Settings:
        """The preset, with the given options in place of its values."""
        preset = PRESETS[self.preset]
        names = [field.name for field in dataclasses.fields(Settings)]
        given = {name: getattr(self, name, None) for name in names}
        return dataclasses.replace(
            preset, **{name: value for name, value in given.items() if value is not None}
        )

    def fit(self, train: recbench.Interactions, checkpoint: Path | None = None) -> Self:
        """Learn from every event of every sequence but a row's first.

        checkpoint: a folder in which the state is kept after each epoch, to go on from.
        """
        for _ in self.fit_epochs(train, checkpoint):
            pass
        return self

    def fit_epochs(
        self, train: recbench.Interactions, checkpoint: Path | None = None
    ) -> Iterator[Epoch]:
        """The same, epoch by epoch; after each the model can score as it is then."""
        from . import device, training, warm_start

        self.n_items_, self.n_users_, self.rules_ = train.n_items, train.n_users, None
        if self.settings.rules:
            self.rules_ = self._new_rules(warm_start.window_for(train)).fit(train)
        for epoch in training.train_epochs(
            train,
            size_to_data(self.settings, train.n_interactions),
            negatives=self.negatives,
            seed=self.seed,
            device=device.choose_device(self.device),
            checkpoint=checkpoint,
        ):
            self.network_ = epoch.network
            yield epoch

    @property
    def n_parameters(self) -> int:
        """Numbers learned: the network's weights, and the rules that were counted."""
        weights = sum(weight.numel() for weight in self._fitted_network().parameters())
        return weights + (0 if self.rules_ is None else self.rules_.n_parameters)

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float32]:
        """(rows, n_items) float32 logits; for a row without events, the items' biases."""
        import torch

        from .encoding import encode_histories

        network = self._fitted_network(history)
        with torch.no_grad():
            hidden = encode_histories(network, history, self.settings.length)
            scores = torch.nn.functional.linear(hidden, *network.output())
        array: npt.NDArray[np.float32] = scores.float().cpu().numpy()
        if self.rules_ is not None:
            rule_scores = self.rules_.score(history)
            rule_scores += RULES_FLOOR
            array += self.settings.rules * np.log(rule_scores, out=rule_scores)
        return array

    def explain(
        self, history: recbench.Interactions, items: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]:
        """Gradient times input: how fast a score changes as an event is taken away, rules included.

        Each event's embedding, and its part of the rules, is multiplied by 1, and a score's slope
        by that number is the event's weight: the gradient times the embedding (Simonyan et al.
        2014, arXiv 1312.6034). Events before the latest `length` weigh 0 in the network.
        """
        from .encoding import score_gradients

        network = self._fitted_network(history)
        weights = score_gradients(network, history, items, self.settings.length)
        if self.rules_ is not None:
            parts = self.rules_.explain(history, items)
            weights += (
                self.settings.rules * parts / (parts.sum(axis=1, keepdims=True) + RULES_FLOOR)
            )
        return weights

    def save(self, folder: Path) -> None:
        """Write the weights, without pickle, and the sizes that they need."""
        from safetensors.torch import save_file

        network = self._fitted_network()
        weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
        save_file(weights, folder / WEIGHTS_FILE)
        sizes: dict[str, Any] = {"n_items": self.n_items_, "n_users": self.n_users_}
        sizes["embed_users"] = getattr(network, "users", None) is not None
        sizes["settings"] = dataclasses.asdict(self.settings)
        (folder / SIZES_FILE).write_text(json.dumps(sizes, indent=1) + "\n")
        if self.rules_ is not None:
            self.rules_.save(folder)

    def load(self, folder: Path) -> Self:
        """Read what `save` wrote under the same options."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from . import device, network

        try:
            sizes = json.loads((folder / SIZES_FILE).read_text())
            settings, saved = self.settings, sizes["settings"]
            wrong = [name for name in ARCHITECTURE if saved[name] != getattr(settings, name)]
            if wrong:
                raise recbench.RecbenchError(
                    f"{folder / SIZES_FILE} was saved with {wrong[0]}={saved[wrong[0]]}, "
                    f"not {getattr(settings, wrong[0])}; "
                    "load it with the options that it was fitted with"
                )
            n_items, n_users = int(sizes["n_items"]), int(sizes["n_users"])
            embed_users = bool(sizes["embed_users"])
            loaded = network.build_network(settings, n_items, n_users, embed_users=embed_users)
            loaded.load_state_dict(load_file(folder / WEIGHTS_FILE))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise recbench.RecbenchError(
                f"{folder} holds no whole saved transformer: {error}; fit it again"
            ) from error
        self.rules_ = self._new_rules(1).load(folder) if settings.rules else None
        self.network_ = loaded.to(device.choose_device(self.device)).eval()
        self.n_items_, self.n_users_ = n_items, n_users
        return self

    def _new_rules(self, window: int) -> Rules:
        return Rules(window, min(RULES_LENGTH, self.settings.length), RULES_DECAY)

    def _fitted_network(self, history: recbench.Interactions | None = None) -> Network:
        if not hasattr(self, "network_"):
            raise recbench.RecbenchError("this transformer has learned nothing; call fit or load")
        if history is not None and history.n_items != self.n_items_:
            raise recbench.RecbenchError(
                f"this transformer knows {self.n_items_} items and the history {history.n_items}; "
                "fit it on the same dataset"
            )
        return self.network_
