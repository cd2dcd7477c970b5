"""Step 3, model: the Transformer as recbench sees it: options, fit, score, save and load."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

import recbench

from .presets import PRESETS, Settings

if TYPE_CHECKING:
    import torch

    from .network import Causal, Notebook

_FILES = ("weights.safetensors", "model.json")


class Transformer:
    """A causal Transformer over each user's sequence: what comes next?

    preset: "default" or "notebook"; the values that the other options have where they are not
        given stand in `presets.py`, and what each means in `presets.Settings`.
    seed: draws the first weights, the batches, the dropout and the rows to validate on.
    device: "auto" is a GPU where there is one; else "cpu", "cuda", "mps" or "cuda:1".

    Learns in `fit` to predict every event of every sequence from those before it, and stops when
    the loss on events that it keeps from its own training no longer falls.
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
        decay: float | None = None,
        clip: float | None = None,
        held_out: int | None = None,
        negatives: int | None = None,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        given = {key: value for key, value in locals().items() if value is not None}
        if preset not in PRESETS:
            raise recbench.UsageError(f"transformer: preset={preset}; there is: default, notebook")
        fields = {field.name for field in dataclasses.fields(Settings)}
        chosen = {key: value for key, value in given.items() if key in fields}
        self.settings = dataclasses.replace(PRESETS[preset], **chosen)
        self.seed, self.device = seed, device
        _check(self.settings)

    def fit(self, train: recbench.Interactions) -> Self:
        """Learn from the sequences; weights of the best epoch are kept."""
        from .training import train as learn

        self.network_ = learn(train, self.settings, self.seed, _device(self.device))
        self.sizes_ = {"n_items": train.n_items, "n_users": train.n_users}
        return self

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float32]:
        """(rows, n_items) scores: log-probabilities up to a constant of each row."""
        import torch
        from torch.nn import functional as F

        from .training import latest

        with torch.no_grad():
            hidden = latest(self.network_, history, self.settings)
            scores: npt.NDArray[np.float32] = F.linear(hidden, *self.network_.output()).cpu().numpy()
        return scores

    def save(self, folder: Path) -> None:
        """Weights as safetensors, sizes and settings as JSON."""
        from safetensors.torch import save_file

        weights, about = (Path(folder) / name for name in _FILES)
        save_file(self.network_.state_dict(), weights)
        told = {"sizes": self.sizes_, "settings": dataclasses.asdict(self.settings)}
        about.write_text(json.dumps(told, indent=1) + "\n")

    def load(self, folder: Path) -> Self:
        """Read what `save` wrote. Raises RecbenchError where it is damaged or of other options."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from .network import build

        weights, about = (Path(folder) / name for name in _FILES)
        try:
            told = json.loads(about.read_text())
            if told["settings"] != dataclasses.asdict(self.settings):
                raise recbench.RecbenchError(f"{about.name} is of a transformer with other options")
            self.sizes_ = {key: int(told["sizes"][key]) for key in ("n_items", "n_users")}
            network = build(self.settings, **self.sizes_)
            network.load_state_dict(load_file(weights))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise recbench.RecbenchError(
                f"the stored transformer is damaged ({type(error).__name__}); train it again"
            ) from error
        self.network_ = network.to(_device(self.device)).eval()
        return self


def _check(s: Settings) -> None:
    """Raise UsageError for values that no network can have."""
    whole = ("dim", "layers", "heads", "feedforward", "length", "epochs", "patience", "batch")
    for key in whole:
        if getattr(s, key) < 1:
            raise recbench.UsageError(f"transformer: {key}={getattr(s, key)} must be at least 1")
    if s.dim % s.heads:
        raise recbench.UsageError(f"transformer: dim={s.dim} must be divisible by heads={s.heads}")
    if not 0 <= s.dropout < 1:
        raise recbench.UsageError(f"transformer: dropout={s.dropout} must be in [0, 1)")
    for key in ("lr", "clip"):
        if not getattr(s, key) > 0:
            raise recbench.UsageError(f"transformer: {key}={getattr(s, key)} must be above 0")


def _device(name: str) -> torch.device:
    """The device of this name; "auto" is a GPU where there is one."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise recbench.UsageError(
            f"transformer: device={name} is not to be had here; leave it out, or say cpu"
        ) from error
    return device
