"""Tuning: the picture of studies: values by trial, importance of options, validation and test."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recbench.errors import UsageError, counted
from recbench.evaluation.uncertainty import Value
from recbench.heatmap import canvas, picture_bytes, short_labels, wrapped
from recbench.tuning.optuna_study import importances, quiet_optuna
from recbench.tuning.study import FAILED, OK, PRUNED, STOPPED, Study, StudyTrial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#767676"
"""Colours that colour-blind readers can tell apart (Okabe and Ito, 2008), and a grey."""

UNFINISHED = {
    FAILED: ("x", ORANGE, "failed"),
    PRUNED: ("|", GREY, "ended early, as others were better"),
    STOPPED: ("_", GREY, "not finished in time"),
}
"""State of a trial without a value -> its marker, its colour, and what the legend says."""

ACROSS = 4
"""The most panels beside each other."""

LINE, PANEL, HEADING = 0.27, 1.75, 0.75
"""Inches: the height of a line or bar, of a panel of values, and of a heading with its space."""

SMALL, NORMAL = 8, 9.5
"""Font sizes in points."""

BY_TRIAL = "Validation by trial"
IMPORTANCE = (
    "Importance of options: which share of the differences between trials is due to each option "
    "(rough if there are few trials)"
)
GAP = (
    "Validation and test. If a model falls much further from validation to test than the others, "
    "its options may fit the validation targets too closely (over-tuning)."
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
    title = f"Tuning on {setting.dataset_title}, {setting.split}: {label}"
    if studies[0].better == "lower":
        title += " (lower is better)"
    tuned = [study for study in studies if study.space]
    with quiet_optuna():
        shares = {study.key: importances(study) for study in tuned}
    options = [option for study in tuned for option in study.space]
    width = 8.0 if len(studies) == 1 else 12.0
    with canvas((width, 1.0), [*names, *options, title]) as (figure, drawable):
        drawn = dict(zip((study.key for study in studies), map(drawable, names), strict=True))
        parts = _parts(studies, tuned, drawn, shares, on_test, drawable)
        figure.set_figheight(0.4 + sum(part.height for part in parts))
        figure.suptitle(drawable(title), parse_math=False, fontsize=12)
        heights = [part.height for part in parts]
        pieces = figure.subfigures(len(parts), height_ratios=heights, squeeze=False)[:, 0]
        for piece, part in zip(pieces, parts, strict=True):
            heading = wrapped(part.heading, 1.25 * width)
            piece.suptitle(heading, x=0.01, ha="left", fontsize=NORMAL + 0.5)
            part.draw(piece)
        return picture_bytes(figure, form)


def _parts(
    studies: Sequence[Study],
    tuned: Sequence[Study],
    names: Mapping[str, str],
    shares: Mapping[str, Mapping[str, float]],
    on_test: Mapping[str, Value],
    drawable: Callable[[str], str],
) -> list[_Part]:
    """Return the parts of the picture; names: key of a study -> its model, drawable."""
    tried = [study for study in studies if len(study.trials) > 1] or studies
    heading = BY_TRIAL
    if tried and len(tried) < len(studies):
        rest = [names[study.key] for study in studies if study not in tried]
        heading += f". Not drawn, with one trial only: {', '.join(rest)}"
    height = HEADING + 0.25 + PANEL * _lines(len(tried))
    parts = [_Part(heading, height, lambda piece: _draw_trials(piece, tried, names))]
    if tuned:
        most = _most_options(tuned)
        height = HEADING + sum(0.5 + LINE * number for number in most)
        parts.append(
            _Part(
                IMPORTANCE,
                height,
                lambda piece: _draw_importance(piece, tuned, names, shares, drawable),
            )
        )
    height = HEADING + 0.5 + LINE * max(2, len(studies))
    known = any(math.isfinite(on_test.get(study.key, Value()).mean) for study in studies)
    parts.append(
        _Part(
            GAP if known else NO_TEST,
            height,
            lambda piece: _draw_gap(piece, studies, names, on_test),
        )
    )
    return parts


def _rank(study: Study, on_test: Mapping[str, Value]) -> tuple[int, float, str]:
    """Return what models are sorted by: their test value, or else their best validation value."""
    sign, test = -1 if study.better == "higher" else 1, on_test.get(study.key, Value()).mean
    if math.isfinite(test):
        return 0, sign * test, study.model
    return (
        (2, 0.0, study.model) if study.best is None else (1, sign * study.best.value, study.model)
    )


def _judged(study: Study) -> list[StudyTrial]:
    return [trial for trial in study.trials if trial.state == OK]


def _lines(number: int) -> int:
    """Return how many lines of panels there are."""
    return math.ceil(number / ACROSS)


def _grid(piece: SubFigure, number: int, **more: Any) -> list[Axes]:
    """Return this many panels, line by line."""
    across = min(number, ACROSS)
    panels = [*piece.subplots(_lines(number), across, squeeze=False, **more).flat]
    for axes in panels[number:]:
        axes.set_visible(False)
    return panels[:number]


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL)


# --- validation by trial ---


def _draw_trials(piece: SubFigure, studies: Sequence[Study], names: Mapping[str, str]) -> None:
    """Draw the value of each trial and the best one so far, one panel for each model.

    The scales of all panels have the same length, so that steps can be compared.
    """
    handles: dict[str, Any] = {}
    last = max((trial.number for study in studies for trial in study.trials), default=0)
    span = max(_span(study) for study in studies)
    for axes, study in zip(_grid(piece, len(studies)), studies, strict=True):
        _plain(axes)
        _draw_study(axes, study, span, handles)
        axes.set_xlim(-0.03 * last - 0.4, 1.03 * last + 0.4)
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=6)
        axes.set_title(_trials_title(study, names), fontsize=SMALL + 0.5, parse_math=False)
    piece.supxlabel("trial (0: the default options)", fontsize=SMALL + 0.5)
    piece.supylabel(studies[0].label, fontsize=SMALL + 0.5, parse_math=False)
    piece.legend(
        handles.values(), handles, loc="upper right", ncols=6, fontsize=SMALL, frameon=False
    )


def _trials_title(study: Study, names: Mapping[str, str]) -> str:
    best = study.best
    found = (
        "no trial was judged" if best is None else f"best: {best.value:.4g}, trial {best.number}"
    )
    return f"{names[study.key]}\n{found}"


def _span(study: Study) -> float:
    """Return the length of the scale that shows most of a study's values."""
    return 0.0


def _draw_study(axes: Axes, study: Study, span: float, handles: dict[str, Any]) -> None:
    judged = _judged(study)
    numbers, values = [trial.number for trial in judged], [trial.value for trial in judged]
    better = min if study.better == "lower" else max
    best = [better(values[: end + 1]) for end in range(len(values))]
    if judged:
        end = max(trial.number for trial in study.trials)
        handles["best so far"] = axes.step(
            [*numbers, end], [*best, best[-1]], where="post", color=BLUE, linewidth=1.6
        )[0]
        handles["a trial"] = axes.scatter(numbers, values, s=9, color=BLUE, alpha=0.45, linewidth=0)
    for state, (marker, colour, words) in UNFINISHED.items():
        without = [trial.number for trial in study.trials if trial.state == state]
        if without:
            handles[words] = axes.scatter(
                without,
                [0.0] * len(without),
                s=18,
                marker=marker,
                color=colour,
                linewidth=1.2,
                transform=axes.get_xaxis_transform(),
                clip_on=False,
                zorder=3,
            )


# --- the importance of options ---


def _most_options(studies: Sequence[Study]) -> list[int]:
    """Return the most options of a study in each line of panels."""
    numbers = [len(study.space) for study in studies]
    return [max(numbers[start : start + ACROSS]) for start in range(0, len(numbers), ACROSS)]


def _draw_importance(
    piece: SubFigure,
    studies: Sequence[Study],
    names: Mapping[str, str],
    shares: Mapping[str, Mapping[str, float]],
    drawable: Callable[[str], str],
) -> None:
    most = _most_options(studies)
    panels = _grid(piece, len(studies), height_ratios=[number + 1 for number in most])
    for place, (axes, study) in enumerate(zip(panels, studies, strict=True)):
        _plain(axes)
        judged = counted(study.count(OK), "trial")
        axes.set_title(f"{names[study.key]} ({judged})", fontsize=SMALL + 0.5, parse_math=False)
        found = sorted(shares[study.key].items(), key=lambda item: -item[1])
        if not found:
            axes.set_axis_off()
            values = {trial.value for trial in _judged(study)}
            why = "all values are equal" if len(values) == 1 and judged != "1 trial" else ""
            axes.text(0.5, 0.5, why or "too few trials", fontsize=SMALL, ha="center", va="center")
            continue
        bars = axes.barh(range(len(found)), [share for _, share in found], color=BLUE, height=0.65)
        axes.bar_label(bars, fmt="%.2f", fontsize=SMALL, padding=2)
        axes.set_yticks(range(len(found)), [drawable(option) for option, _ in found])
        axes.set_ylim(most[place // ACROSS] - 0.5, -0.5)
        axes.set_xlim(0, 1.15)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)


# --- validation and test ---


def _draw_gap(
    piece: SubFigure,
    studies: Sequence[Study],
    names: Mapping[str, str],
    on_test: Mapping[str, Value],
) -> None:
    """Draw one line for each model, from the best one at the top."""
    axes = piece.subplots()
    _plain(axes)
    handles: dict[str, Any] = {}
    for place, study in enumerate(studies):
        test = on_test.get(study.key, Value())
        _draw_line(axes, place, study, test, handles)
        axes.text(
            1.02,
            place,
            _gap_text(study, test),
            fontsize=SMALL,
            va="center",
            ha="left",
            transform=axes.get_yaxis_transform(),
        )
    axes.text(
        1.02,
        1.0,
        "test minus validation,\nbest options",
        fontsize=SMALL,
        va="bottom",
        transform=axes.transAxes,
    )
    axes.set_yticks(range(len(studies)), [names[study.key] for study in studies])
    axes.set_ylim(len(studies) - 0.4, -0.6)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(studies[0].label, fontsize=SMALL + 0.5, parse_math=False)
    axes.legend(
        handles.values(),
        handles,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=3,
        fontsize=SMALL,
        frameon=False,
    )


def _draw_line(axes: Axes, place: int, study: Study, test: Value, handles: dict[str, Any]) -> None:
    default, best = study.default, study.best
    if best is not None and math.isfinite(test.mean):
        axes.plot([best.value, test.mean], [place] * 2, color=GREY, linewidth=1)
    if default is not None and default.state == OK:
        handles["validation, default options"] = axes.scatter(
            default.value, place, s=42, facecolor="white", edgecolor=BLUE, linewidth=1.3, zorder=3
        )
    if best is not None:
        handles["validation, best options"] = axes.scatter(
            best.value, place, s=26, color=BLUE, zorder=4
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


def _gap_text(study: Study, test: Value) -> str:
    if study.best is None:
        return "no trial was judged"
    if not math.isfinite(test.mean):
        return "not judged on test"
    return f"{test.mean - study.best.value:+.4f}".replace("-", "−")
