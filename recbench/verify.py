"""Beside the flow: run stored cells again and compare number by number."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.evaluation.uncertainty import Value
from recbench.experiment import Experiment
from recbench.external import ELSEWHERE, judge_file, version_of
from recbench.isolation.runner import AVAILABLE, IsolatedHost, Limits
from recbench.models.checkpoint import SUFFIX
from recbench.models.in_process import InProcessHost
from recbench.plugins import Plugins, load_plugins
from recbench.progress import log
from recbench.results.result import Result
from recbench.store.format import decode_result, read_bytes
from recbench.store.versions import newest

EXACT = 1e-9
"""What a number may be off, in parts of itself if it is above 1, where the arithmetic is the same:
sums in another order."""


OURS = re.compile(r"-[0-9a-f]{8}\.json")


@dataclass(frozen=True)
class Number:
    """A number of a cell as it was stored and as it came out now; `bound`: what it may be off."""

    name: str
    stored: float
    now: float
    bound: float

    @property
    def off(self) -> float:
        """How far it is off; infinite where only one of the two is a number."""
        if math.isnan(self.stored) or math.isnan(self.now):
            return 0.0 if math.isnan(self.stored) and math.isnan(self.now) else math.inf
        return abs(self.now - self.stored)

    @property
    def holds(self) -> bool:
        """Whether it is within its bound."""
        return self.off <= self.bound


@dataclass(frozen=True)
class Verified:
    """A stored cell and its rerun.

    path: its JSON. result: what that holds, None where it is damaged. numbers: all of them, none
    where it could not be run. reason: why that is so, or what to know.
    """

    path: Path
    result: Result | None
    numbers: list[Number] = field(default_factory=list)
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether it was run, and every number is within its bound."""
        return bool(self.numbers) and all(one.holds for one in self.numbers)

    @property
    def furthest(self) -> Number | None:
        """The number that is furthest off, in parts of its bound."""
        parts = {one: one.off / one.bound if one.bound else one.off for one in self.numbers}
        return max(parts, key=lambda one: (not one.holds, parts[one])) if parts else None


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
        machine, threads and versions are those of the stored cell; else, because training adds up
        in another order, the standard error of the number.
    dataset: where the data are, if no longer under the name that they had.

    Of the cells of one model, seed, data and split only the newest is run, and those that failed
    have nothing to compare. Raises UsageError where there is nothing to run.
    """
    if bound is not None and not bound >= 0:
        raise UsageError(f"bound must be a number from 0, not {bound}")
    plugins = plugins or load_plugins()
    cells = _newest(paths)
    home: Any = IsolatedHost(plugins, Limits()) if AVAILABLE else InProcessHost(plugins)
    experiments: dict[Any, Experiment | str] = {}
    found = []
    with home:
        for path, cell in cells:
            if isinstance(cell, str):
                found.append(Verified(path, None, reason=cell))
                continue
            if cell.setting.comparison_key not in experiments:
                experiments[cell.setting.comparison_key] = _bench(plugins, cell, dataset, data_dir)
            experiment = experiments[cell.setting.comparison_key]
            if isinstance(experiment, str):
                found.append(Verified(path, cell, reason=experiment))
                continue
            log.info("%s on %s: again", cell.model, cell.setting.dataset)
            try:
                again = _again(experiment, cell, home, device)
            except RecbenchError as error:
                found.append(Verified(path, cell, reason=describe_error(error)))
                continue
            found.append(_compared(path, cell, again, bound))
    return found


def _newest(paths: Sequence[str | Path]) -> list[tuple[Path, Result | str]]:
    """The cells that have numbers and are not outdated, and those whose files are damaged."""
    damaged: dict[Path, str] = {}
    cells: dict[str, tuple[Path, Result]] = {}
    failed = 0
    for path, cell in _found(paths):
        if isinstance(cell, str):
            damaged[path] = cell
        elif cell.ok:
            cells[cell.key] = path, cell
        else:
            failed += 1
    stands, outdated = newest(cell for _, cell in cells.values())
    for number, why in ((failed, "failed when run"), (len(outdated), "outdated by newer code")):
        if number:
            log.info("left out: %d cells, %s", number, why)
    if not damaged and not stands:
        raise UsageError(f"no stored numbers under {', '.join(map(str, paths))}")
    return [*(cells[one.key] for one in stands), *damaged.items()]


def _found(paths: Sequence[str | Path]) -> Iterator[tuple[Path, Result | str]]:
    """Every stored cell under the paths, or what is wrong with its files."""
    for given in map(Path, paths):
        if not given.exists():
            raise UsageError(f"{given} is not there; name a folder of results or a cell's JSON")
        for path in sorted(given.rglob("*.json")) if given.is_dir() else [given]:
            if any(one.suffix in (".model", SUFFIX) for one in path.relative_to(given).parents):
                continue
            try:
                cell = decode_result(path, path.read_bytes())
                if cell.ok:
                    read_bytes(path.with_name(cell.per_user[0] or "rows"), cell.per_user[1])
            except (RecbenchError, OSError) as error:
                if given.is_dir() and not OURS.search(path.name):
                    log.info("passed over, no result of recbench: %s", path)
                else:
                    yield path, describe_error(error)
            else:
                yield path, cell


def _bench(
    plugins: Plugins, cell: Result, dataset: str | None, data_dir: str | None
) -> Experiment | str:
    """The data and split of a cell, or why they cannot be had."""
    of = cell.setting
    text = dataset or cell.provenance.get("dataset") or of.dataset
    try:
        experiment = Experiment.prepare(plugins, text, of.split, data_dir, of.candidates or None)
    except RecbenchError as error:
        hint = "" if dataset else " (--dataset says where the data are now)"
        return f"{describe_error(error)}{hint}"
    now = experiment.setting
    if now.protocol != of.protocol:
        return f"judged by rules of version {of.protocol}, and they are at {now.protocol} now"
    for what in ("dataset", "split", "candidates"):
        if getattr(now, f"{what}_sha256") != getattr(of, f"{what}_sha256"):
            name = {"dataset": f"the content of {text}", "candidates": "the sample"}.get(
                what, f"what {of.split} makes of {text}"
            )
            return f"{name} is not what it was when this was judged"
    return experiment


def _again(experiment: Experiment, cell: Result, home: Any, device: str) -> Result:
    """The cell run again. Raises RecbenchError where it cannot be, or fails."""
    ks = sorted(cell.ks)
    if cell.plugin == ELSEWHERE:
        path = Path(cell.provenance.get("file") or "")
        if not path.is_file() or version_of(path.read_bytes()) != cell.model_version:
            raise RecbenchError(
                f"its file, {path}, is gone or another by now; judge what there is with "
                f"recbench run --recs"
            )
        now, _ = judge_file(experiment, cell.model, path, ks)
    else:
        now, _ = experiment.judge(experiment.cell(cell.model, cell.seed or 0), ks, device, home)
    if not now.ok:
        raise RecbenchError(now.status)
    return now


def _compared(path: Path, cell: Result, now: Result, bound: float | None) -> Verified:
    alike = _alike(cell.provenance, now.provenance)
    numbers = []
    for key, old in cell.values.items():
        new = now.values.get(key, Value())
        for part, stored, again in zip(Value._fields, old, new, strict=True):
            exact = EXACT * max(1.0, abs(stored)) if math.isfinite(stored) else EXACT
            allowed = bound
            if allowed is None:
                other = 0.0 if cell.seed is None or alike or math.isnan(old.stderr) else old.stderr
                allowed = max(other, exact)
            name = key if part == "mean" else f"{key} {part}"
            numbers.append(Number(name, stored, again, allowed))
    notes = []
    if now.model_version != cell.model_version:
        notes.append("the plugin's code has changed since")
    elif not alike:
        notes.append("other versions, machine or threads")
    gone = sorted({key.partition("@")[0] for key in cell.values.keys() - now.values.keys()})
    if gone:
        notes.append(f"not measured any more: {', '.join(gone)}")
    return Verified(path, cell, numbers, "; ".join(notes))


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two cells were made by the same arithmetic."""
    keys = ("versions", "machine", "threads")
    return all(one.get(key) == other.get(key) for key in keys)
