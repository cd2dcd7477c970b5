"""A network's files: its weights as safetensors, its sizes and settings as JSON."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import recbench

from .presets import Settings

if TYPE_CHECKING:
    from .build import Network

WEIGHTS_FILE, SIZES_FILE = "transformer.safetensors", "transformer.json"
ARCHITECTURE = (
    *("network", "networks", "dim", "layers", "heads", "feedforward", "length", "rotary", "tied"),
    *("rules", "recent", "repeats"),
)
"""The settings that must be the same when a saved model is loaded, unless the data decide them."""


def write_network(
    folder: Path, network: Network, settings: Settings, n_items: int, n_users: int
) -> None:
    """Write both files to an existing folder."""
    from safetensors.torch import save

    from .build import members_of

    weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    (folder / WEIGHTS_FILE).write_bytes(save(weights))  # save_file would ignore the umask
    sizes: dict[str, Any] = {"n_items": n_items, "n_users": n_users}
    sizes["embed_users"] = getattr(members_of(network)[0], "users", None) is not None
    sizes["settings"] = dataclasses.asdict(settings)
    (folder / SIZES_FILE).write_text(json.dumps(sizes, indent=1) + "\n")


def read_network(folder: Path, settings: Settings) -> tuple[Network, Settings, int, int]:
    """Return the network, the settings that it has, the number of items and that of users.

    Raises RecbenchError if a file is missing or damaged, or was written with other settings.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from .build import build_network

    try:
        sizes = json.loads((folder / SIZES_FILE).read_text())
        saved = sizes["settings"]
        asked = {name: getattr(settings, name) for name in ARCHITECTURE}
        wrong = [name for name in ARCHITECTURE if asked[name] not in (None, saved[name])]
        if wrong:
            raise recbench.RecbenchError(
                f"{folder / SIZES_FILE} was saved with {wrong[0]}={saved[wrong[0]]}, "
                f"not {asked[wrong[0]]}. Load it with the options that it was "
                "trained with"
            )
        n_items, n_users = int(sizes["n_items"]), int(sizes["n_users"])
        embed_users = bool(sizes["embed_users"])
        sized: dict[str, Any] = {name: int(saved[name]) for name in ("networks", "dim", "length")}
        settings = dataclasses.replace(settings, **sized)
        loaded = build_network(settings, n_items, n_users, embed_users=embed_users)
        loaded.load_state_dict(load_file(folder / WEIGHTS_FILE))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise recbench.RecbenchError(
            f"{folder} has no complete saved transformer ({error}). Train it again"
        ) from error
    return loaded, settings, n_items, n_users
