"""Outside the flow: check the referee with models whose metrics are known in advance."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from recbench.arguments import with_names_checked
from recbench.data.arrays import offsets_of, slices
from recbench.data.dataset import Dataset
from recbench.data.interactions import Interactions
from recbench.data.load import Data
from recbench.data.make_split import make_split
from recbench.data.split import Split
from recbench.experiment import load_and_log
from recbench.given.splitters import with_splitter
from recbench.hookspecs import hookimpl
from recbench.oracles import (
    Constant,
    Oracle,
    PrefersSeen,
    SeenFirstOracle,
    TyingOracle,
    targets_of,
)
from recbench.plugins import Plugins, current_plugins, load_plugins
from recbench.report.report import Block, ReportOf, Table
from recbench.results.result import Result, metric_label
from recbench.run import run

if TYPE_CHECKING:
    import pandas as pd

KS = (1, 5, 10)

MAX_DRAWS = 20
"""How many random targets each case gets; fewer if that would need more than MAX_SCORES scores."""

MAX_SCORES = 3 * 10**8

FALSE_ALARM = 1e-4
"""The greatest probability, per check, that a correct referee fails it by chance."""


ROUNDING = 1e-12
"""The bound of values that are sums; a value of 1 must be 1 to the last bit."""

COLUMNS = ("model", "metric", "k", "expected", "actual", "bound", "holds", "status")
"""Columns of `SelfCheck.to_frame`."""


@dataclass(frozen=True)
class Check:
    """A metric whose value is known in advance.

    Parameters
    ----------
    model : str
        What was evaluated.
    metric : str
        Name of the metric.
    k : int
        Cut-off.
    expected : float
        The value that is known in advance.
    actual : float
        The value that was measured; NaN if the model failed.
    bound : float
        The largest difference that is allowed.
    status : str, default: "ok"
        Why the model failed.
    """

    model: str
    metric: str
    k: int
    expected: float
    actual: float
    bound: float
    status: str = "ok"

    @property
    def holds(self) -> bool:
        """Whether the difference is within the bound."""
        return abs(self.actual - self.expected) <= self.bound

    @property
    def name(self) -> str:
        """Model and metric: `oracle, NDCG@10`."""
        return f"{self.model}, {metric_label(self.metric, self.k)}"

    @property
    def row(self) -> dict[str, str]:
        """The check as a row of a table; exact values have twelve decimals."""
        exact = self.bound <= ROUNDING
        digits = 12 if exact else 4
        actual = f"{self.actual:.{digits}f}" if self.status == "ok" else self.status
        return {
            "check": self.name,
            "expected": f"{self.expected:.{digits}f}{'' if exact else f' ±{self.bound:.4f}'}",
            "actual": actual,
            "": "ok" if self.holds else "WRONG",
        }


class SelfCheck(ReportOf[Check]):
    """Metrics whose values are known in advance: a sequence of checks; returned by `selfcheck`.

    Parameters
    ----------
    parts : iterable of Check
        One per model, metric and cut-off.

    Examples
    --------
    >>> import recbench
    >>> checks = recbench.selfcheck("synthetic:users=30,items=20,interactions=300")
    >>> checks.holds, list(checks.to_frame())[:3]
    (True, ['model', 'metric', 'k'])
    """

    @property
    def holds(self) -> bool:
        """Whether every value is as expected."""
        return all(check.holds for check in self)

    def to_frame(self) -> pd.DataFrame:
        """Return all checks as a table.

        Returns
        -------
        pandas.DataFrame
            One row per check, with the columns model, metric, k, expected, actual, bound (the
            largest difference that is allowed), holds and status ("ok", or why a model failed).
        """
        import pandas as pd

        rows = [
            (each.model, each.metric, each.k, each.expected, each.actual, each.bound, each.holds)
            for each in self
        ]
        frame = pd.DataFrame(rows, columns=COLUMNS[:-1])
        return frame.assign(status=[each.status for each in self])

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        yield Table([check.row for check in self])
        yield (
            "Shuffled targets: by chance, a deviation of more than ± occurs in at most one of "
            "10,000 checks (Bernstein's inequality). All other expected values are exact."
        )
        n_wrong = sum(not check.holds for check in self)
        yield f"{len(self)} checks, {n_wrong or 'none'} wrong."


@with_names_checked
def selfcheck(
    dataset: Data = "synthetic",
    *,
    split: Any = "leave-last-out",
    data_dir: str | None = None,
    plugins: Plugins | None = None,
) -> SelfCheck:
    """Check the evaluation with models whose metrics are known in advance.

    Parameters
    ----------
    dataset : str, path, pandas.DataFrame or Dataset, default: "synthetic"
        A dataset or the path of a log, with options, as in "log.csv:user=customer,item=sku", a log
        as a DataFrame, or what `load_dataset` returned.
    split : str, path, class, object or function, default: "leave-last-out"
        How to hold out targets: a splitter with options, such as "temporal:share=0.9", the path of
        a .py file, a class or object with `split`, or a function of (interactions).
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    SelfCheck
        A sequence with one Check per model, metric and cut-off.

    Raises
    ------
    UsageError
        If a name or an option is wrong.
    RecbenchError
        If the data cannot be loaded or split.

    Notes
    -----
    - The oracle knows the targets. Its metrics must be exactly 1, or the highest possible value.
    - The oracle with ties gives the targets and one other item the same score, and the constant
      model gives all items the same score. Their metrics must be the mean over all orders of the
      tied items.
    - Models that score seen items highest must get the same metrics as without this preference,
      because seen items are masked.
    - With shuffled targets, drawn at random from all items that can be recommended, no model may
      be better or worse than chance.

    Examples
    --------
    >>> import recbench
    >>> recbench.selfcheck("synthetic:users=30,items=20,interactions=300").holds
    True
    """
    known, split = with_splitter(current_plugins(plugins), split)
    data = load_and_log(known, dataset, data_dir, log_notes=True)

    def split_again(_: Interactions | None = None) -> Split:
        return _told_apart(make_split(known, data, split)[1])

    parts = split_again()
    shuffled = Shuffled(parts, data)
    models = {
        "selfcheck-oracle": lambda: Oracle(parts),
        "selfcheck-oracle-with-ties": lambda: TyingOracle(parts),
        "selfcheck-constant": Constant,
        "selfcheck-prefers-seen": PrefersSeen,
        "selfcheck-oracle-prefers-seen": lambda: SeenFirstOracle(parts),
    }
    plugin = SimpleNamespace(
        recbench_models=_hook("recbench_models", models),
        recbench_splitters=_hook(
            "recbench_splitters",
            {
                "selfcheck-split": lambda: SimpleNamespace(split=split_again),
                "selfcheck-shuffled": lambda: shuffled,
            },
        ),
        recbench_datasets=_hook(
            "recbench_datasets", {"selfcheck-data": lambda: dataclasses.replace(data, notes=())}
        ),
    )
    name = f"selfcheck-data:repeats={data.repeats}"
    both = load_plugins(**known.given, selfcheck=plugin)
    same: dict[str, Any] = {"plugins": both, "ks": KS, "results": None}
    same["in_process"] = True  # the oracles know the targets, so no other process gets them
    oracle, tying, constant, prefers_seen, seen_first = run(
        list(models), name, split="selfcheck-split", **same
    )
    checks = []
    sizes, tied_sizes = _sizes(parts, data), _tied_sizes(parts)
    for k in KS:
        for metric in ("ndcg", "recall"):
            highest = _highest(parts, metric, k)
            chance = _chance(sizes, metric, k)[0]
            tied_chance = _chance(tied_sizes, metric, k)[0]
            checks.append(_exact("oracle", oracle, metric, k, highest))
            checks.append(_exact("oracle with ties", tying, metric, k, tied_chance))
            checks.append(_exact("constant", constant, metric, k, chance))
            if data.repeats == "first" and not _any_seen(parts):
                checks += [
                    _exact("model that prefers seen items", prefers_seen, metric, k, chance),
                    _exact("oracle that prefers seen items", seen_first, metric, k, highest),
                ]
    drawn_sizes = _sizes(shuffled.parts, data)
    for result in run(["selfcheck-oracle", "popular"], name, split="selfcheck-shuffled", **same):
        label = f"{result.model.removeprefix('selfcheck-')}, shuffled targets"
        checks += [_by_chance(label, result, k, *_chance(drawn_sizes, "ndcg", k)) for k in KS]
    return SelfCheck(checks)


class Shuffled:
    """A splitter that repeats each case several times, each time with a random target.

    Targets are drawn from the items that can be recommended in the case.
    """

    def __init__(self, split: Split, data: Dataset) -> None:
        n_items, n_cases = data.interactions.n_items, len(split.judged)
        draws = int(np.clip(MAX_SCORES // max(1, n_cases * n_items), 1, MAX_DRAWS))
        # seeded by the content: synthetic data may have been made from the stream of a fixed seed
        draw = np.random.default_rng(int(split.fingerprint()[:16], 16))
        history = split.history.take(np.tile(split.judged, draws))
        seen = history.pairs() if data.repeats == "first" else np.empty(0, dtype=np.int64)
        case, item = np.divmod(seen, n_items)
        first = np.searchsorted(case, np.arange(len(history) + 1))
        nth = draw.integers(0, np.maximum(n_items - np.diff(first), 1))  # among unseen items
        before = item - (np.arange(len(case)) - first[case])  # unseen items below each seen one
        keys = case * (n_items + 1) + before
        drawn = np.arange(len(history)) * (n_items + 1) + nth
        targets = nth + np.searchsorted(keys, drawn, side="right") - first[:-1]
        targets[targets >= n_items] = -1  # no unseen item, so not judged
        self.parts = Split(split.train, history, targets)

    def split(self, interactions: Interactions) -> Split:  # noqa: ARG002
        """Return the split that was drawn."""
        return self.parts


def _hook(name: str, factories: dict[str, Any]) -> Any:
    def answer() -> dict[str, Any]:
        return factories

    answer.__name__ = name
    return hookimpl(answer)


def _told_apart(split: Split) -> Split:
    """Judge only the first of several cases of a user with the same history.

    No model can tell them apart, so an oracle could not know the targets of all of them.
    """
    history = split.history.take(split.judged)
    first: dict[tuple[int, bytes], int] = {}
    for case, (user, items) in enumerate(
        zip(history.users.tolist(), history.sequences(), strict=True)
    ):
        first.setdefault((user, items.tobytes()), case)
    cases = np.fromiter(first.values(), dtype=np.int64)
    if len(cases) == len(history):
        return split
    targets, offsets = split.judged_targets
    lengths = np.diff(offsets)[cases]
    kept = targets[slices(offsets[cases], lengths)]
    return Split(split.train, history.take(cases), kept, offsets=offsets_of(lengths))


def _any_seen(split: Split) -> bool:
    """Whether a target is in the history of its case. Masking can then not be checked."""
    return bool(np.isin(split.target_pairs, split.history.take(split.judged).pairs()).any())


def _sizes(split: Split, data: Dataset) -> Counter[tuple[int, int]]:
    """Count cases by (number of targets, number of items that can be recommended)."""
    sizes: Counter[tuple[int, int]] = Counter()
    history = split.history.take(split.judged)
    for targets, items in zip(targets_of(split), history.sequences(), strict=True):
        masked = set(items.tolist()) - set(targets.tolist()) if data.repeats == "first" else ()
        sizes[len(targets), data.interactions.n_items - len(masked)] += 1
    return sizes


def _tied_sizes(split: Split) -> Counter[tuple[int, int]]:
    """Count cases by (number of targets, number of items that `TyingOracle` scores highest)."""
    sizes: Counter[tuple[int, int]] = Counter()
    history = split.history.take(split.judged)
    for targets, items in zip(targets_of(split), history.sequences(), strict=True):
        another = len({*items.tolist(), *targets.tolist()}) < history.n_items
        sizes[len(targets), len(targets) + another] += 1
    return sizes


def _chance(sizes: Counter[tuple[int, int]], metric: str, k: int) -> tuple[float, float]:
    """Return the expected metric under random orders, and its variance.

    The variance assumes one target per case. Nothing here uses the referee's code.
    """
    gains = [1.0 if metric == "recall" else 1 / math.log2(rank + 1) for rank in range(1, k + 1)]
    means, variances = [], []
    for (n_targets, n_items), n_cases in sizes.items():
        ideal = n_targets if metric == "recall" else math.fsum(gains[:n_targets])
        mean = math.fsum(gains[:n_items]) * n_targets / n_items / ideal
        means.append(n_cases * mean)
        squares = math.fsum(gain**2 for gain in gains[:n_items]) / n_items
        variances.append(n_cases * (squares - mean**2))
    return math.fsum(means) / sizes.total(), math.fsum(variances) / sizes.total() ** 2


def _highest(split: Split, metric: str, k: int) -> float:
    """Return the highest possible value: below 1 for recall, if cases have more than k targets."""
    counts = np.diff(split.judged_targets[1])
    return 1.0 if metric == "ndcg" else float((np.minimum(counts, k) / counts).mean())


def _exact(model: str, result: Result, metric: str, k: int, expected: float) -> Check:
    """Check a value exactly: 1 to the last bit, other values up to rounding."""
    value, bound = result.value(metric, k).mean, 0.0 if expected == 1 else ROUNDING
    return Check(model, metric, k, expected, value, bound, result.status)


def _by_chance(model: str, result: Result, k: int, chance: float, variance: float) -> Check:
    """Check a random value by Bernstein's inequality, which needs no normal distribution."""
    value, n_cases = result.value("ndcg", k).mean, result.setting.n_cases
    surprise = math.log(2 / FALSE_ALARM)
    bound = math.sqrt(2 * variance * surprise) + surprise / (3 * n_cases)
    return Check(model, "ndcg", k, chance, value, bound, result.status)
