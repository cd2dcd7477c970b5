"""Tuning: the picture of studies: values by trial, importance of options, validation and test."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recbench.errors import UsageError, counted
from recbench.evaluation.uncertainty import ROUNDING, Value
from recbench.heatmap import canvas, picture_bytes, short_labels, wrapped
from recbench.tuning.optuna_study import FEWEST_TRIALS, importances, quiet_optuna
from recbench.tuning.study import FAILED, OK, PRUNED, STOPPED, Study, StudyTrial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#767676"
"""Two colours that colour-blind readers can tell apart (Okabe and Ito, 2008), and a grey."""

UNFINISHED = {
    FAILED: ("x", ORANGE, "failed"),
    PRUNED: ("|", GREY, "pruned, as others were better"),
    STOPPED: ("_", GREY, "not finished in time"),
}
"""State of a trial without a value -> its marker, its colour, and what the legend says."""

ACROSS = 4
"""The most panels beside each other."""

WIDTHS = {1: 8.5, 2: 10.0}
"""Inches: the width of a picture of one or two models."""

LINE, PANEL, HEADING = 0.27, 1.75, 0.75
"""Inches: the height of a line or bar, of a panel of values, and of a heading with its space."""

SMALL, MEDIUM, LARGE = 8, 8.5, 10
"""Font sizes in points."""

ROOM = 1.2
"""The length of a scale of values, in relation to what must be on it."""

BY_TRIAL = "Validation by trial"
IMPORTANCE = (
    "Importance of options: what share of the differences between trials is due to each option "
    "(rough if there are few trials)"
)
GAP = (
    "Validation and test. A model that loses much more from validation to test than others do may "
    "be over-tuned: its options fit the validation targets, but not new ones."
)
NO_TEST = "Validation, with the default options and the best ones. No model was judged on test."


@dataclass(frozen=True)
class _Part:
    """A part of the picture. height: in inches. draw: draws it into a figure of its own."""

    heading: str
    height: float
    draw: Callable[[SubFigure], None]


def tuning_picture(
    studies: Sequence[Study], on_test: Mapping[str, Value], form: str = "png"
) -> bytes:
    """Draw studies that share their data, split and metric.

    on_test: key of a study -> the value of its best options on the test targets, if they were
    judged. form: as `picture_form` returns it.

    Raises RecbenchError if optuna is missing, and UsageError if there is no study.
    """
    if not studies:
        raise UsageError("there is no study to draw; run recbench tune first")
    studies = sorted(studies, key=lambda study: _rank(study, on_test))
    names = short_labels(study.model for study in studies)
    setting, label = studies[0].setting, studies[0].label
    lower = " (lower is better)" if studies[0].better == "lower" else ""
    title = f"Tuning on {setting.dataset_title}, {setting.split}: {label}{lower}"
    with quiet_optuna():
        shares = {study.key: importances(study) for study in studies if study.space}
    options = short_labels(option for study in studies for option in study.space)
    width = WIDTHS.get(len(studies), 12.0)
    with canvas((width, 1.0), [*names, *options, title]) as (figure, drawable):
        drawn = dict(zip((study.key for study in studies), map(drawable, names), strict=True))
        bars = {
            key: {
                drawable(label): share
                for label, share in zip(short_labels(found), found.values(), strict=True)
            }
            for key, found in shares.items()
        }
        parts = _parts(studies, drawable(label), drawn, bars, on_test)
        heights = [part.height for part in parts]
        figure.set_figheight(0.4 + sum(heights))
        figure.suptitle(drawable(wrapped(title, width)), parse_math=False, fontsize=12)
        pieces = figure.subfigures(len(parts), height_ratios=heights, squeeze=False)[:, 0]
        for piece, part in zip(pieces, parts, strict=True):
            heading = wrapped(part.heading, 1.25 * width)
            piece.suptitle(heading, x=0.01, ha="left", fontsize=LARGE, parse_math=False)
            part.draw(piece)
        return picture_bytes(figure, form)


def _rank(study: Study, on_test: Mapping[str, Value]) -> tuple[int, float, str]:
    """Return what models are sorted by: their test value, or else their best validation value."""
    sign = -study.sign
    test, best = on_test.get(study.key, Value()).mean, study.best
    if math.isfinite(test):
        return 0, sign * test, study.model
    return (2, 0.0, study.model) if best is None else (1, sign * best.value, study.model)


def _parts(
    studies: Sequence[Study],
    label: str,
    names: Mapping[str, str],
    shares: Mapping[str, Mapping[str, float]],
    on_test: Mapping[str, Value],
) -> list[_Part]:
    """Return the parts of the picture.

    label: of the metric. names: key of a study -> its model. shares: key of a study -> the
    importance of its options.
    """
    parts = []
    tried = [study for study in studies if len(study.trials) > 1]
    if tried:
        rest = ", ".join(names[study.key] for study in studies if study not in tried)
        heading = BY_TRIAL + (f". Not drawn, with one trial only: {rest}" if rest else "")
        draw = functools.partial(_draw_trials, studies=tried, label=label, names=names)
        parts.append(_Part(heading, HEADING + 0.5 + PANEL * _lines(len(tried)), draw))
    tuned = [study for study in tried if study.space]
    if tuned:
        tuned = sorted(tuned, key=lambda study: -len(shares[study.key]))
        height = HEADING + sum(0.45 + LINE * most for most in _most_bars(tuned, shares))
        draw = functools.partial(_draw_importance, studies=tuned, names=names, shares=shares)
        parts.append(_Part(IMPORTANCE, height, draw))
    known = any(math.isfinite(on_test.get(study.key, Value()).mean) for study in studies)
    draw = functools.partial(_draw_gap, studies=studies, label=label, names=names, on_test=on_test)
    height = HEADING + 0.75 + LINE * max(2, len(studies))
    return [*parts, _Part(GAP if known else NO_TEST, height, draw)]


def _lines(number: int) -> int:
    """Return how many lines of panels there are."""
    return math.ceil(number / ACROSS)


def _grid(piece: SubFigure, number: int, **more: Any) -> list[Axes]:
    """Return this many panels, line by line."""
    panels = [*piece.subplots(_lines(number), min(number, ACROSS), squeeze=False, **more).flat]
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=SMALL)
    for axes in panels[number:]:
        axes.set_visible(False)
    return panels[:number]


def _legend(piece: SubFigure, handles: Mapping[str, Any]) -> None:
    piece.legend(
        handles.values(), handles, loc="outside lower left", ncols=4, fontsize=SMALL, frameon=False
    )


# --- validation by trial ---


def _draw_trials(
    piece: SubFigure, studies: Sequence[Study], label: str, names: Mapping[str, str]
) -> None:
    """Draw the value of each trial and the best one so far, one panel for each model.

    The scales of all panels have the same length, so that gains can be compared.
    """
    handles: dict[str, Any] = {}
    last = max(trial.number for study in studies for trial in study.trials)
    span = ROOM * max(map(_spread, studies)) or 1.0
    panels = _grid(piece, len(studies))
    lowest = panels[ACROSS * (_lines(len(panels)) - 1) :]
    for axes, study in zip(panels, studies, strict=True):
        if study.best is None:
            axes.set_yticks([])
        else:
            _draw_values(axes, study, study.best, span, handles)
        for state in UNFINISHED:
            _draw_unfinished(axes, study, state, handles)
        axes.set_xlim(-0.03 * last - 0.4, 1.03 * last + 0.4)
        axes.locator_params(axis="x", integer=True, nbins=6)
        title = f"{names[study.key]}\n{_found(study)}"
        axes.set_title(title, fontsize=MEDIUM, parse_math=False)
        axes.set_xlabel("trial (0: the default options)" if axes in lowest else "", fontsize=MEDIUM)
    piece.supylabel(label, fontsize=MEDIUM, parse_math=False)
    _legend(piece, handles)


def _found(study: Study) -> str:
    """Return what the trials of a study have found."""
    default, best = study.default, study.best
    if best is None:
        return "no trial was judged"
    if best.number == 0:
        return f"{best.value:.4g} by default, not improved"
    start = f"{default.value:.4g} by default, " if default and default.state == OK else ""
    return f"{start}{best.value:.4g} in trial {best.number}"


def _spread(study: Study) -> float:
    """Return how far the first trial and half of the trials are from the best one, at most."""
    values = [trial.value for trial in study.judged]
    if study.best is None:
        return 0.0
    best = study.best.value
    return max(0.01 * abs(best), abs(best - values[0]), abs(best - statistics.median(values)))


def _draw_values(
    axes: Axes, study: Study, best: StudyTrial, span: float, handles: dict[str, Any]
) -> None:
    """Draw the values of the judged trials. span: the length of the scale."""
    judged, sign = study.judged, study.sign
    numbers, values = [trial.number for trial in judged], [trial.value for trial in judged]
    so_far = [sign * max(sign * value for value in values[: end + 1]) for end in range(len(values))]
    last = max(trial.number for trial in study.trials)
    (handles["best so far"],) = axes.step(
        [*numbers, last], [*so_far, so_far[-1]], where="post", color=BLUE, linewidth=1.6
    )
    faint: dict[str, Any] = {"color": BLUE, "alpha": 0.5, "linewidth": 0}
    handles["a trial"] = axes.scatter(numbers, values, s=12, **faint)
    handles["the best trial"] = axes.scatter(best.number, best.value, s=28, color=BLUE, zorder=4)
    lowest = 0.0 if min(values) >= 0 else -math.inf
    ends = [max(best.value + sign * part * span, lowest) for part in (-1, 0.1)]
    axes.set_ylim(min(ends), max(ends))
    axes.locator_params(axis="y", nbins=5)
    hidden = [trial.number for trial in judged if sign * trial.value < sign * ends[0]]
    if hidden:
        marker, edge = ("v", 0.06) if sign > 0 else ("^", 0.94)
        places = [edge] * len(hidden)
        handles["a trial worse than shown"] = axes.scatter(
            hidden, places, s=16, marker=marker, transform=axes.get_xaxis_transform(), **faint
        )


def _draw_unfinished(axes: Axes, study: Study, state: str, handles: dict[str, Any]) -> None:
    """Mark the trials that ended in this state on the axis."""
    numbers = [trial.number for trial in study.trials if trial.state == state]
    if numbers:
        marker, colour, words = UNFINISHED[state]
        handles[words] = axes.scatter(
            numbers,
            [0.0] * len(numbers),
            s=22,
            marker=marker,
            color=colour,
            linewidth=1.3,
            transform=axes.get_xaxis_transform(),
            clip_on=False,
            zorder=3,
        )


# --- the importance of options ---


def _most_bars(studies: Sequence[Study], shares: Mapping[str, Mapping[str, float]]) -> list[int]:
    """Return the most bars of a panel in each line of panels."""
    numbers = [max(1, len(shares[study.key])) for study in studies]
    return [max(numbers[start : start + ACROSS]) for start in range(0, len(numbers), ACROSS)]


def _draw_importance(
    piece: SubFigure,
    studies: Sequence[Study],
    names: Mapping[str, str],
    shares: Mapping[str, Mapping[str, float]],
) -> None:
    """Draw bars of importance, one panel for each model."""
    most = _most_bars(studies, shares)
    panels = _grid(piece, len(studies), height_ratios=[number + 0.5 for number in most])
    for place, (axes, study) in enumerate(zip(panels, studies, strict=True)):
        title = f"{names[study.key]} ({counted(study.count(OK), 'trial')})"
        axes.set_title(title, fontsize=MEDIUM, parse_math=False)
        found = shares[study.key]
        if not found:
            axes.set_axis_off()
            axes.text(0.5, 0.5, _why_none(study), fontsize=SMALL, ha="center", va="center")
            continue
        options = sorted(found, key=lambda option: -found[option])
        places = range(len(options))
        bars = axes.barh(places, [found[option] for option in options], color=BLUE, height=0.65)
        axes.bar_label(bars, fmt="%.2f", fontsize=SMALL, padding=2)
        axes.set_yticks(places, options, parse_math=False)
        axes.set_ylim(most[place // ACROSS] - 0.5, -0.5)
        axes.set_xlim(0, 1.15)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.spines["left"].set_bounds(-0.5, len(options) - 0.5)


def _why_none(study: Study) -> str:
    values = [trial.value for trial in study.judged]
    if len(values) >= FEWEST_TRIALS and max(values) - min(values) <= ROUNDING:
        return "all trials have the same value"
    return "too few trials"


# --- validation and test ---


def _draw_gap(
    piece: SubFigure,
    studies: Sequence[Study],
    label: str,
    names: Mapping[str, str],
    on_test: Mapping[str, Value],
) -> None:
    """Draw one line for each model, from the best one at the top."""
    (axes,) = _grid(piece, 1)
    handles: dict[str, Any] = {}
    beside: dict[str, Any] = {"fontsize": SMALL, "transform": axes.get_yaxis_transform()}
    decimals = _decimals(study.best.value for study in studies if study.best is not None)
    for place, study in enumerate(studies):
        test = on_test.get(study.key, Value())
        _draw_line(axes, place, study, test, handles)
        axes.text(1.02, place, _gap_text(study, test, decimals), va="center", **beside)
    axes.text(1.02, -0.6, "test minus validation,\nbest options", va="bottom", **beside)
    axes.set_yticks(range(len(studies)), [names[study.key] for study in studies], parse_math=False)
    axes.set_ylim(len(studies) - 0.4, -0.6)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(label, fontsize=MEDIUM, parse_math=False)
    _legend(piece, handles)


def _draw_line(axes: Axes, place: int, study: Study, test: Value, handles: dict[str, Any]) -> None:
    """Draw what is known of one model."""
    default, best = study.default, study.best
    if best is not None and math.isfinite(test.mean):
        axes.plot([best.value, test.mean], [place] * 2, color=GREY, linewidth=1)
    if default is not None and default.state == OK:
        handles["validation, default options"] = axes.scatter(
            default.value, place, s=60, facecolor="white", edgecolor=BLUE, linewidth=1.3, zorder=3
        )
    if best is not None:
        handles["validation, best options"] = axes.scatter(
            best.value, place, s=24, color=BLUE, zorder=4
        )
    if math.isfinite(test.mean):
        ends = [[test.mean - test.low], [test.high - test.mean]]
        handles["test, best options, with 95% interval"] = axes.errorbar(
            test.mean,
            place,
            xerr=ends if math.isfinite(test.low) and math.isfinite(test.high) else None,
            fmt="D",
            markersize=4.5,
            color=ORANGE,
            linewidth=1.3,
            capsize=2.5,
            zorder=5,
        )


def _decimals(values: Iterable[float]) -> int:
    """Return with how many decimals differences of values are written."""
    largest = max(map(abs, values), default=0.0)
    return max(0, 4 - (len(str(int(largest))) if largest >= 1 else 0))


def _gap_text(study: Study, test: Value, decimals: int) -> str:
    if study.best is None:
        return "no trial was judged"
    if not math.isfinite(test.mean):
        return "not judged on test"
    return f"{test.mean - study.best.value:+.{decimals}f}".replace("-", "\N{MINUS SIGN}")
