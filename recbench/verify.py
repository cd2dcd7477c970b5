"""Beside the flow: run stored cells again and compare number by number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bench import Bench
from .errors import RecbenchError, UsageError, said
from .inside import Inside
from .isolation import AVAILABLE, Isolation, Limits
from .plugins import Plugins, load_plugins
from .progress import log

from .result import Result
from .store import Store

EXACT = 1e-9
"""What a number may be off where the arithmetic is the same: sums in another order."""


@dataclass(frozen=True)
class Verified:
    """A stored cell and its rerun.

    worst: the value that is furthest off its bound, with what was stored and found, and that
        bound; empty where it could not be run. compared: how many values. reason: why it does not
        hold, or what to know.
    """

    result: Result
    holds: bool
    compared: int
    worst: tuple[str, float, float, float] | None
    reason: str


def verify(
    paths: Sequence[str | Path],
    *,
    bound: float | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    device: str = "auto",
    plugins: Plugins | None = None,
) -> list[Verified]:
    """Run every cell again that is stored under the paths, files or folders.

    bound: how far each number may be off. By default EXACT for models that take no seed and where
    machine, threads and versions are those of the stored cell; else, because training adds up in
    another order, the standard error of the number.
    dataset: where the data are, if no longer under the name that they had.
    """
    plugins = plugins or load_plugins()
    cells = _stored(paths)
    home: Any = Isolation(plugins, Limits()) if AVAILABLE else Inside(plugins)
    with home:
        benches: dict[Any, Bench | str] = {}
        found = []
        for cell in cells:
            if cell.setting.same not in benches:
                benches[cell.setting.same] = _bench(plugins, cell, dataset, data_dir)
            bench = benches[cell.setting.same]
            if isinstance(bench, str):
                found.append(Verified(cell, False, 0, None, bench))
                continue
            log.info("%s on %s: again", cell.model, cell.setting.dataset)
            found.append(_again(bench, cell, home, device, bound))
    return found


def _stored(paths: Sequence[str | Path]) -> list[Result]:
    """The cells under the paths. Raises UsageError where there are none."""
    files: list[Path] = []
    for path in map(Path, paths):
        files += sorted(path.rglob("*.json")) if path.is_dir() else [path]
    cells = {}
    for file in files:
        if len(file.resolve().parents) > 2 and not any(
            part.endswith(".model") for part in file.parts
        ):
            for one in Store(file.resolve().parents[2]).all():
                if Store(file.resolve().parents[2]).path(one) == file.resolve() and one.ok:
                    cells[one.key] = one
    if not cells:
        raise UsageError(f"no stored cell under {', '.join(map(str, paths))}")
    return list(cells.values())


def _bench(
    plugins: Plugins, cell: Result, dataset: str | None, data_dir: str | None
) -> Bench | str:
    """The data and split of a cell, or why they cannot be had."""
    of = cell.setting
    text = dataset or cell.provenance.get("dataset") or of.dataset
    try:
        bench = Bench.prepare(plugins, text, of.split, data_dir, of.candidates or None)
    except RecbenchError as error:
        return said(error)
    for what in ("protocol", "dataset_sha256", "split_sha256", "candidates_sha256"):
        if getattr(bench.setting, what) != getattr(of, what):
            return f"{what.removesuffix('_sha256')} is another: {text} is not what was judged"
    return bench


def _again(
    bench: Bench, cell: Result, home: Any, device: str, bound: float | None
) -> Verified:
    if cell.plugin == "file":
        return Verified(cell, False, 0, None, "made elsewhere: judge its file again with --recs")
    try:
        fresh = bench.cell(cell.model, cell.seed or 0)
        now, _ = bench.judge(fresh, sorted(cell.ks), device, home)
    except RecbenchError as error:
        return Verified(cell, False, 0, None, said(error))
    if not now.ok:
        return Verified(cell, False, 0, None, now.status)
    alike = _alike(cell.provenance, now.provenance)
    worst: tuple[str, float, float, float] | None = None
    compared = 0
    for key, old in cell.values.items():
        if key not in now.values or math.isnan(old.mean):
            continue
        allowed = bound
        if allowed is None:
            allowed = EXACT if cell.seed is None or alike else max(old.stderr, EXACT)
        new = now.values[key].mean
        compared += 1
        if worst is None or abs(new - old.mean) / allowed > abs(worst[2] - worst[1]) / worst[3]:
            worst = key, old.mean, new, allowed
    holds = worst is not None and abs(worst[2] - worst[1]) <= worst[3]
    notes = [] if fresh.key == cell.key else ["the plugin's code has changed since"]
    if not alike:
        notes.append("other versions, machine or threads")
    return Verified(cell, holds, compared, worst, "; ".join(notes))


def _alike(one: Any, other: Any) -> bool:
    """Whether two cells were made by the same arithmetic."""
    keys = ("versions", "machine", "threads")
    return all(one.get(key) == other.get(key) for key in keys)


