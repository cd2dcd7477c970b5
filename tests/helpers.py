"""Plugins for tests: made from the values that its hooks return, or installed in a folder."""

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import recbench


def plugin(**hooks: Any) -> types.SimpleNamespace:
    """Return a plugin whose hooks return these values: `plugin(models={"mine": Mine})`."""
    module = types.SimpleNamespace()
    for kind, answer in hooks.items():
        setattr(module, f"recbench_{kind}", recbench.hookimpl(_hook(answer)))
    return module


def _hook(answer: Any) -> Callable[[], Any]:
    """Return a hook that returns the answer, or raises it if it is an exception."""

    def hook() -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return hook


def install(folder: Path, **modules: str) -> Path:
    """Write modules to a folder, each as an installed plugin of the same name."""
    for name, source in modules.items():
        about = folder / f"{name}-1.0.dist-info"
        about.mkdir(parents=True)
        (folder / f"{name}.py").write_text(source)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[recbench]\n{name} = {name}\n")
    return folder
