"""Tuning: studies that can be drawn: what a call of `tune` and a list of trials share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from recbench.errors import RecbenchError
from recbench.evaluation.uncertainty import Value
from recbench.files import write_output
from recbench.heatmap import picture_form
from recbench.results.result import Setting, metric_and_k
from recbench.results.results import Results
from recbench.tuning.study import Study


class Drawn(ABC):
    """Studies with a picture. `_drawn` returns them, with their results on the test targets."""

    @abstractmethod
    def _drawn(self) -> tuple[Sequence[Study], Results | None]: ...

    def draw(self, path: str | Path) -> None:
        """Draw validation by trial, the importance of options, and the gap to the test targets.

        Parameters
        ----------
        path : str or path
            A .png, .svg or .pdf file.

        Raises
        ------
        UsageError
            If the path has another suffix.
        RecbenchError
            If the studies are on several datasets, splits or metrics, or optuna is not installed.
        """
        write_output(Path(path), self.picture(picture_form(path)))

    def picture(self, form: str = "png") -> bytes:
        """Return the picture that `draw` writes.

        Parameters
        ----------
        form : str, default: "png"
            Format of the picture, such as "png" or "svg".

        Returns
        -------
        bytes
            The content of the file.

        Raises
        ------
        RecbenchError
            If the studies are on several datasets, splits or metrics, or optuna is not installed.
        """
        from recbench.tuning.picture import tuning_picture

        studies, results = self._drawn()
        kinds = {(study.setting.comparison_key, study.metric) for study in studies}
        if len(kinds) > 1:
            raise RecbenchError(
                "a picture shows studies of one dataset, split and metric; choose them with "
                "--dataset, --split and --metric"
            )
        return tuning_picture(studies, on_test(studies, results), form)


def on_test(studies: Sequence[Study], results: Results | None) -> dict[str, Value]:
    """Return the value of each study's best options on the test targets, where they were judged."""
    rows = {
        (_content(section.setting), row.model): row
        for section in (results.sections() if results else ())
        for row in section.rows
    }
    found = {}
    for study in studies:
        row = None if study.best is None else rows.get((_content(study.setting), study.best.model))
        if row is not None and row.ok:
            value = row.value(*metric_and_k(study.metric))
            if not math.isnan(value.mean):
                found[study.key] = value
    return found


def _content(setting: Setting) -> tuple[str, ...]:
    """Return what tells data, splits and candidates apart, whatever they are called."""
    content = setting.dataset_sha256, setting.split_sha256, setting.candidates_sha256
    return (*content, setting.repeats, str(setting.protocol))
