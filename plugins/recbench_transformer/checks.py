"""Checks of the options: an error for the first value that is not allowed."""

import math
import re
from typing import get_args

import recbench

from .presets import DIMS, PRESETS, Horizon, Settings

DEVICES = r"auto|cpu|cuda(:\d+)?|mps"

FIXED: dict[str, dict[str, bool]] = {
    "causal": {"tied": True},
    "sasrec": {"rotary": False},
    "notebook": {"rotary": False, "tied": False, "warm": False},
}
"""For each network, the settings that cannot be changed."""

ONE_OR_MORE = (
    *("networks", "dim", "layers", "heads", "feedforward", "length"),
    *("epochs", "patience", "batch"),
)
"""The settings that must be at least 1."""


def check_preset(preset: str) -> None:
    """Raise UsageError unless there is such a preset."""
    rule = f"is not a preset. Available: {', '.join(PRESETS)}"
    require("preset", preset, rule, preset in PRESETS)


def check_seed_and_device(seed: int, device: str) -> None:
    """Raise UsageError for a seed or a device that is not allowed."""
    require("seed", seed, "must be from 0 to 2**63 - 1", 0 <= seed < 2**63)
    rule = "is not a device. Available: auto, cpu, cuda, cuda:N, mps"
    require("device", device, rule, re.fullmatch(DEVICES, device) is not None)


def check_settings(settings: Settings) -> None:
    """Raise UsageError for the first setting that is not allowed."""
    for name in ONE_OR_MORE:
        value = getattr(settings, name)
        require(name, value, "must be 1 or more", value is None or value >= 1)
    dim, heads, rotary = settings.dim, settings.heads, settings.rotary
    multiple = 2 * heads if rotary else heads
    horizons = get_args(Horizon)
    dims = " or ".join(map(str, DIMS))
    factors = "2 x heads, for rotary positions" if rotary else "heads"
    for name, rule, holds in (
        (
            "dim",
            f"must be a multiple of {multiple} ({factors})",
            dim is None or dim % multiple == 0,
        ),
        (
            "heads",
            f"does not fit the default dim, {dims}; give a dim that is a multiple of {multiple}",
            dim is not None or not any(each % multiple for each in DIMS),
        ),
        ("dropout", "must be at least 0 and below 1", 0 <= settings.dropout_share < 1),
        ("loss", "is not a loss. Available: softmax, bce", settings.loss in ("softmax", "bce")),
        (
            "horizon",
            f"is not a horizon. Available: {', '.join(horizons)}",
            settings.horizon in (None, *horizons),
        ),
        ("calibration", "must be from 0 to 1", 0 <= settings.calibration <= 1),
        ("finish", "must be at least 0 and below 1", 0 <= settings.finish < 1),
        ("lr", "must be above 0, and finite", 0 < settings.lr < math.inf),
    ):
        require(name, getattr(settings, name), rule, holds)
    least, negatives = 1 if settings.loss == "bce" else 0, settings.negatives
    rule = f"must be {least} or more with loss={settings.loss}"
    require("negatives", settings.negatives, rule, negatives is None or negatives >= least)
    rule = f"has no effect with loss={settings.loss}; it belongs to loss=bce"
    holds = settings.loss == "bce" or not settings.calibration
    require("calibration", settings.calibration, rule, holds)
    for name, fixed in FIXED[settings.network].items():
        rule = f"is not possible with this preset, whose network has {name}={fixed}"
        require(name, getattr(settings, name), rule, getattr(settings, name) == fixed)


def require(name: str, value: object, rule: str, holds: bool) -> None:
    """Raise UsageError unless the rule of an option holds."""
    if not holds:
        raise recbench.UsageError(f"transformer: {name}={value} {rule}")
