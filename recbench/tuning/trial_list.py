"""Tuning: all trials of stored studies, as a list that can be printed, drawn and exported."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from recbench.errors import printable
from recbench.report.report import Block, Lines, ReportOf, Table
from recbench.results.footer import sentence
from recbench.results.results import Results
from recbench.store.versions import OTHER_CODE
from recbench.tuning.drawn import Drawn
from recbench.tuning.study import OK, Study, StudyTrial
from recbench.tuning.tuning import failures, remark

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("model", "dataset", "split", "metric", "trial", "state", "value", "best", "seconds"),
    *("options", "spec", "reason", "finished", "study", "outdated"),
)
"""Columns of `Trials.to_frame`."""


class Trials(Drawn, ReportOf[Study]):
    """The trials of studies: a sequence of studies; returned by `trials`.

    Parameters
    ----------
    studies : iterable of Study
        In any order.
    results : Results or None, default: None
        Stored results, among which are those of the best options on the test targets.
    outdated : collection of str, default: ()
        Keys of the studies whose model has other code now.

    Examples
    --------
    >>> import tempfile
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = recbench.tune(["recent-popular"], "synthetic", trials=2, results=folder)
    ...     trials = recbench.trials(results=folder)
    >>> trials.to_frame()[["trial", "state"]].values.tolist()
    [[0, 'ok'], [1, 'ok']]
    """

    def __init__(
        self,
        studies: Sequence[Study],
        results: Results | None = None,
        outdated: Collection[str] = (),
    ) -> None:
        super().__init__(studies)
        self.results, self.outdated = results, frozenset(outdated)

    def to_frame(self) -> pd.DataFrame:
        """Return all trials as a table.

        Returns
        -------
        pandas.DataFrame
            One row per trial. Columns: model, dataset, split, metric (such as "ndcg@10"), trial
            (its number, from 0), state ("ok", "failed", "pruned" or "stopped"), value (on the
            validation targets), best (whether it is the best of its study), seconds, options (those
            that were tuned), spec (the model with its options, for `run`), reason, finished (an ISO
            time in UTC), study (its key) and outdated (whether the model has other code now).
        """
        import pandas as pd

        rows = [
            {**_row(study, trial), "outdated": study.key in self.outdated}
            for study in self
            for trial in study.trials
        ]
        return pd.DataFrame(rows, columns=COLUMNS)

    def _drawn(self) -> tuple[Sequence[Study], Results | None]:
        return list(self), self.results

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        for study in self:
            setting = study.setting
            rows = [
                {
                    "trial": str(trial.number),
                    "state": _state(study, trial),
                    "options": _options(trial),
                    study.label: f"{trial.value:.4f}" if math.isfinite(trial.value) else "",
                    "seconds": f"{trial.seconds:.1f}" if math.isfinite(trial.seconds) else "",
                }
                for trial in study.trials
            ]
            title = f"{study.model} on {setting.dataset_title}, {setting.split}"
            yield Table(rows, (study.label, "seconds"), printable(title))
            said = [OTHER_CODE] if study.key in self.outdated else []
            said += [f"search space: {study.space_text}"] if study.space else []
            said += [remark(study)] if remark(study) else []
            yield " ".join(map(sentence, said))
            yield Lines(failures(study))


def _row(study: Study, trial: StudyTrial) -> dict[str, Any]:
    return {
        "model": printable(study.model),
        "dataset": study.setting.dataset,
        "split": study.setting.split,
        "metric": study.metric,
        "trial": trial.number,
        "state": trial.state,
        "value": trial.value,
        "best": trial is study.best,
        "seconds": trial.seconds,
        "options": _options(trial),
        "spec": printable(trial.model),
        "reason": printable(trial.reason),
        "finished": trial.finished,
        "study": study.key,
    }


def _state(study: Study, trial: StudyTrial) -> str:
    """Return how a trial ended, and whether it is the best or repeats another one."""
    if trial is study.best:
        return f"{trial.state}, best"
    return f"{trial.state}, {trial.reason}" if trial.state == OK and trial.reason else trial.state


def _options(trial: StudyTrial) -> str:
    if trial.number == 0:
        return "default"
    return ", ".join(f"{key}={value}" for key, value in sorted(trial.options.items()))
