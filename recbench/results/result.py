"""Step 6, results: the result of one cell."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recbench.errors import counted
from recbench.evaluation.uncertainty import Value
from recbench.spec import Spec

EXTERNAL_PLUGIN = "--recs"
"""The plugin of results that were judged from a file of recommendations."""

METRIC_LABELS = {
    "aplt": "APLT",
    "auc": "AUC",
    "calibration": "Calibration",
    "coverage": "Coverage",
    "entropy": "Entropy",
    "f1": "F1",
    "gini": "Gini",
    "hit": "HR",
    "ild": "ILD",
    "map": "MAP",
    "mrr": "MRR",
    "ndcg": "NDCG",
    "novelty": "Novelty",
    "personalisation": "Personalisation",
    "popularity": "Popularity",
    "popularity-lift": "Popularity lift",
    "precision": "Precision",
    "r-precision": "R-Precision",
    "rbp": "RBP",
    "recall": "Recall",
    "serendipity": "Serendipity",
}
"""How tables write the usual metrics; others keep the name that their plugin registered."""

OBJECTIVE = "ndcg@10"
"""The metric and cut-off that models are tuned by, unless another one is chosen."""

LearningCurves = Mapping[str, tuple[tuple[int, float, float], ...]]
"""Name of a value -> (step, seconds since the training began, value) of each step."""

WITHOUT_CUT = ("auc", "r-precision")
"""Metrics that are the same at every k. Tables have one column for each, without `@k`."""


def metric_of(key: str) -> str:
    """Return the metric, with its options, of a key such as `ndcg@10`."""
    return key.rpartition("@")[0]


def metric_and_k(key: str) -> tuple[str, int]:
    """Return the metric, with its options, and the cut-off of a key such as `ndcg@10`."""
    return metric_of(key), int(key.rpartition("@")[2])


def metrics_of(keys: Iterable[str]) -> list[str]:
    """Return the metrics of several keys, each once."""
    return list(dict.fromkeys(map(metric_of, keys)))


def metric_label(metric: str, k: int | None = None) -> str:
    """Return a metric's name as tables show it, such as `NDCG@10` for `ndcg` at 10.

    Parameters
    ----------
    metric : str
        The name that a plugin registered, with options if there are any.
    k : int, default: None
        The cut-off; None for the name alone.

    Returns
    -------
    str
        The usual spelling of a well-known metric, otherwise the registered name, with its options.
        AUC and R-Precision have no cut-off, so their names are the same for every k.

    Examples
    --------
    >>> import recbench
    >>> recbench.metric_label("hit", 10), recbench.metric_label("my-metric", 5)
    ('HR@10', 'my-metric@5')
    >>> recbench.metric_label("rbp:persistence=0.95", 10), recbench.metric_label("auc", 10)
    ('RBP:persistence=0.95@10', 'AUC')
    """
    name, colon, options = metric.partition(":")
    label = f"{METRIC_LABELS.get(name, name)}{colon}{options}"
    return label if k is None or name in WITHOUT_CUT else f"{label}@{k}"


@dataclass(frozen=True)
class Setting:
    """What the results of one table have in common.

    dataset, split: their names with options; dataset_sha256, split_sha256: hashes of their content.
    protocol: the version of the referee's rules. notes: what was dropped, merged or assumed when
        the data were read and split, and which users are not judged.
    n_judged_users, n_cases, n_targets: how many users, cases and targets are judged;
        n_unjudged_users: how many users with interactions are not.
    candidates: "" for full ranking, else the sample of items that the targets were ranked among;
        candidates_sha256: the hash of its content.
    future_share: the mean share of training interactions that are later than a target; time_tied:
        how many targets depend on the order of equal times; None for data without times.
    """

    dataset: str
    dataset_sha256: str
    split: str
    split_sha256: str
    protocol: int
    repeats: str
    n_users: int
    n_items: int
    n_interactions: int
    n_judged_users: int
    n_cases: int
    order: str
    source: str = ""
    licence: str = ""
    citation: str = ""
    notes: tuple[str, ...] = ()
    candidates: str = ""
    candidates_sha256: str = ""
    n_unjudged_users: int = 0
    n_targets: int = 0
    future_share: float | None = None
    time_tied: int | None = None

    @property
    def dataset_title(self) -> str:
        """The dataset's name without its options: `log.csv`."""
        return Spec.parse(self.dataset).name

    @property
    def dataset_options(self) -> str:
        """The dataset's options: `item=Product, user=Customer`; "" if it has none."""
        options = Spec.parse(self.dataset).options
        return ", ".join(f"{key}={value}" for key, value in options.items())

    @property
    def sample(self) -> str:
        """The candidates in words: `100 candidates drawn by popularity, seed 1`."""
        spec = Spec.parse(self.candidates)
        by, seed = spec.options.get("by", ""), spec.options.get("seed", "")
        drawn = f" drawn by {by}" if by else ""
        return f"{spec.name} candidates{drawn}" + (f", seed {seed}" if seed else "")

    @property
    def comparison_key(self) -> tuple[str, str, str, str, str, str, int]:
        """Equal for results that may be compared."""
        return (
            self.dataset,
            self.split,
            self.candidates,
            self.dataset_sha256,
            self.split_sha256,
            self.candidates_sha256,
            self.protocol,
        )


def distinguished(settings: Sequence[Setting]) -> list[Setting]:
    """Return the settings, renamed where two have the same names but different content."""
    for part in ("dataset", "split", "candidates"):
        contents: dict[tuple[str, ...], set[str]] = {}
        for setting in settings:
            contents.setdefault(_names(setting), set()).add(getattr(setting, f"{part}_sha256"))
        settings = [
            _with_digest(setting, part) if len(contents[_names(setting)]) > 1 else setting
            for setting in settings
        ]
    return list(settings)


def _with_digest(setting: Setting, part: str) -> Setting:
    digest = getattr(setting, f"{part}_sha256")[:6]
    name: dict[str, Any] = {part: f"{getattr(setting, part)} ({digest})"}
    return dataclasses.replace(setting, **name)


def _names(setting: Setting) -> tuple[str, str, str, str]:
    return setting.dataset, setting.split, setting.candidates, str(setting.protocol)


@dataclass(frozen=True)
class Tuned:
    """How the options of a result were found.

    study: the key of the study that found them; "" if there was nothing to tune. metric, value: the
    metric and cut-off that its trials were compared by, and its best value on validation targets.
    n_trials: how many trials it had. n_options: how many options were tuned; 0 for a model without
    a search space. seed: that of the search, and of the models in its trials.
    """

    study: str = ""
    metric: str = ""
    value: float = math.nan
    n_trials: int = 0
    n_options: int = 0
    seed: int = 0

    def __str__(self) -> str:
        """Return what tables show after the model's name."""
        if not self.n_options:
            return "not tuned"
        metric, _, k = self.metric.rpartition("@")
        is_told = k.isdecimal() and self.metric != OBJECTIVE
        by = f" by {metric_label(metric, int(k))}" if is_told else ""
        return f"tuned{by}: {counted(self.n_trials, 'trial')}"


@dataclass(frozen=True, repr=False)
class Result:
    """The result of one model, with its options, on one dataset, split and seed.

    Parameters
    ----------
    key : str
        sha256 (hex) of everything that decides the numbers.
    model : str
        The model's name and options, as in `transformer:dim=128`.
    model_version : str
        Version of the plugin, and a hash of its source.
    plugin : str
        Name of the plugin.
    seed : int or None
        None for a model without a seed.
    setting : Setting
        Dataset, split and rules.
    status : str
        "ok", or "failed: " and the reason.
    values : mapping of str to Value
        "ndcg@10" -> mean over the cases, standard error and 95% interval; NaN if the run failed.
    depth : int, default: 0
        The largest cut-off that the model's answers allow.
    fit_seconds, score_seconds : float, default: NaN
        Seconds inside the model, to train and to score all cases.
    peak_memory : int or None, default: None
        The most memory that the model's process used, in bytes; None if unknown.
    parameters : int or None, default: None
        Number of learned parameters; None if unknown.
    provenance : mapping of str to Any
        Versions, commit, machine, threads and command, to reproduce the result.
    finished : str, default: ""
        When the run finished, as an ISO time in UTC.
    cases_file : tuple of (str, str)
        Name and sha256 of the Parquet file with one row per case, in the same folder.
    notes : tuple of str, default: ()
        What a reader of the table must know to judge the numbers, most important first. Each note
        is one sentence, which the footer of the table shows after the model's name.
    device : str, default: ""
        The device that was asked for; empty for auto.
    isolated : bool, default: True
        Whether the model ran in a separate process.
    reads : mapping of str to str, default: {}
        The titles and features that the model has asked for, such as "item_features.genres", with
        a hash of each.
    better : mapping of str to str, default: {}
        Which values of a metric are better, "higher" or "lower", for the metrics that state it.
    tuned : Tuned or None, default: None
        How the options were found, if by `recbench tune`.
    curves : mapping of str to tuple, default: {}
        What the model reported while it trained: the name of each value, such as "loss", -> one
        (step, seconds since the training began, value) per step. Of more than 1,000 steps, every
        second, fourth and so on is kept.

    Examples
    --------
    >>> import recbench
    >>> result = recbench.run(["popular"], "synthetic", results=None)[0]
    >>> result.label, result.ok
    ('popular', True)
    >>> sorted(result.ks)
    [3, 5, 10]
    """

    key: str
    model: str
    model_version: str
    plugin: str
    seed: int | None
    setting: Setting
    status: str
    values: Mapping[str, Value]
    depth: int = 0
    fit_seconds: float = math.nan
    score_seconds: float = math.nan
    peak_memory: int | None = None
    parameters: int | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    finished: str = ""
    cases_file: tuple[str, str] = ("", "")
    notes: tuple[str, ...] = ()
    device: str = ""
    isolated: bool = True
    reads: Mapping[str, str] = field(default_factory=dict)
    better: Mapping[str, str] = field(default_factory=dict)
    tuned: Tuned | None = None
    curves: LearningCurves = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Result({self.label!r}, {self.setting.dataset_title!r}, {self.status!r})"

    @property
    def model_name(self) -> str:
        """The model without its options: `transformer`."""
        return Spec.parse(self.model).name

    @property
    def options(self) -> Mapping[str, str]:
        """The options of the model as they were given, such as `dim` -> `128`."""
        return Spec.parse(self.model).options

    @property
    def label(self) -> str:
        """The model and its seed: `transformer, seed 0`."""
        return self.model if self.seed is None else f"{self.model}, seed {self.seed}"

    @property
    def failure(self) -> str:
        """Which model failed and why: `mine, seed 0 (plugin mine) failed: fit raised ...`."""
        if self.ok:
            return ""
        reason = self.status.removeprefix("failed: ")
        if not self.plugin or self.plugin == EXTERNAL_PLUGIN:
            return f"{self.label} failed: {reason.removeprefix(f'{self.model}: ')}"
        reason = reason.removeprefix(f"{self.model} (plugin {self.plugin}): ")
        return f"{self.label} (plugin {self.plugin}) failed: {reason}"

    @property
    def ok(self) -> bool:
        """Whether the run succeeded."""
        return self.status == "ok"

    @property
    def ks(self) -> set[int]:
        """Every cut-off k that was measured."""
        return {metric_and_k(key)[1] for key in self.values}

    def value(self, metric: str, k: int) -> Value:
        """Return one metric's value.

        Parameters
        ----------
        metric : str
            Name of the metric, such as "ndcg".
        k : int
            Cut-off.

        Returns
        -------
        Value
            Mean, standard error and interval; all NaN if it was not measured.
        """
        return self.values.get(f"{metric}@{k}", Value())
