"""Steps 1 to 5 for one comparison: load and split once, then fit and judge a model at a time."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from recbench.data.candidates import draw_candidates
from recbench.data.dataset import Dataset
from recbench.data.interactions import Array, Column
from recbench.data.leakage import leakage, n_unjudged_users
from recbench.data.load import load_dataset
from recbench.data.split import Split, split_of
from recbench.errors import RecbenchError, describe_error
from recbench.evaluation.metrics import measure_all, no_values, valid_metrics
from recbench.evaluation.ranking import Metric, Ranking
from recbench.evaluation.referee import PROTOCOL, evaluate
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.results.result import Result, Setting
from recbench.results.segments import popularity_segment
from recbench.spec import Spec, seed_of
from recbench.store.provenance import provenance

Keep = Callable[[Result, Callable[[Path], None]], object]


@dataclass(frozen=True, eq=False)
class Experiment:
    """A dataset, split and ready: what every model of a comparison is given.

    pool: (judged rows, n) the candidates where targets are not ranked among all items.
    typed: the text that the dataset was asked for by.
    """

    plugins: Plugins
    dataset: Dataset
    split: Split
    setting: Setting
    pool: Array | None = None
    typed: str = ""

    @classmethod
    def prepare(
        cls,
        plugins: Plugins,
        dataset: str,
        split: str,
        data_dir: str | None = None,
        candidates: str | None = None,
    ) -> Experiment:
        """Load and split. Raises UsageError for wrong names and RecbenchError for broken data."""
        data = load_aloud(dataset, data_dir, plugins)
        return cls.of(plugins, data, split, candidates, dataset)

    @classmethod
    def of(
        cls,
        plugins: Plugins,
        data: Dataset,
        split: str,
        candidates: str | None = None,
        typed: str = "",
    ) -> Experiment:
        """The same for a dataset that is loaded already; typed is what it was asked for by."""
        spec, parts = split_of(plugins, data, split)
        judged = parts.judged
        if not len(judged):
            raise RecbenchError(
                f"{data.name}, {spec}: no row can be judged, the users' sequences are too short; "
                "use more data or another --split"
            )
        pool, how = None, ""
        if candidates:
            how, pool = draw_candidates(candidates, parts, data.repeats == "first")
        users = parts.history.users[judged]
        setting = Setting(
            dataset=data.name,
            dataset_sha256=data.fingerprint(),
            split=spec,
            split_sha256=parts.fingerprint(),
            protocol=PROTOCOL,
            repeats=data.repeats,
            n_users=data.interactions.n_users,
            n_items=data.interactions.n_items,
            n_interactions=data.interactions.n_interactions,
            n_judged_users=len(np.unique(users[users >= 0])) + int(np.count_nonzero(users < 0)),
            n_cases=len(judged),
            order=data.order,
            source=data.source,
            licence=data.licence,
            citation=data.citation,
            notes=(*data.notes, *parts.notes),
            candidates=how,
            candidates_sha256="" if pool is None else hashlib.sha256(pool.tobytes()).hexdigest(),
            n_unjudged_users=n_unjudged_users(data.interactions, parts),
            **dataclasses.asdict(leakage(data.interactions, parts)),
        )
        return cls(plugins, data, parts, setting, pool, typed)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """Every metric that keeps the contract; what is left out is said once."""
        return valid_metrics(self.plugins)

    @property
    def users(self) -> Array:
        """(judged rows,) the outside id of each row's user, "" for somebody unknown."""
        numbers = self.split.history.users[self.split.judged]
        ids = np.asarray(self.dataset.user_ids)
        if ids.dtype.kind in "iu" and (numbers >= 0).all():
            return np.asarray(ids[numbers])
        return np.where(numbers >= 0, ids.astype(str)[numbers], "")

    def cell(self, model: str, seed: int) -> Result:
        """The identity of a cell, before anything is known of it."""
        spec = Spec.parse(model)
        if self.plugins.why_missing(spec.name):
            return self.blank(str(spec), "", "", None)
        offer = self.plugins.check("models", spec)
        own = seed_of(offer.factory, spec, seed)
        return self.blank(str(spec), offer.source_version(), offer.plugin, own)

    def blank(self, model: str, version: str, plugin: str, seed: int | None) -> Result:
        """A cell of this comparison without any number."""
        identity = (
            *map(str, self.setting.comparison_key),
            self.setting.repeats,
            model,
            version,
            seed,
        )
        return Result(
            key=hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
            model=model,
            model_version=version,
            plugin=plugin,
            seed=seed,
            setting=self.setting,
            status="failed: not run yet",
            values={},
        )

    def judge(
        self,
        cell: Result,
        ks: Sequence[int],
        device: str,
        home: Any,
        keep: Keep | None = None,
        checkpoint: Path | None = None,
    ) -> tuple[Result, dict[str, Column]]:
        """Fit and evaluate; a failure becomes the status of the result.

        home: where models run, an `Isolation` or an `Inside`. keep: stores a fitted model that
        can save itself. checkpoint: where one may be kept for the next try.
        """
        name = f"{cell.model} (plugin {cell.plugin})"
        costs: Any = None
        try:
            with home.cell(cell.model, {"seed": cell.seed, "device": device}) as model:
                costs = model.costs
                model.fit(self.split.train, checkpoint)
                verdict = evaluate(
                    model,
                    self.split,
                    mask_seen=self.setting.repeats == "first",
                    depth=min(max(ks), self.setting.n_items),
                    pool=self.pool,
                    ask_again=True,
                    name=name,
                    user_ids=self.dataset.user_ids,
                )
                if keep is not None and model.keeps:
                    keep_model(cell, keep, model.save)
        except (Exception, SystemExit) as error:
            log.debug("%s failed", cell.model, exc_info=True)
            reason = describe_error(error)
            if not reason.startswith(name):
                reason = f"{name}: {reason}"
            nothing = no_values(self.metrics, ks)
            return self.finished(cell, status=f"failed: {reason}", values=nothing), {}
        known = {"depth": verdict.depth, "score_seconds": verdict.score_seconds}
        return self.measure(cell, verdict.ranking, ks, **known, **dataclasses.asdict(costs))

    def measure(
        self, cell: Result, ranking: Ranking, ks: Sequence[int], **known: Any
    ) -> tuple[Result, dict[str, Column]]:
        """The result that a ranking amounts to, and its columns for the store."""
        values, columns = measure_all(self.metrics, ranking, ks, self.users, cell.values)
        rows: dict[str, Column] = {"user": self.users, **self.facts, **ranking.columns(), **columns}
        values = {**cell.values, **values}
        return self.finished(cell, status="ok", values=values, **known), rows

    def ranking(self, stored: Ranking) -> Ranking:
        """A ranking out of the store with what metrics may ask for besides."""
        return dataclasses.replace(stored, popularity=self.split.train.popularity)

    @property
    def facts(self) -> dict[str, Column]:
        """Columns for segments: how long each history is, how popular each target."""
        targets, offsets = self.split.judged_targets
        segment = popularity_segment(self.split.train.popularity, targets)
        return {
            "history": self.split.history.lengths[self.split.judged],
            "segment": segment if self.split.offsets is None else (segment, offsets),
        }

    def finished(self, cell: Result, **known: Any) -> Result:
        """The cell with what was found, and where and when."""
        offers = self.plugins.offers("models")
        named = Spec.parse(cell.model).name
        of = [one for one in offers if (one.name, one.plugin) == (named, cell.plugin)]
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        made = {**provenance(of[0] if of else None), "dataset": self.typed or self.dataset.name}
        return dataclasses.replace(cell, provenance=made, finished=now, **known)


def load_aloud(dataset: str, data_dir: str | None, plugins: Plugins) -> Dataset:
    """The dataset, once its notes are said."""
    data = load_dataset(dataset, data_dir, plugins)
    for note in data.notes:
        log.info("%s: %s", data.name, note)
    return data


def keep_model(cell: Result, keep: Keep, save: Callable[[Path], None]) -> None:
    """Store a fitted model, if that can be done."""
    try:
        keep(cell, save)
    except Exception as error:  # its numbers are still worth having
        log.warning("%s: could not be saved (%s)", cell.model, describe_error(error))
