"""Tuning: what `recbench.tune` returns: the studies, and the results on the test targets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from recbench.errors import counted, printable
from recbench.report.report import Block, Lines, Report, Table
from recbench.results.footer import sentence
from recbench.results.results import Results
from recbench.tuning.drawn import Drawn
from recbench.tuning.gains import Gain, gain_blocks
from recbench.tuning.study import FAILED, PRUNED, STOPPED, Study, StudyTrial

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("model", "dataset", "split", "metric", "default", "tuned", "best", "trials", "failed"),
    *("pruned", "stopped", "seconds", "remark"),
)
"""Columns of `Tuning.to_frame`."""


MOST_FAILURES = 3
"""How many reasons of failed trials of a model are shown."""


class Tuning(Drawn, Report):
    """Studies of several models on one dataset and split, and their results on the test targets.

    Printed, it has a table of the studies and the table of the results.

    Parameters
    ----------
    studies : sequence of Study
        One per model.
    results : Results or None, default: None
        The results of the best options on the test targets; None if they were not judged.
    gains : sequence of Gain or None, default: None
        How much better the best options are than the default ones on the test targets; None if
        the default ones were not judged.

    Examples
    --------
    >>> import tempfile
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tuning = recbench.tune(["recent-popular"], "synthetic", trials=2, results=folder)
    >>> tuning.studies[0].best.model.partition("=")[0]
    'recent-popular:half_life'
    >>> tuning.results[0].tuned.n_trials
    2
    """

    def __init__(
        self,
        studies: Sequence[Study],
        results: Results | None = None,
        gains: Sequence[Gain] | None = None,
    ) -> None:
        self.studies, self.results, self.gains = tuple(studies), results, gains

    def showing(self, *, verbose: bool) -> Tuning:
        """Return the same with another setting for the table of results.

        Parameters
        ----------
        verbose : bool
            Whether the footer of the table shows everything.

        Returns
        -------
        Tuning
            A new object; this one is unchanged.
        """
        results = None if self.results is None else self.results.showing(verbose=verbose)
        return Tuning(self.studies, results, self.gains)

    @property
    def best(self) -> dict[str, str]:
        """Model -> the same with its best options; a model without a successful trial is absent."""
        return {study.model: study.best.model for study in self.studies if study.best is not None}

    @property
    def holds(self) -> bool:
        """Whether every model has a trial that succeeded, and every result is there."""
        judged = self.results is not None and not self.results.failed
        return judged and len(self.best) == len(self.studies)

    def to_frame(self) -> pd.DataFrame:
        """Return the studies as a table.

        Returns
        -------
        pandas.DataFrame
            One row per model. Columns: model, dataset, split, metric, default and tuned (its value
            on validation targets with the default and with the best options), best (the model with
            its best options), trials, failed, pruned, stopped (numbers of trials), seconds and
            remark.
        """
        import pandas as pd

        rows = [
            {
                "model": study.model,
                "dataset": study.setting.dataset,
                "split": study.setting.split,
                "metric": study.metric,
                "default": _value(study.default),
                "tuned": _value(study.best),
                "best": "" if study.best is None else study.best.model,
                "trials": len(study.trials),
                "failed": study.count(FAILED),
                "pruned": study.count(PRUNED),
                "stopped": study.count(STOPPED),
                "seconds": study.seconds,
                "remark": remark(study),
            }
            for study in self.studies
        ]
        return pd.DataFrame(rows, columns=COLUMNS)

    def _drawn(self) -> tuple[Sequence[Study], Results | None]:
        return self.studies, self.results

    def to_markdown(self) -> str:
        """Return all tables in Markdown.

        Returns
        -------
        str
        """
        of_results = [] if self.results is None else [self.results.to_table("markdown")]
        return "\n\n".join([super().to_markdown().rstrip(), *of_results])

    def __str__(self) -> str:
        of_results = [] if self.results is None else [str(self.results)]
        return "\n\n".join([super().__str__(), *of_results])

    def _repr_html_(self) -> str:
        of_results = [] if self.results is None else [self.results.to_table("html")]
        return "\n".join([super()._repr_html_(), *of_results])

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        if not self.studies:
            yield "No trial has ended."
            return
        first = self.studies[0]
        tuned = [study for study in self.studies if study.space]
        rows = [_row(study) for study in self.studies]
        numbers = ("default", "tuned", "trials", "failed", "pruned", "stopped", "seconds")
        yield Table(rows, numbers, f"{first.setting.dataset_title}, {first.setting.split}: tuning")
        judged = f"{first.label} ({first.better} is better)"
        cases = counted(first.n_cases, "validation case")
        sentences = [
            f"default, tuned: {judged} on {cases} with the default and with the best options.",
            *([_budget(tuned[0])] if tuned else []),
            "No trial used the test targets.",
            *_remarks(self.studies),
        ]
        yield " ".join(sentences)
        yield Lines(
            [
                f"{printable(study.model)}: {failure[0].lower()}{failure[1:]}"
                for study in self.studies
                for failure in shortened(failures(study))
            ]
        )
        if self.gains is not None:
            yield from gain_blocks(self.gains, self.studies)


def shortened(lines: Sequence[str]) -> list[str]:
    """Return the first lines, and how many are left out."""
    left = len(lines) - MOST_FAILURES
    return [*lines[:MOST_FAILURES], *([f"{left} more; see recbench trials"] if left > 0 else [])]


def remark(study: Study) -> str:
    """Return what is worth knowing of a study: whether it was tuned, and might get better."""
    if study.best is None:
        return "no trial succeeded" if study.trials else "no trial has ended"
    if not study.space:
        return "not tuned"
    if study.exhausted:
        return "all combinations tried"
    if study.still_improving:
        return "still improving"
    return "default is best" if study.best.number == 0 else ""


def _row(study: Study) -> Mapping[str, Any]:
    best = study.best
    return {
        "model": printable(study.model),
        "default": _shown(study.default),
        "tuned": _shown(best) if study.space else "",
        "trials": f"{len(study.trials):,}",
        "failed": f"{study.count(FAILED):,}",
        "pruned": f"{study.count(PRUNED):,}",
        "stopped": f"{study.count(STOPPED):,}" if study.count(STOPPED) else "",
        "seconds": f"{study.seconds:,.0f}" if study.seconds >= 10 else f"{study.seconds:.1f}",
        "best options": "" if best is None or not study.space else printable(best.model),
        "remark": remark(study),
    }


def _value(trial: StudyTrial | None) -> float:
    return math.nan if trial is None else trial.value


def _shown(trial: StudyTrial | None) -> str:
    if trial is None:
        return ""
    return f"{trial.value:.4f}" if math.isfinite(trial.value) else trial.state


def _budget(study: Study) -> str:
    """Return the budget of each model as a sentence."""
    if study.max_seconds is not None:
        minutes = study.max_seconds / 60
        return f"Budget: {minutes:g} minutes of trials per model."
    return f"Budget: {counted(study.max_trials or 0, 'trial')} per model."


def _remarks(studies: Sequence[Study]) -> list[str]:
    """Return what the remarks of the table mean."""
    said = [remark(study) for study in studies]
    meanings = {
        "not tuned": "not tuned: there are no options to tune.",
        "still improving": "still improving: the best trial was in the last quarter of the budget.",
    }
    return [meaning for text, meaning in meanings.items() if text in said]


def failures(study: Study) -> list[str]:
    """Return why trials of a study failed, each reason once."""
    reasons: dict[str, list[str]] = {}
    for trial in study.trials:
        if trial.state == FAILED:
            reasons.setdefault(trial.reason, []).append(str(trial.number))
    return [
        sentence(f"trial{'s' * (len(numbers) > 1)} {', '.join(numbers)} failed: {reason}")
        for reason, numbers in reasons.items()
    ]
