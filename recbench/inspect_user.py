"""Outside the flow: inspect one user, the targets and where each stored model ranks them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recbench.arguments import check_arguments, with_names_checked
from recbench.data.dataset import Dataset
from recbench.data.interactions import Array
from recbench.data.load import Data
from recbench.errors import UsageError
from recbench.evaluation.ranking import Ranking
from recbench.experiment import Experiment
from recbench.plugins import Plugins, current_plugins
from recbench.progress import log
from recbench.report.report import Block, ReportOf, Table
from recbench.results.result import Result, Setting
from recbench.results.results import Results
from recbench.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

N_LAST = 20
"""How many of the history's last items are shown."""

COLUMNS = (
    *("case", "part", "place", "item", "title", "model", "seed"),
    *("rank", "last_rank", "is_target"),
)
"""Columns of `Inspection.to_frame`."""


@dataclass(frozen=True)
class StoredRanking:
    """Where a stored model ranks the targets of one case.

    Parameters
    ----------
    result : Result
        The model's result.
    above, tied : numpy.ndarray of shape (n_targets,), int
        How many items are ranked above each target, and how many are tied with it, as in
        `Ranking`.
    top_items : numpy.ndarray of shape (n,), int32
        Item numbers of the model's list, best first. -1 keeps the place of an item that the
        dataset does not have, as a list of `--recs` may.
    """

    result: Result
    above: Array
    tied: Array
    top_items: Array

    def rank(self, target: int, n_items: int) -> str:
        """Return the rank of a target, or the range of ranks if it is tied; n_items: of all."""
        above, tied = int(self.above[target]), int(self.tied[target])
        if above >= n_items:
            return "not listed"
        return f"{above + 1:,}" if tied == 1 else f"{above + 1:,} to {above + tied:,}"


@dataclass(frozen=True)
class UserInspection:
    """One case of a user, and where each stored model ranks its targets.

    Parameters
    ----------
    dataset : Dataset
        The dataset, for item ids and titles.
    title : str
        Dataset and split.
    user : str
        The user's id in the dataset.
    history : numpy.ndarray of shape (n_history,), int32
        Item numbers, oldest first.
    targets : numpy.ndarray of shape (n_targets,), int32
        Item numbers.
    rankings : list of StoredRanking
        One per stored result, best first.
    """

    dataset: Dataset
    title: str
    user: str
    history: Array
    targets: Array
    rankings: list[StoredRanking]

    def blocks(self, which: str = "") -> Iterator[Block]:
        """Yield the history, the targets, and the ranks and first items of each model.

        which: which of the user's cases this is, for the caption.
        """
        n_items = len(self.history)
        some = f" (last {N_LAST} of {n_items:,})" if n_items > N_LAST else ""
        yield Table(
            self._numbered(self.history, "place")[-N_LAST:],
            caption=f"History of user {self.user} in {self.title}{which}, oldest first{some}",
        )
        yield from self._held_out()
        for ranking in self.rankings:
            rows = self._numbered(ranking.top_items, "rank")
            for row, item in zip(rows, ranking.top_items, strict=True):
                row["held out"] = "<" if item in self.targets else ""
            yield Table(rows, caption=ranking.result.label)
            if not rows:
                yield "(no list is stored)"
        if not self.rankings:
            yield (
                "No results are stored for this dataset and split. Add one with: recbench run MODEL"
            )

    def _held_out(self) -> Iterator[Block]:
        """Yield targets and ranks: a row per model for one target, else a column per model."""
        targets = [self.named(item) for item in self.targets]
        n_items = self.dataset.interactions.n_items
        if len(targets) == 1 or not self.rankings:
            yield Table(targets, caption=f"Held-out item{'s' * (len(targets) > 1)}")
            rows = [
                {
                    "model": ranking.result.model,
                    "seed": "" if ranking.result.seed is None else str(ranking.result.seed),
                    f"rank of {targets[0]['item']}": ranking.rank(0, n_items),
                }
                for ranking in self.rankings
            ]
            if rows:
                yield Table(rows, caption="Its rank by model")
            return
        labels = [ranking.result.label for ranking in self.rankings]
        rows = [
            {**target, **{each.result.label: each.rank(nth, n_items) for each in self.rankings}}
            for nth, target in enumerate(targets)
        ]
        yield Table(rows, numbers=labels, caption="Held-out items, with their rank by model")

    def _numbered(self, items: Array, head: str) -> list[dict[str, Any]]:
        """Return one row per item, numbered from 1."""
        return [{head: number, **self.named(item)} for number, item in enumerate(items, 1)]

    def named(self, item: int) -> dict[str, str]:
        """Return the id and the title of an item."""
        if item < 0:
            return {"item": "(not in the dataset)", "title": ""}
        return {"item": str(self.dataset.item_ids[item]), "title": self.dataset.title(int(item))}


class Inspection(ReportOf[UserInspection]):
    """The cases of a user, and where stored models rank their targets; made by `inspect_user`.

    Parameters
    ----------
    parts : iterable of UserInspection
        One per case of the user.

    Examples
    --------
    >>> import recbench
    >>> found = recbench.inspect_user(7, dataset="synthetic", results="no-results-yet")
    >>> int((found.to_frame()["part"] == "target").sum())
    1
    """

    def to_frame(self) -> pd.DataFrame:
        """Return the histories, the targets and the lists as a table.

        Returns
        -------
        pandas.DataFrame
            One row per item. Columns: case (from 1); part, which is "history" (oldest first),
            "target" or "list" (of a stored model, best first); place in it (from 1); item (the
            dataset's own id; missing for one that the dataset does not have) and title; model and
            seed, for lists and for targets, which have one row per model; rank and last_rank of a
            target, which differ if it is tied, and are missing if the model does not list it;
            is_target, whether the item is held out.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for number, case in enumerate(self, 1):
            rows += _rows_of(case, {"case": number, "part": "history"}, case.history)
            target: dict[str, Any] = {"case": number, "part": "target"}
            if not case.rankings:
                rows += _rows_of(case, target, case.targets)
            for each in case.rankings:
                model = {"model": each.result.model, "seed": each.result.seed}
                of_targets = _rows_of(case, {**target, **model}, case.targets)
                for row, above, tied in zip(of_targets, each.above, each.tied, strict=True):
                    if above < case.dataset.interactions.n_items:
                        row |= {"rank": int(above) + 1, "last_rank": int(above) + int(tied)}
                rows += of_targets
                rows += _rows_of(case, {"case": number, "part": "list", **model}, each.top_items)
        frame = pd.DataFrame(rows, columns=COLUMNS)
        return frame.astype(dict.fromkeys(("seed", "rank", "last_rank"), "Int64"))

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        for number, case in enumerate(self, 1):
            yield from case.blocks(f", case {number} of {len(self)}" if len(self) > 1 else "")


def _rows_of(case: UserInspection, same: dict[str, Any], items: Array) -> list[dict[str, Any]]:
    """Return a row of `Inspection.to_frame` for each item. same: what all rows share."""
    return [
        {
            **same,
            "place": place,
            "item": None if item < 0 else case.dataset.item_ids[item],
            "title": "" if item < 0 else case.dataset.title(int(item)),
            "is_target": item in case.targets,
        }
        for place, item in enumerate(items, 1)
    ]


@with_names_checked
def inspect_user(
    user: str | int,
    dataset: Data = "ml-100k",
    *,
    k: int = 10,
    split: Any = "leave-last-out",
    results: str | Path = "results",
    data_dir: str | None = None,
    plugins: Plugins | None = None,
) -> Inspection:
    """Show one user's history and targets, and where each stored model ranks them.

    Parameters
    ----------
    user : str or int
        The user's id, as in the data.
    dataset : str, path, pandas.DataFrame or Dataset, default: "ml-100k"
        A dataset or the path of a log, with options, as in "log.csv:user=customer,item=sku", a log
        as a DataFrame, or what `load_dataset` returned.
    k : int, default: 10
        Number of items to show per model, at most as many as are stored.
    split : str, path, class, object or function, default: "leave-last-out"
        How to hold out targets: a splitter with options, such as "temporal:share=0.9", the path of
        a .py file, a class or object with `split`, or a function of (interactions).
    results : str or path, default: "results"
        Folder of stored results.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Inspection
        A sequence with one UserInspection per case of the user.

    Raises
    ------
    UsageError
        If the user is unknown or is not judged under this split.

    Examples
    --------
    >>> import recbench
    >>> (case,) = recbench.inspect_user(7, dataset="synthetic", results="no-results-yet")
    >>> len(case.targets), case.rankings
    (1, [])
    """
    check_arguments([k])
    plugins = current_plugins(plugins)
    experiment = Experiment.prepare(plugins, dataset, split, data_dir)
    number = experiment.dataset.user(str(user))
    judged = experiment.split.judged
    cases = np.flatnonzero(experiment.split.history.users[judged] == number)
    if not len(cases):
        raise UsageError(
            f"user {user} is not judged under {experiment.setting.split}: the user has no target "
            "there. Choose another user, or another --split"
        )
    rankings = _rankings(Store(results), plugins, experiment.setting)
    targets, offsets = experiment.split.judged_targets
    return Inspection(
        UserInspection(
            dataset=experiment.dataset,
            title=f"{experiment.setting.dataset_title}, {experiment.setting.split}",
            user=str(user),
            history=experiment.split.history.take(judged[[case]]).items,
            targets=targets[offsets[case] : offsets[case + 1]],
            rankings=[
                _stored_ranking(result, ranking.take(np.array([case])), k)
                for result, ranking in rankings
            ],
        )
        for case in cases
    )


def _rankings(store: Store, plugins: Plugins, setting: Setting) -> list[tuple[Result, Ranking]]:
    """Return the stored results that can be compared under this setting, best first."""
    stored = store.all(plugins)
    current = stored.of_protocol(setting.protocol)
    for what in current.left_out[len(stored.left_out) :]:
        log.info("left out: %s", what)
    comparable = [
        result
        for result in current
        if result.ok and result.setting.comparison_key == setting.comparison_key
    ]
    sections = Results(comparable, store.case_columns).sections()
    return [(result, store.ranking(result)) for section in sections for result in section.results]


def _stored_ranking(result: Result, case: Ranking, k: int) -> StoredRanking:
    lists = np.empty((1, 0), dtype=np.int32) if case.lists is None else case.lists
    top_items = lists[0, :k]
    n_listed = int(np.flatnonzero(top_items >= 0).max(initial=-1)) + 1  # without padding
    return StoredRanking(result, case.above, case.tied, top_items[:n_listed])
