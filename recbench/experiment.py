"""Steps 1 and 2, and what all cells share: a prepared dataset and split."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Self

from recbench.code.source import NO_SOURCE, has_source
from recbench.data.candidates import draw_candidates
from recbench.data.dataset import Dataset, outside_ids
from recbench.data.interactions import Array, Column, Columns
from recbench.data.leakage import count_users, leakage
from recbench.data.load import Data, find_dataset, text_of
from recbench.data.make_split import make_split
from recbench.data.split import Split
from recbench.errors import RecbenchError, clean_reason
from recbench.evaluation.facts import count_ranked
from recbench.evaluation.measure import Metric, better_of
from recbench.evaluation.metrics import measure_all, no_values, valid_metrics
from recbench.evaluation.ranking import Ranking
from recbench.evaluation.referee import PROTOCOL
from recbench.given.collect import as_typed
from recbench.given.splitters import with_splitter
from recbench.isolation.runner import AVAILABLE, IsolatedHost
from recbench.models.in_process import InProcessHost
from recbench.offers import Offer
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.results.groups import CaseFacts
from recbench.results.result import Result, Setting
from recbench.results.segments import popularity_segment
from recbench.results.shown import metric_versions, without_others
from recbench.spec import Spec, parameters, seed_of
from recbench.store.provenance import provenance

Host = IsolatedHost | InProcessHost
"""What runs models: in a separate process each, or in this one."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """A dataset and a split of it, the same for every model of a comparison.

    pool: (cases, n) the candidates; None if targets are ranked among all items.
    dataset_text, split_text: the dataset and the splitter as the user named them. code: model ->
        the hash of its code. only: the metrics that are measured, if not all.
    """

    plugins: Plugins
    dataset: Dataset
    split: Split
    setting: Setting
    pool: Array | None = None
    dataset_text: str = ""
    split_text: str = ""
    code: dict[str, str] = field(default_factory=dict)
    only: frozenset[str] = frozenset()

    @classmethod
    def prepare(
        cls,
        plugins: Plugins,
        dataset: Data,
        split: Any,
        data_dir: str | None = None,
        candidates: str | None = None,
    ) -> Self:
        """Load a dataset, log the notes on how it was read, and split it.

        Raises UsageError for wrong names and RecbenchError for broken data.
        """
        plugins, split = with_splitter(plugins, split)
        plugins.check("splitters", Spec.parse(split))
        data = load_and_log(plugins, dataset, data_dir, log_notes=True)
        return cls.of(plugins, data, split, candidates, text_of(dataset))

    @classmethod
    def of(
        cls,
        plugins: Plugins,
        dataset: Dataset,
        split_text: str,
        candidates: str | None = None,
        dataset_text: str = "",
    ) -> Self:
        """Split a dataset that is already loaded. Raises as `prepare` does."""
        split_name, split = make_split(plugins, dataset, split_text)
        return cls.of_split(plugins, dataset, split_name, split, candidates, dataset_text)

    @classmethod
    def of_split(
        cls,
        plugins: Plugins,
        dataset: Dataset,
        split_name: str,
        split: Split,
        candidates: str | None = None,
        dataset_text: str = "",
        only: frozenset[str] = frozenset(),
    ) -> Self:
        """Return the experiment of a dataset that is already loaded and split.

        Raises RecbenchError if there is no case to judge.
        """
        judged = split.judged
        if not len(judged):
            raise RecbenchError(
                f"{dataset.name}, {split_name}: there is no case to judge, because the users' "
                "sequences are too short. Use more data or another --split"
            )
        pool, candidates_name = None, ""
        if candidates:
            mask_seen = dataset.repeats == "first"
            candidates_name, pool = draw_candidates(candidates, split, mask_seen)
        n_judged_users, n_unjudged_users = count_users(dataset.interactions, split)
        setting = setting_of(
            dataset,
            split=split_name,
            split_sha256=split.fingerprint(),
            n_judged_users=n_judged_users,
            n_cases=len(judged),
            notes=(*dataset.notes, *split.notes),
            candidates=candidates_name,
            candidates_sha256="" if pool is None else hashlib.sha256(pool.tobytes()).hexdigest(),
            n_unjudged_users=n_unjudged_users,
            **dataclasses.asdict(leakage(dataset.interactions, split)),
        )
        typed = as_typed(plugins, "splitters", split_name)
        return cls(plugins, dataset, split, setting, pool, dataset_text, typed, only=only)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """Every metric that meets the contract; the log names the others once."""
        return valid_metrics(self.plugins, self.split.train, self.only)

    @cached_property
    def metric_versions(self) -> dict[str, str]:
        """The version of the code of each metric, by its name without options."""
        return metric_versions(self.plugins)

    @cached_property
    def users(self) -> Array:
        """(cases,) the dataset's own id of each case's user, "" for an unknown user."""
        return outside_ids(self.dataset.user_ids, self.split.history.users[self.split.judged])

    @cached_property
    def case_facts(self) -> CaseFacts:
        """The user and the targets of each case, and what is known of users and items."""
        users = self.split.history.users[self.split.judged]
        return CaseFacts(users, *self.split.judged_targets, self.dataset.metadata)

    @cached_property
    def unknown(self) -> str:
        """A text that no other experiment has. It marks the cells of code without a source."""
        return secrets.token_hex(8)

    def cells(
        self, models: Sequence[str], seeds: Sequence[int], host: Host, device: str = "auto"
    ) -> list[Result]:
        """Return a cell for each model and seed, and a single one for a model without a seed."""
        cells = []
        for model in models:
            missing = self.plugins.why_missing(Spec.parse(model).name)
            isolated = bool(missing) or host.isolates(model)
            cells += [self.cell(model, seed, device, isolated=isolated) for seed in seeds]
        return list({cell.key: cell for cell in cells}.values())

    def cell(self, model: str, seed: int, device: str = "auto", *, isolated: bool = True) -> Result:
        """Return the cell of a model and seed, before it is run.

        device: the one that is asked for. isolated: whether a separate process runs the model.
        """
        spec = Spec.parse(model)
        if self.plugins.why_missing(spec.name):
            return self.blank(str(spec), "", "", None)
        offer = self.plugins.check("models", spec)
        own_seed = seed_of(offer.factory, spec, seed)
        source = offer.source
        self.code.setdefault(offer.name, source.code_digest())
        asked = device != "auto" and "device" in parameters(offer.factory)[0].keys() - spec.options
        version = offer.version_of(source)
        if not isolated and not source.is_as_loaded():
            version = f"{offer.version}{NO_SOURCE}"
        cell = self.blank(str(offer.spec(spec.options)), version, offer.plugin, own_seed)
        cell = dataclasses.replace(cell, device=device if asked else "", isolated=isolated)
        return dataclasses.replace(cell, key=self._key(cell))

    def blank(self, model: str, version: str, plugin: str, seed: int | None) -> Result:
        """Return a cell of this comparison without numbers."""
        cell = Result(
            key="",
            model=model,
            model_version=version,
            plugin=plugin,
            seed=seed,
            setting=self.setting,
            status="failed: not run yet",
            values={},
        )
        return dataclasses.replace(cell, key=self._key(cell))

    def _key(self, cell: Result) -> str:
        """Return a hash of everything that decides the numbers of a cell."""
        key = self.setting.comparison_key
        identity = [*map(str, key), self.setting.repeats, cell.model, cell.model_version, cell.seed]
        identity += [f"device={cell.device}"] if cell.device else []
        identity += [] if cell.isolated else ["in-process"]
        identity += [] if has_source(cell.model_version) else [self.unknown]
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()

    def measure(
        self, cell: Result, ranking: Ranking, ks: Sequence[int], **costs: Any
    ) -> tuple[Result, Columns]:
        """Return the result of a ranking, and its columns for the store."""
        cell = without_others(cell, self.metric_versions)
        values, measured = measure_all(self.metrics, ranking, ks, self.users, cell.values)
        columns = {"user": self.users, **self._segments, **ranking.columns(), **measured}
        values = {**cell.values, **values}
        stated = {name: better_of(metric) for name, metric in self.metrics.items()}
        better = {**cell.better, **{name: which for name, which in stated.items() if which}}
        return self.finished(cell, status="ok", values=values, better=better, **costs), columns

    def failed(self, cell: Result, reason: str, ks: Sequence[int]) -> Result:
        """Return the result of a cell that failed."""
        status = f"failed: {clean_reason(reason)}"
        return self.finished(cell, status=status, values=no_values(self.metrics, ks))

    def ranking(self, stored: Ranking) -> Ranking:
        """Return a stored ranking with what metrics can look up."""
        return stored.of_split(self.split, self.n_ranked)

    @cached_property
    def n_ranked(self) -> Array:
        """(cases,) among how many items the targets of each case are ranked."""
        mask_seen = self.setting.repeats == "first"
        return count_ranked(self.split, mask_seen=mask_seen, pool=self.pool)

    def libraries(self, cell: Result) -> dict[str, str]:
        """Return the versions of the libraries that a cell's model uses."""
        offer = self._offer(cell)
        return {} if offer is None else offer.source.versions()

    def check_source(self, cell: Result) -> None:
        """Raise RecbenchError if the code of a cell's model has changed since its cell was made."""
        offer = self._offer(cell)
        if offer is not None and offer.source.code_digest() != self.code[offer.name]:
            raise RecbenchError(
                f"the code of plugin {cell.plugin} was changed while the command ran. Run the "
                "command again"
            )

    def _offer(self, cell: Result) -> Offer | None:
        """Return the offer of a cell's model; None for recommendations made elsewhere."""
        wanted = Spec.parse(cell.model).name, cell.plugin
        offers = self.plugins.offers("models")
        return next((offer for offer in offers if (offer.name, offer.plugin) == wanted), None)

    def finished(self, cell: Result, **found: Any) -> Result:
        """Return the cell with its numbers or failure, its provenance and the time."""
        made = provenance(self._offer(cell))
        if cell.model_version and cell.plugin in self.plugins.infos:
            made["versions"][f"plugin {cell.plugin}"] = cell.model_version
        made |= {
            "dataset": self.dataset_text or self.dataset.name,
            "split": self.split_text,
            "metrics": {
                **cell.provenance.get("metrics", {}),
                **{
                    name: self.metric_versions[Spec.parse(name).name]
                    for name in self.plugins.metrics()  # also those that are left out
                },
            },
            "device": cell.device or "auto",
            "isolated": cell.isolated,
        }
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return dataclasses.replace(cell, provenance=made, finished=now, **found)

    @property
    def _segments(self) -> dict[str, Column]:
        """Return columns for segments: the length of each history, how popular each target is."""
        targets, offsets = self.split.judged_targets
        segment = popularity_segment(self.split.train.popularity, targets)
        return {
            "history": self.split.history.lengths[self.split.judged],
            "segment": segment if self.split.offsets is None else (segment, offsets),
        }


def setting_of(dataset: Dataset, **of_split: Any) -> Setting:
    """Return a setting on a dataset. of_split: the fields that the split decides."""
    interactions = dataset.interactions
    return Setting(
        dataset=dataset.name,
        dataset_sha256=dataset.fingerprint(),
        protocol=PROTOCOL,
        repeats=dataset.repeats,
        n_users=interactions.n_users,
        n_items=interactions.n_items,
        n_interactions=interactions.n_interactions,
        order=dataset.order,
        source=dataset.source,
        licence=dataset.licence,
        citation=dataset.citation,
        **of_split,
    )


def load_and_log(
    plugins: Plugins, data: Data, data_dir: str | None = None, *, log_notes: bool
) -> Dataset:
    """Load a dataset, and log its size and the notes on it.

    log_notes: False if the notes are shown with the results; then only their number is logged.
    """
    dataset = find_dataset(plugins, data, data_dir).load()
    name, interactions, notes = dataset.short_name, dataset.interactions, dataset.notes
    size = (
        f"{interactions.n_users:,} users, {interactions.n_items:,} items, "
        f"{interactions.n_interactions:,} interactions"
    )
    if log_notes or not notes:
        log.info("%s: %s", name, size)
    elif len(notes) == 1:
        log.info("%s: %s; 1 note on the data (--verbose shows it)", name, size)
    else:
        log.info("%s: %s; %d notes on the data (--verbose shows them)", name, size, len(notes))
    for note in notes if log_notes else ():
        log.info("%s: %s", name, note)
    return dataset


def model_host(
    plugins: Plugins,
    timeout: float | None = None,
    memory: int | None = None,
    *,
    in_process: bool = False,
) -> Host:
    """Return the host that runs models: in separate processes where the system allows it.

    timeout, memory: the limits of one cell, in seconds and megabytes.
    """
    if AVAILABLE and not in_process:
        seconds = None if timeout is None else float(timeout)
        n_bytes = None if memory is None else int(memory) * 2**20
        return IsolatedHost(plugins, seconds, n_bytes)
    if not in_process:
        log.warning(
            "models run in this process, without limits on time and memory: isolating them needs "
            "Linux"
        )
    elif timeout is not None or memory is not None:
        log.warning("--timeout and --memory have no effect on models that run in this process")
    return InProcessHost(plugins)
