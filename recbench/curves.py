"""Outside the flow: learning curves: what stored models have reported while they trained."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbench.arguments import with_names_checked
from recbench.curves_picture import curves_picture
from recbench.data.load import Data
from recbench.errors import UsageError, printable
from recbench.evaluation.referee import PROTOCOL
from recbench.files import write_output
from recbench.given.collect import as_typed
from recbench.given.models import with_models
from recbench.given.splitters import with_splitter
from recbench.heatmap import picture_form
from recbench.plugins import Plugins, current_plugins
from recbench.report.report import Block, Lines, Picture, ReportOf, Table
from recbench.reported import VALIDATION
from recbench.results.footer import left_out_lines
from recbench.results.result import OBJECTIVE, Result, metric_and_k, metric_label
from recbench.results.results import Results
from recbench.results.section import Section
from recbench.store.store import Store
from recbench.stored import (
    as_stored,
    is_of,
    is_wanted,
    names_of_dataset,
    names_of_models,
    of_missing,
)

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("dataset", "split", "candidates", "model", "seed", "status"),
    *("name", "step", "seconds", "value"),
)
"""Columns of `Curves.to_frame`."""

OWN_VALIDATION = (
    "Each model measures its validation values itself, on data that it holds out from its training "
    "data. Models may hold out different data or use different metrics, so a higher curve does not "
    "always mean a better model. Test values are measured in the same way for all models."
)

OWN_VALUES = (
    "Each model measures {!r} itself, so the values of different models may not be comparable."
)


class Curves(ReportOf[Section]):
    """Learning curves: a sequence of sections, whose results have `curves`; returned by `curves`.

    Parameters
    ----------
    parts : iterable of Section
        One per dataset and split.
    values : str, default: "validation"
        The name of the values that are drawn and printed.
    left_out : sequence of str, default: ()
        Which stored results were left out and why, one sentence each.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import recbench
    >>> class Mine:
    ...     def fit(self, train):
    ...         self.n_items = train.n_items
    ...         with recbench.Progress("mine", total=2) as progress:
    ...             progress.step(values={"loss": 0.5, "validation": 0.1})
    ...             progress.step(values={"loss": 0.3, "validation": 0.2})
    ...         return self
    ...     def score(self, history):
    ...         return np.zeros((len(history), self.n_items))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = recbench.run(Mine, "synthetic", results=folder, in_process=True)
    ...     curves = recbench.curves(results=folder)
    >>> curves.to_frame()[["name", "step", "value"]].values.tolist()
    [['loss', 1, 0.5], ['loss', 2, 0.3], ['validation', 1, 0.1], ['validation', 2, 0.2]]
    """

    def __init__(
        self,
        parts: Iterable[Section],
        values: str = VALIDATION,
        left_out: Sequence[str] = (),
    ) -> None:
        super().__init__(parts)
        self.values, self.left_out = values, tuple(left_out)

    def to_frame(self) -> pd.DataFrame:
        """Return all values that the models have reported as a table.

        Returns
        -------
        pandas.DataFrame
            One row per point of each curve, whatever values are drawn. Columns: dataset, split,
            candidates ("" for full ranking), model, seed, status ("ok", or "failed: " and the
            reason), name (of the value, such as "loss"), step, seconds (since the training began)
            and value.
        """
        import pandas as pd

        rows = [
            (*_cell(section, result), printable(name), *point)
            for section in self
            for result in section.results
            for name, points in result.curves.items()
            for point in points
        ]
        frame = pd.DataFrame(rows, columns=COLUMNS)
        return frame.astype({"seed": "Int64", "step": "int64", "seconds": float, "value": float})

    def draw(self, path: str | Path) -> None:
        """Draw the values by seconds and by step, with the models of a dataset and split together.

        Parameters
        ----------
        path : str or path
            A .png, .svg or .pdf file.

        Raises
        ------
        UsageError
            If the path has another suffix.
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
        UsageError
            If there is nothing to draw.
        """
        return curves_picture([*self], self.values, self._note(), form)

    def _note(self) -> str:
        return OWN_VALIDATION if self.values == VALIDATION else OWN_VALUES.format(self.values)

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        for section in self:
            has = [result for result in section.results if result.curves.get(self.values)]
            rows = [self._row(result) for result in has]
            numbers = [
                head for head in (rows[0] if rows else ()) if head not in ("model", "status")
            ]
            yield Table(rows, numbers, printable(f"{section.title}: {self.values}"))
            have = {result.model for result in has}
            lack = dict.fromkeys(result.model for result in section.results)
            names = ", ".join(printable(model) for model in lack if model not in have)
            if names:
                yield f"Without values {self.values!r}, so not drawn: {names}."
            yield Lines([result.failure for result in has if not result.ok], indent="  ")
        yield self._note()
        yield Lines(left_out_lines(Results((), left_out=self.left_out)))
        yield Picture(self.picture, f"Learning curves: {self.values}")

    def _row(self, result: Result) -> dict[str, str]:
        """Return a row of the table. Of values other than validation, the better end is unknown."""
        points = result.curves[self.values]
        highest = max(points, key=lambda point: point[2])
        lowest = min(points, key=lambda point: point[2])
        ends = {"best": highest}
        if self.values != VALIDATION:
            ends = {"lowest": lowest, "highest": highest}
        step, seconds, last = points[-1]
        test = result.value(*metric_and_k(OBJECTIVE)).mean
        return {
            "model": printable(result.model),
            "seed": "" if result.seed is None else str(result.seed),
            "status": "" if result.ok else "failed",
            "last step": f"{step:,}",
            "seconds": f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.2f}",
            **{f"{name} (at step)": f"{_shown(at[2])} ({at[0]:,})" for name, at in ends.items()},
            "last": _shown(last),
            f"test {metric_label(*metric_and_k(OBJECTIVE))}": _shown(test),
        }


def _shown(value: float) -> str:
    """Return a number with four decimals, or four digits if it is very small or large."""
    if not math.isfinite(value):
        return ""
    return f"{value:.4f}" if value == 0 or 0.01 <= abs(value) < 100_000 else f"{value:.4g}"


def _cell(section: Section, result: Result) -> tuple[Any, ...]:
    """Return what tells the curves of a result apart from others, for a frame."""
    setting = section.setting
    texts = (setting.dataset, setting.split, setting.candidates, result.model)
    return (*map(printable, texts), result.seed, printable(result.status))


@with_names_checked
def curves(
    models: Any = (),
    *,
    dataset: Data | None = None,
    split: str | None = None,
    values: str = VALIDATION,
    results: str | Path = "results",
    plugins: Plugins | None = None,
) -> Curves:
    """Return the learning curves of stored results: values that models reported while they trained.

    Parameters
    ----------
    models : str, class, object, function, module or path, or several of them, default: ()
        Only these models, given as for `run`. A name without options stands for all settings of the
        model. An empty list takes all.
    dataset : str, path, pandas.DataFrame, Dataset or None, default: None
        Only results on this dataset, given as for `run` or named as in a table. None takes all.
    split : str or None, default: None
        Only results of this split, named as for `run` or as in a table. None takes all.
    values : str, default: "validation"
        The name of the values to draw, such as "loss". `validation` is the model's own measure on
        data that it holds out from its training data.
    results : str or path, default: "results"
        Folder of stored results.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Curves
        A sequence with one Section per dataset and split that has such values. Printed, it is the
        table of the command; `draw` draws it.

    Raises
    ------
    UsageError
        If there are no such results, or if they have no such values.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import recbench
    >>> class Mine:
    ...     def fit(self, train):
    ...         self.n_items = train.n_items
    ...         with recbench.Progress("mine", total=2) as progress:
    ...             progress.step(values={"loss": 0.5, "validation": 0.1})
    ...             progress.step(values={"loss": 0.3, "validation": 0.2})
    ...         return self
    ...     def score(self, history):
    ...         return np.zeros((len(history), self.n_items))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = recbench.run(Mine, "synthetic", results=folder, in_process=True)
    ...     (section,) = recbench.curves(values="loss", results=folder)
    >>> [(step, loss) for step, seconds, loss in section.results[0].curves["loss"]]
    [(1, 0.5), (2, 0.3)]
    """
    plugins = current_plugins(plugins)
    plugins, texts = with_models(plugins, models)
    if split is not None:
        plugins, split = with_splitter(plugins, split)
        split = as_stored(plugins, "splitters", split)
    datasets = None if dataset is None else names_of_dataset(plugins, dataset)
    stored = Store(results).all(plugins).of_protocol(PROTOCOL)
    wanted = [as_stored(plugins, "models", text) for text in texts]
    typed = " ".join(as_typed(plugins, "models", text) for text in texts)
    missing = of_missing(wanted, names_of_models(result.model for result in stored))
    if missing or not stored:
        left_out = "".join(f" {line}" for line in left_out_lines(stored))
        raise UsageError(
            f"{results} has no results{missing}.{left_out} To get some: recbench run "
            f"{typed or 'transformer'}"
        )
    of_models = f" of {typed}" if typed else ""
    sections = [_of_models(section, wanted) for section in stored.sections()]
    chosen = [
        section for section in sections if section.results and is_of(section, datasets, split)
    ]
    if not chosen:
        there = "; ".join(dict.fromkeys(section.title for section in sections if section.results))
        raise UsageError(
            f"{results} has no results{of_models} on this dataset and split. "
            f"It has some on: {there}"
        )
    names = {name for section in chosen for result in section.results for name in result.curves}
    if not names:
        raise UsageError(
            f"{results} has no learning curves{of_models}: these models "
            "reported no values while they trained, or an earlier version of recbench stored their "
            "results. To get some: recbench run transformer --force"
        )
    if values not in names:
        raise UsageError(
            f"no values {values!r} are stored in {results}; choose from: "
            f"{', '.join(map(printable, sorted(names)))}"
        )
    with_values = [
        section
        for section in chosen
        if any(result.curves.get(values) for result in section.results)
    ]
    return Curves(with_values, values, stored.left_out)


def _of_models(section: Section, wanted: Sequence[str]) -> Section:
    """Return a section with the results of some models only; of all, if there are no names."""
    results = [result for result in section.results if is_wanted(result.model, wanted)]
    return dataclasses.replace(section, results=tuple(results))
