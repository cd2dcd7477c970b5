"""Steps 1 to 5 for one comparison: load and split once, then fit and judge a model at a time."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import numpy as np

from .dataset import Dataset
from .errors import RecbenchError, said
from .interactions import Array
from .load import ORDER_RULE, load_dataset
from .metric import Ranking, measure, summarise
from .model import Lister, Scorer, Storable
from .plugins import Offer, Plugins
from .progress import log
from .referee import PROTOCOL, evaluate
from .result import Result, Setting
from .spec import Spec, parameters
from .split import Split
from .store import Store


@dataclass(frozen=True, eq=False)
class Bench:
    """A dataset, split and ready: what every model of a comparison is given."""

    plugins: Plugins
    dataset: Dataset
    split: Split
    setting: Setting

    @classmethod
    def prepare(
        cls, plugins: Plugins, dataset: str, split: str, data_dir: str | None = None
    ) -> Bench:
        """Load and split. Raises UsageError for wrong names and RecbenchError for broken data."""
        spec = Spec.parse(split)
        splitter = plugins.build("splitters", spec)
        data = load_dataset(dataset, data_dir, plugins)
        for note in data.notes:
            log.info("%s: %s", data.name, note)
        try:
            parts = splitter.split(data.interactions)
        except RecbenchError:
            raise
        except Exception as error:
            raise RecbenchError(f"splitter {spec} failed: {said(error)}") from error
        if not isinstance(parts, Split):
            raise RecbenchError(f"splitter {spec} gave {type(parts).__name__}, wanted a Split")
        judged = parts.judged
        if not len(judged):
            raise RecbenchError(
                f"{data.name}, {spec}: no row can be judged, the users' sequences are too short; "
                "use more data or another --split"
            )
        users = parts.history.users[judged]
        setting = Setting(
            dataset=data.name,
            dataset_sha256=data.fingerprint(),
            split=str(spec),
            split_sha256=parts.fingerprint(),
            protocol=PROTOCOL,
            repeats=data.repeats,
            n_users=data.interactions.n_users,
            n_items=data.interactions.n_items,
            n_events=data.interactions.n_events,
            users=len(np.unique(users[users >= 0])) + int(np.count_nonzero(users < 0)),
            rows=len(judged),
            order=ORDER_RULE,
            source=data.source,
            licence=data.licence,
            citation=data.citation,
            notes=data.notes,
        )
        return cls(plugins, data, parts, setting)

    def cell(self, model: str, seed: int) -> Result:
        """The identity of a cell, before anything is known of it."""
        spec = Spec.parse(model)
        offer = self.plugins.check("models", spec)
        own = _seed_of(offer, spec, seed)
        version = offer.source_version()
        identity = (*map(str, self.setting.same), self.setting.repeats, str(spec), version, own)
        return Result(
            key=hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
            model=str(spec),
            model_version=version,
            plugin=offer.plugin,
            seed=own,
            setting=self.setting,
            status="failed: not run yet",
            values={},
        )

    def build(self, cell: Result, device: str) -> Any:
        """A fresh model of a cell."""
        model = self.plugins.build("models", Spec.parse(cell.model), seed=cell.seed, device=device)
        if not callable(getattr(model, "fit", None)) or not isinstance(model, (Scorer, Lister)):
            raise RecbenchError(
                f"{cell.model} (plugin {cell.plugin}) needs fit(train) and score(history), "
                f"or recommend(history, k); it has {_methods(model)}"
            )
        return model

    def fit(self, cell: Result, device: str, store: Store | None) -> tuple[Any, float]:
        """A fitted model and the seconds it took; kept in the store if it knows how to save."""
        model = self.build(cell, device)
        began = time.perf_counter()
        model.fit(self.split.train)
        seconds = time.perf_counter() - began
        if store is not None and isinstance(model, Storable):
            try:
                store.write_model(cell, model.save)
            except Exception as error:  # its numbers are still worth having
                log.warning("%s: could not be saved (%s)", cell.model, said(error))
        return model, seconds

    def judge(
        self, cell: Result, ks: Sequence[int], device: str, store: Store | None
    ) -> tuple[Result, dict[str, Array]]:
        """Fit and evaluate; a failure becomes the status of the result."""
        columns = {"user": _outside(self.dataset, self.split.history.users[self.split.judged])}
        try:
            model, seconds = self.fit(cell, device, store)
            verdict = evaluate(
                model,
                self.split,
                mask_seen=self.setting.repeats == "first",
                depth=min(max(ks), self.setting.n_items),
                name=cell.model,
                user_ids=self.dataset.user_ids,
            )
        except (Exception, SystemExit) as error:
            log.debug("%s failed", cell.model, exc_info=True)
            nothing = dict.fromkeys(value_keys(self.plugins, ks), (np.nan, np.nan))
            reason = said(error)
            if not isinstance(error, RecbenchError):
                reason = f"{reason} (in plugin {cell.plugin}; --debug shows where)"
            return _finish(cell, status=f"failed: {reason}", values=nothing), {}
        ranking = verdict.ranking
        values = measured(self.plugins, ranking, ks)
        result = _finish(
            cell,
            status="ok",
            values=summarise(values),
            depth=verdict.depth,
            fit_seconds=seconds,
            score_seconds=verdict.score_seconds,
        )
        return result, {**columns, "above": ranking.above, "tied": ranking.tied, **values}


def _outside(dataset: Dataset, users: Array) -> Array:
    """The outside ids of users, "" for somebody unknown; whole numbers or strings."""
    ids = np.asarray(dataset.user_ids)
    if ids.dtype.kind in "iu" and (users >= 0).all():
        return np.asarray(ids[users])
    return np.where(users >= 0, ids.astype(str)[users], "")


def measured(plugins: Plugins, ranking: Ranking, ks: Sequence[int]) -> dict[str, Array]:
    """Every metric at every k; one that is broken is said and left out."""
    values: dict[str, Array] = {}
    for name, metric in plugins.metrics().items():
        try:
            values |= measure(ranking, name, metric, ks)
        except Exception as error:
            log.error("metric %s is left out: %s", name, said(error))
    return values


def value_keys(plugins: Plugins, ks: Sequence[int]) -> list[str]:
    """`ndcg@10` and so on, for every metric at every k."""
    return [f"{metric}@{k}" for metric in plugins.metrics() for k in ks]


def _finish(cell: Result, **known: Any) -> Result:
    versions = {"python": platform.python_version()}
    for package in ("recbench", "numpy", "torch"):
        versions[package] = metadata.version(package)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return dataclasses.replace(cell, versions=versions, finished=now, **known)


def _seed_of(offer: Offer, spec: Spec, seed: int) -> int | None:
    """The seed that a model will get: none, its own option's, or the run's."""
    if "seed" not in parameters(offer.factory)[0]:
        return None
    own = spec.options.get("seed", "")
    return int(own) if own.removeprefix("-").isdigit() else seed


def _methods(model: Any) -> str:
    named = [one for one in ("fit", "score", "recommend") if callable(getattr(model, one, None))]
    return ", ".join(named) or "none of these"
