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
from recbench.results.result import Result, Setting
from recbench.results.results import Results
from recbench.spec import Spec
from recbench.store.store import Store


@dataclass(frozen=True)
class StoredRanking:
    """What a stored model made of one case.

    above, tied: as in `Ranking`, for each target. top_items: its first items, best first.
    """

    result: Result
    above: Array
    tied: Array
    top_items: Array


@dataclass(frozen=True)
class UserInspection:
    """One case of a user, and what the models made of it, best models first.

    history, targets: item numbers, the history's oldest first.
    """

    dataset: Dataset
    title: str
    user: str
    history: Array
    targets: Array
    rankings: list[StoredRanking]


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
    """Each case of a user, best models first; the models are those that are stored.

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
    cases = np.flatnonzero(experiment.split.history.users[judged] == number)
    if not len(cases):
        raise UsageError(
            f"user {user} is not judged under {experiment.setting.split}: the sequence is too "
            "short, or another part of it is held out"
        )
    rankings = _rankings(Store(results), experiment.setting)
    targets, offsets = experiment.split.judged_targets
    return [
        UserInspection(
            dataset=experiment.dataset,
            title=f"{experiment.setting.dataset}, {experiment.setting.split}",
            user=str(user),
            history=experiment.split.history.take(judged[[case]]).items,
            targets=targets[offsets[case] : offsets[case + 1]],
            rankings=[
                _stored_ranking(result, ranking.take(np.array([case])), k)
                for result, ranking in rankings
            ],
        )
        for case in cases
    ]


def _rankings(store: Store, setting: Setting) -> list[tuple[Result, Ranking]]:
    """The stored results that may be compared under this setting, best first."""
    comparable = [
        result
        for result in store.all()
        if result.ok and result.setting.comparison_key == setting.comparison_key
    ]
    sections = Results(comparable, store.case_columns).sections()
    return [(result, store.ranking(result)) for section in sections for result in section.results]


def _stored_ranking(result: Result, case: Ranking, k: int) -> StoredRanking:
    lists = np.empty((1, 0), dtype=np.int32) if case.lists is None else case.lists
    top_items = lists[0, :k]
    return StoredRanking(result, case.above, case.tied, top_items[top_items >= 0])
