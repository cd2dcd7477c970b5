"""Beside the flow: run stored cells again and compare number by number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.evaluation.uncertainty import Value
from recbench.experiment import Experiment, Host, model_host
from recbench.external import EXTERNAL_PLUGIN, judge_file, version_of
from recbench.plugins import Plugins, load_plugins
from recbench.progress import log
from recbench.results.result import Result
from recbench.store.store import read_cells

EXACT = 1e-9
"""What a number may be off, in parts of itself if it is above 1, where the arithmetic is the same:
sums in another order."""


@dataclass(frozen=True)
class NumberCheck:
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
class CellCheck:
    """A stored cell and its rerun.

    path: its JSON. result: what that holds, None where it is damaged. numbers: all of them, none
    where it could not be run. reason: why that is so, or what to know.
    """

    path: Path
    result: Result | None
    numbers: list[NumberCheck] = field(default_factory=list)
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether it was run, and every number is within its bound."""
        return bool(self.numbers) and all(number.holds for number in self.numbers)

    @property
    def furthest(self) -> NumberCheck | None:
        """The number that is furthest off, in parts of its bound."""

        def distance(number: NumberCheck) -> tuple[bool, float]:
            return not number.holds, number.off / (number.bound or 1)

        return max(self.numbers, key=distance, default=None)


def verify(
    paths: Sequence[str | Path],
    *,
    bound: float | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    device: str = "auto",
    plugins: Plugins | None = None,
) -> list[CellCheck]:
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
    cells = read_cells(paths)
    experiments: dict[Any, Experiment | str] = {}
    checks = []
    with model_host(plugins) as host:
        for path, cell in cells:
            if isinstance(cell, str):
                checks.append(CellCheck(path, None, reason=cell))
                continue
            key = cell.setting.comparison_key
            if key not in experiments:
                experiments[key] = _experiment_of(plugins, cell, dataset, data_dir)
            experiment = experiments[key]
            if isinstance(experiment, str):
                checks.append(CellCheck(path, cell, reason=experiment))
                continue
            log.info("%s on %s: again", cell.model, cell.setting.dataset)
            try:
                now = _run_again(experiment, cell, host, device)
            except RecbenchError as error:
                checks.append(CellCheck(path, cell, reason=describe_error(error)))
                continue
            checks.append(_checked(path, cell, now, bound))
    return checks


def _experiment_of(
    plugins: Plugins, cell: Result, dataset: str | None, data_dir: str | None
) -> Experiment | str:
    """The data and split of a cell, or why they cannot be had."""
    then = cell.setting
    name = dataset or cell.provenance.get("dataset") or then.dataset
    try:
        experiment = Experiment.prepare(
            plugins, name, then.split, data_dir, then.candidates or None
        )
    except RecbenchError as error:
        hint = "" if dataset else " (--dataset says where the data are now)"
        return f"{describe_error(error)}{hint}"
    now = experiment.setting
    if now.protocol != then.protocol:
        return f"judged by rules of version {then.protocol}, and they are at {now.protocol} now"
    for changed, before, after in (
        (f"the content of {name}", then.dataset_sha256, now.dataset_sha256),
        (f"what {then.split} makes of {name}", then.split_sha256, now.split_sha256),
        ("the sample", then.candidates_sha256, now.candidates_sha256),
    ):
        if before != after:
            return f"{changed} is not what it was when this was judged"
    return experiment


def _run_again(experiment: Experiment, cell: Result, host: Host, device: str) -> Result:
    """The cell run again. Raises RecbenchError where it cannot be, or fails."""
    ks = sorted(cell.ks)
    if cell.plugin == EXTERNAL_PLUGIN:
        path = Path(cell.provenance.get("file") or "")
        if not path.is_file() or version_of(path.read_bytes()) != cell.model_version:
            raise RecbenchError(
                f"its file, {path}, is gone or another by now; judge what there is with "
                f"recbench run --recs"
            )
        now, _ = judge_file(experiment, cell.model, path, ks)
    else:
        now = experiment.judge(experiment.cell(cell.model, cell.seed or 0), host, ks, device)
    if not now.ok:
        raise RecbenchError(now.status)
    return now


def _checked(path: Path, cell: Result, now: Result, bound: float | None) -> CellCheck:
    same_arithmetic = _same_arithmetic(cell.provenance, now.provenance)
    numbers = []
    for key, old in cell.values.items():
        new = now.values.get(key, Value())
        noise = 0.0 if cell.seed is None or same_arithmetic else old.stderr
        for field_name, stored, again in zip(Value._fields, old, new, strict=True):
            name = key if field_name == "mean" else f"{key} {field_name}"
            allowed = _default_bound(stored, noise) if bound is None else bound
            numbers.append(NumberCheck(name, stored, again, allowed))
    notes = []
    if now.model_version != cell.model_version:
        notes.append("the plugin's code has changed since")
    elif not same_arithmetic:
        notes.append("other versions, machine or threads")
    gone = sorted({key.partition("@")[0] for key in cell.values.keys() - now.values.keys()})
    if gone:
        notes.append(f"not measured any more: {', '.join(gone)}")
    return CellCheck(path, cell, numbers, "; ".join(notes))


def _default_bound(stored: float, noise: float) -> float:
    """What a number may be off; noise: how much training may move it, NaN if that is not known."""
    exact = EXACT * max(1.0, abs(stored)) if math.isfinite(stored) else EXACT
    return exact if math.isnan(noise) else max(noise, exact)


def _same_arithmetic(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two cells were made by the same arithmetic, by their provenance."""
    return all(then.get(key) == now.get(key) for key in ("versions", "machine", "threads"))
