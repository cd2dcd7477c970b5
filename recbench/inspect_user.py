"""Outside the flow: inspect one user, the targets and where each stored model ranks them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recbench.arguments import check_arguments
from recbench.data.dataset import Dataset
from recbench.data.interactions import Array
from recbench.errors import UsageError
from recbench.evaluation.ranking import Ranking
from recbench.experiment import Experiment
from recbench.plugins import Plugins, current_plugins
from recbench.progress import log
from recbench.results.result import Result, Setting
from recbench.results.results import Results
from recbench.spec import Spec
from recbench.store.store import Store


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
    """Show one user's history and targets, and where each stored model ranks them.

    Parameters
    ----------
    user : str or int
        The user's id in the dataset.
    dataset : str or path, default: "ml-100k"
        A dataset, or the path of a log, with options: "log.csv:user=customer,item=product".
    split : str, default: "leave-last-out"
        How targets are held out.
    k : int, default: 10
        How many items of each list to show, at most as many as are stored.
    results : str or path, default: "results"
        Folder of stored results.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    list of UserInspection
        One per case of the user.

    Raises
    ------
    UsageError
        If the user is unknown or is not judged under this split.

    Examples
    --------
    >>> from recbench.inspect_user import inspect_user
    >>> (case,) = inspect_user(7, dataset="synthetic", results="no-results-yet")
    >>> len(case.targets), case.rankings
    (1, [])
    """
    check_arguments([k])
    plugins = current_plugins(plugins)
    plugins.check("splitters", Spec.parse(split))
    experiment = Experiment.prepare(plugins, str(dataset), split, data_dir)
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
    return [
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
    ]


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
