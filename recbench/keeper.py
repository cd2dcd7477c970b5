"""Step 6, store: use stored results again, say why a model runs again, and store new results."""

from __future__ import annotations

import contextlib
import dataclasses
import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbench.code.source import has_source
from recbench.data.interactions import Columns
from recbench.errors import RecbenchError, counted, describe_error
from recbench.evaluation.measure import measure
from recbench.evaluation.ranking import Ranking
from recbench.experiment import Experiment
from recbench.files import read
from recbench.models import checkpoint
from recbench.progress import log
from recbench.results.result import Result, metric_and_k
from recbench.store.differences import of_data_and_code, of_process
from recbench.store.format import decode_result, read_cell
from recbench.store.store import Store


@dataclass(eq=False)
class Keeper:
    """Finds results that are already stored, and stores new ones.

    store: None stores nothing. ks, metrics: the requested cut-offs and metrics. force: do not use
    stored results.
    columns: result key -> columns with one row per case. reused: stored results that were used.
    not_stored: results that could not be stored. made: what the provenance of new results says
    besides what this process knows of itself. is_last: False if another process stores them again.
    """

    store: Store | None
    ks: Sequence[int]
    metrics: Sequence[str]
    force: bool
    columns: dict[str, Columns] = field(default_factory=dict)
    reused: list[Result] = field(default_factory=list)
    not_stored: list[Result] = field(default_factory=list)
    made: Mapping[str, Any] = field(default_factory=dict)
    is_last: bool = True
    _prepared: set[Experiment] = field(default_factory=set)
    _before: dict[str, tuple[Result, Columns] | None] = field(default_factory=dict)

    def find(self, experiment: Experiment, cell: Result) -> Result | None:
        """Return the stored result, with all metrics computed from its ranks by today's code.

        If the model has to run although it has run before, the log says why.
        """
        if self.store is None:
            return None
        stored = self.store.find(cell)
        if stored is None:
            why = self._what_differs(self.store, cell)
        elif self.force:
            why = "--force"
        else:
            ranking = experiment.ranking(self.store.ranking(stored))
            why = self._what_lacks(experiment, stored, ranking)
            if not why:
                return self._reuse(self.store, experiment, cell, stored, ranking)
        if why:
            log.info("%s: running again: %s", cell.label, why)
        return None

    def _reuse(
        self,
        store: Store,
        experiment: Experiment,
        cell: Result,
        stored: Result,
        ranking: Ranking,
    ) -> Result:
        now, columns = experiment.measure(stored, ranking, self.ks)
        self.columns[stored.key] = {**store.case_columns(stored), **columns}
        measured = {"metrics": now.provenance["metrics"]}
        made = {**stored.provenance, **measured}
        changed = repr(self._at_ks(now).values) != repr(self._at_ks(stored).values)
        tuned = cell.tuned or stored.tuned
        if changed or (made, now.better, tuned) != (stored.provenance, stored.better, stored.tuned):
            stored = dataclasses.replace(
                stored, values=now.values, provenance=made, better=now.better, tuned=tuned
            )
            with contextlib.suppress(RecbenchError):  # the folder may be read-only
                stored = store.write(stored, self.columns[stored.key])
        log.info("%s: using the stored result (run --force runs it again)", stored.label)
        found, then = self._at_ks(stored), stored.provenance.get("versions", {})
        found = dataclasses.replace(found, tuned=cell.tuned)  # whatever an earlier run asked for
        others = [
            f"{name} {then[name]} then, {version} now"
            for name, version in experiment.libraries(stored).items()
            if then.get(name, version) != version
        ]
        if others:
            note = f"its stored result was made with other versions: {'; '.join(others)}"
            log.warning("%s: %s", stored.label, note)
            found = dataclasses.replace(found, notes=(*found.notes, note))
        self.reused.append(found)
        return found

    def _what_lacks(self, experiment: Experiment, stored: Result, ranking: Ranking) -> str:
        """Return why what is stored does not serve for the requested metrics; "" if it does.

        A metric that fails for lists of full length would fail in a new run too.
        """
        changed = experiment.dataset.metadata.changed(stored.reads)
        if changed:
            return f"the metadata that it read have changed ({', '.join(changed)})"
        k = min(max(self.ks), stored.setting.n_items)
        width = 0 if ranking.lists is None else ranking.lists.shape[1]
        if stored.depth < k:
            return (
                f"its lists hold {counted(stored.depth, 'item')}; {self.metrics[0]}@{k} needs {k}"
            )
        for name in self.metrics if width < k else ():
            try:
                measure(ranking, name, experiment.metrics[name], [k])
            except (Exception, SystemExit):  # a broken metric raises anything
                return f"its lists hold {counted(width, 'item')}; {name}@{k} needs {k}"
        return ""

    def _what_differs(self, store: Store, cell: Result) -> str:
        """Return how the latest stored result of the model differs; "" if there is none."""
        path = store.path(cell)
        if path.exists():
            return "" if _read(path) else "its files are damaged"
        found = list(_others(path, cell))
        if found and not has_source(cell.model_version):
            return (
                "its code is in no file (a class typed in a notebook), or was edited after it was "
                "loaded, so nothing is reused"
            )
        found.sort(key=lambda other: (other.plugin == cell.plugin, other.finished), reverse=True)
        stored = "its stored result is"
        differences = [
            [*of_data_and_code(cell, other, stored), *of_process(cell, other)] for other in found
        ]
        fewest: list[str] = min(differences, key=len, default=[])
        return "; ".join(fewest)

    def prepare(self, experiment: Experiment) -> None:
        """Check that results can be stored, and store the candidates, before a model runs.

        Raises RecbenchError if the folder cannot be written.
        """
        if self.store is None or experiment in self._prepared:
            return
        if not self._prepared:
            self.store.ready()
        self._prepared.add(experiment)
        if experiment.pool is not None:
            try:
                self.store.write_candidates(experiment.setting, experiment.pool)
            except RecbenchError as error:  # they can be drawn again
                log.error("the candidates were NOT STORED: %s", describe_error(error))

    def checkpoint(self, cell: Result) -> Path | None:
        """Return the folder for a checkpoint; None if the cell cannot be recognised later.

        With force, also None while another run is using it.
        """
        if self.store is None or not has_source(cell.model_version):
            return None
        place = self.store.checkpoint(cell)
        return None if self.force and not checkpoint.remove(place) else place

    def keep_numbers(self, result: Result, columns: Columns) -> None:
        """Store the numbers of a model before it ends, so that its end cannot lose them.

        `keep` stores them again and reports problems.
        """
        if self.store is None:
            return
        result = self._with_origin(result)
        before = _read(self.store.path(result))
        with contextlib.suppress(RecbenchError):
            self.store.write(result, columns)
            is_same = before is not None and before[0].ok and before[0].key == result.key
            self._before[result.key] = before if is_same else None

    def keep(self, result: Result, columns: Columns) -> Result:
        """Store a new result, and return it as it is stored."""
        result = self._with_origin(result)
        if not result.ok and self.is_last:
            log.error("%s", result.failure)
        return self.keep_reported(result, columns)

    def keep_reported(self, result: Result, columns: Columns) -> Result:
        """Store a new result that is complete, and whose failure has been logged, if it failed."""
        if self.store is not None:
            result = self._store(self.store, result, columns)
            self._clear_checkpoint(self.store.checkpoint(result), result)
        return result

    def _with_origin(self, result: Result) -> Result:
        return dataclasses.replace(result, provenance={**result.provenance, **self.made})

    def show(self, experiment: Experiment, result: Result, columns: Columns) -> Result:
        """Notify the plugins of a new result, and return it at the requested cut-offs."""
        self.columns[result.key] = columns
        experiment.plugins.notify("recbench_run_finished", result=result)
        return self._at_ks(result)

    def read_columns(self, result: Result) -> Columns:
        """Return columns with one row per case of a result; none for a failed result."""
        return self.columns.get(result.key, {})

    def _store(self, store: Store, result: Result, columns: Columns) -> Result:
        """Store a result. If that fails, log it, and go on with the other models.

        A failure replaces the numbers that `keep_numbers` has stored for it, but not earlier ones.
        """
        has_numbers = result.key in self._before
        before = self._before.pop(result.key, None)
        try:
            if result.ok:
                return store.write(result, columns)
            if has_numbers or store.find(result) is None:
                written = store.write(result, columns, replace=has_numbers)
                if before is None:
                    return written
                store.write(*before)
            log.warning("%s: the stored result of an earlier run is kept", result.label)
        except RecbenchError as error:
            self.report_not_stored(result, error)
        return result

    def report_not_stored(self, result: Result, error: RecbenchError) -> None:
        """Log that a result could not be stored, and remember it."""
        log.error("%s: the result was NOT STORED: %s", result.label, describe_error(error))
        self.not_stored.append(result)

    def _clear_checkpoint(self, place: Path, result: Result) -> None:
        """Remove an empty checkpoint; log how to resume from one of a failed training."""
        if not checkpoint.can_resume(place):
            checkpoint.remove(place)
        elif not result.ok:
            log.warning(
                "%s: its checkpoint is kept. Run the command again to resume the training, or add "
                "--force to start over",
                result.label,
            )

    def _at_ks(self, result: Result) -> Result:
        """Return the result with values at the requested cut-offs only."""
        values = {
            key: value for key, value in result.values.items() if metric_and_k(key)[1] in self.ks
        }
        return dataclasses.replace(result, values=values)


def _read(path: Path) -> tuple[Result, Columns] | None:
    """Return a stored result and its columns; None if there is none, or if it is damaged."""
    with contextlib.suppress(RecbenchError, OSError):
        return read_cell(path)
    return None


def _others(path: Path, cell: Result) -> Iterator[Result]:
    """Yield the stored results of the same model and seed, on data and a split of the same name."""
    stem = path.name.rpartition("-")[0]
    for other in path.parent.glob(f"{glob.escape(stem)}-????????.json"):
        with contextlib.suppress(RecbenchError, OSError):
            result = decode_result(other, read(other))
            if result.ok and _names(result) == _names(cell):
                yield result


def _names(result: Result) -> tuple[str, int | None, str, str, str]:
    setting = result.setting
    return result.model, result.seed, setting.dataset, setting.split, setting.candidates
