"""Steps 4 to 6 for one cell after the other: stored already, run now, or made elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .bench import Bench
from .checkpoint import forget, holds_something
from .columns import Column
from .errors import RecbenchError, said
from .measures import nothing_measured
from .progress import log
from .recs import judge_file
from .result import Result
from .spec import Spec
from .store import Store


@dataclass(eq=False)
class Work:
    """What turns cells into results: from the store where they are there, else by running them.

    columns: by key, what is known of each judged row. unstored: what could not be stored.
    """

    bench: Bench
    store: Store | None
    home: Any
    ks: Sequence[int]
    device: str
    force: bool
    columns: dict[str, Mapping[str, Column]] = field(default_factory=dict)
    unstored: list[Result] = field(default_factory=list)

    def model(self, cell: Result) -> Result:
        """The result of a model's cell."""
        kept = self._find_stored(cell)
        if kept is not None:
            log.info("%s: stored already, not run again (--force runs it)", _called(cell))
            return self._asked(kept)
        lost = self.bench.plugins.lost(Spec.parse(cell.model).name)
        if lost:
            nothing = nothing_measured(self.bench.metrics, self.ks)
            failed = self.bench.finished(cell, status=f"failed: {lost}", values=nothing)
            return self._done(failed, {})
        log.info("%s: fitting on %s", _called(cell), self.bench.setting.dataset)
        keep = None if self.store is None else self.store.write_model
        place = None if self.store is None else self.store.checkpoint(cell)
        if self.force and place is not None and not forget(place):
            place = None  # another run is training with it
        result, rows = self.bench.judge(cell, self.ks, self.device, self.home, keep, place)
        result = self._done(result, rows)
        if place is not None and not holds_something(place):
            forget(place)
        elif place is not None and not result.ok:
            log.warning(
                "%s: its checkpoint is kept; run again, it goes on from there (--force: anew)",
                _called(cell),
            )
        return result

    def recs(self, name: str, path: str | Path) -> Result:
        """The result of lists or scores that were made elsewhere."""
        return self._done(*judge_file(self.bench, name, Path(path), self.ks))

    def _done(self, result: Result, rows: Mapping[str, Column]) -> Result:
        if not result.ok:
            log.error("%s %s", _called(result), result.status)
        if self.store is not None:
            result = self._store(self.store, result, rows)
        self.columns[result.key] = rows
        self.bench.plugins.tell(result)
        return self._asked(result)

    def _asked(self, result: Result) -> Result:
        """The result with the values at the ks that were asked for."""
        asked = {
            key: value
            for key, value in result.values.items()
            if int(key.partition("@")[2]) in self.ks
        }
        return dataclasses.replace(result, values=asked)

    def _store(self, store: Store, result: Result, rows: Mapping[str, Column]) -> Result:
        """Store it; a disk that is full by now costs neither the numbers nor the other models."""
        if not result.ok and store.find(result) is not None:
            log.warning("%s: its earlier result stays stored", _called(result))
            return result
        try:
            return store.write(result, rows)
        except RecbenchError as error:
            log.error("%s: NOT STORED, %s", _called(result), said(error))
            self.unstored.append(result)
            return result

    def _find_stored(self, cell: Result) -> Result | None:
        """The stored result, with every metric and k as it is computed today from its ranks."""
        kept = None if self.store is None or self.force else self.store.find(cell)
        if kept is None or self.store is None:
            return None
        if kept.depth < max(self.ks) and kept.depth < kept.setting.n_items:
            return None
        ranking = self.bench.ranking(self.store.ranking(kept))
        again, rows = self.bench.measure(kept, ranking, self.ks)
        self.columns[kept.key] = {**self.store.per_user(kept), **rows}
        if repr(self._asked(again).values) == repr(self._asked(kept).values):
            return kept
        return self._store(
            self.store, dataclasses.replace(kept, values=again.values), self.columns[kept.key]
        )


def _called(result: Result) -> str:
    return result.model if result.seed is None else f"{result.model}, seed {result.seed}"
