"""Beside the flow: one user, what was held out, and what each stored model made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recbench.data.dataset import Dataset
from recbench.data.interactions import Array
from recbench.errors import UsageError
from recbench.evaluation.ranking import Ranking
from recbench.experiment import Experiment
from recbench.plugins import Plugins, load_plugins
from recbench.results.result import Result
from recbench.results.results import Results
from recbench.spec import Spec
from recbench.store.store import Store


@dataclass(frozen=True)
class StoredRanking:
    """What a stored model made of one row.

    above, tied: as in `Ranking`, for each target. best: its first items, best first.
    """

    result: Result
    above: Array
    tied: Array
    best: Array


@dataclass(frozen=True)
class UserInspection:
    """One judged row of a user: item numbers of its history, oldest first, and of its targets."""

    dataset: Dataset
    title: str
    user: str
    history: Array
    targets: Array
    opinions: list[StoredRanking]


def inspect_user(
    user: str | int,
    *,
    dataset: str | Path = "ml-100k",
    split: str = "leave-last-out",
    k: int = 10,
    results: str | Path = "results",
    data_dir: str | None = None,
    plugins: Plugins | None = None,
) -> list[UserInspection]:
    """Each judged row of a user, best models first; the models are those that are stored.

    user: an outside id. k: how many items of each list, at most as many as were kept.

    Raises UsageError for a user who is not there or not judged.
    """
    if k < 1:
        raise UsageError(f"k must be a whole number from 1, not {k}")
    plugins = plugins or load_plugins()
    plugins.check("splitters", Spec.parse(split))
    experiment = Experiment.prepare(plugins, str(dataset), split, data_dir)
    number = experiment.dataset.user(str(user))
    judged = experiment.split.judged
    rows = np.flatnonzero(experiment.split.history.users[judged] == number)
    if not len(rows):
        raise UsageError(
            f"user {user} is not judged under {experiment.setting.split}: the sequence is too "
            "short, or another part of it is held out"
        )
    store = Store(results)
    mine = [
        one
        for one in store.all()
        if one.ok and one.setting.comparison_key == experiment.setting.comparison_key
    ]
    best = [one for section in Results(mine, store.per_user).sections() for one in section.results]
    rankings = [(one, store.ranking(one)) for one in best]
    targets, offsets = experiment.split.judged_targets
    return [
        UserInspection(
            dataset=experiment.dataset,
            title=f"{experiment.setting.dataset}, {experiment.setting.split}",
            user=str(user),
            history=experiment.split.history.take(judged[[row]]).items,
            targets=targets[offsets[row] : offsets[row + 1]],
            opinions=[_opinion(one, ranking.take(np.array([row])), k) for one, ranking in rankings],
        )
        for row in rows
    ]


def _opinion(result: Result, row: Ranking, k: int) -> StoredRanking:
    lists = np.empty((1, 0), dtype=np.int32) if row.lists is None else row.lists
    best = lists[0, :k]
    return StoredRanking(result, row.above, row.tied, best[best >= 0])
