"""Step 6, results: what stands below a table, in the one place for its sentences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from recbench.results.result import Setting
from recbench.results.results import Results
from recbench.results.section import BEST_MARK, FLOOR_MARK, Section


def footer_lines(section: Section, segments: Mapping[str, object] | None = None) -> list[str]:
    """A sentence each: what the marks mean, what is judged and how, what failed.

    segments: metric -> its segments, where the table shows them, too.
    """
    return [
        *_legend(section),
        *([] if segments is None else _segments(section, segments)),
        *_setting(section.setting, section.seeds),
        *(f"{result.label}: {result.status}" for result in section.results if not result.ok),
    ]


def left_out_lines(results: Results) -> list[str]:
    """What stands in no table, and why."""
    return [f"Left out: {reason}." for reason in results.left_out]


def _legend(section: Section) -> list[str]:
    """What the marks and the numbers are."""
    shown = section.shown_metrics
    lines = []
    if any(section.level_with_best(metric, k) for metric in shown for k in section.ks):
        lines.append(
            f"{BEST_MARK} the best of its column, or not to be told from it (paired t-test over "
            "users, Holm's correction, p >= 0.05)."
        )
    cells = Counter(result.model for result in section.results if result.ok)
    if any(n_seeds > 1 for n_seeds in cells.values()):
        lines.append("Means over seeds; ± is the standard deviation over seeds.")
    if section.not_above_floor:
        lines.append(f"{FLOOR_MARK} not above popular, by NDCG at the largest k.")
    jackknifed = [metric for metric in shown if _is_jackknifed(section, metric)]
    if jackknifed:
        lines.append(f"The intervals of {_listed(jackknifed)} are of a jackknife over users.")
    lacking = [metric for metric in section.metrics if metric not in shown]
    if lacking:
        lines.append(f"No result here has {_listed(lacking)}; running again measures what it can.")
    return lines


def _is_jackknifed(section: Section, metric: str) -> bool:
    """Whether the metric has an interval, but no value for each case."""
    measured = [
        (row, k)
        for row in section.rows
        if row.ok
        for k in row.ks
        if not math.isnan(row.value(metric, k).low)
    ]
    return bool(measured) and all(row.per_case(metric, k) is None for row, k in measured)


def _segments(section: Section, segments: Mapping[str, object]) -> list[str]:
    lines = []
    shown = section.shown_metrics
    if any(segments.get(metric) for metric in shown):
        lines.append(
            "Segments: target is where the target's item belongs, each of head, middle and tail "
            "having a third of the training events, the most popular items first; history is how "
            "many events a model is shown; () how many rows are judged there."
        )
    lacking = [metric for metric in shown if not segments.get(metric)]
    if lacking:
        lines.append(f"Not by segment: {_listed(lacking)}, of whole lists or not stored.")
    return lines


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]


def _setting(setting: Setting, seeds: Sequence[int]) -> list[str]:
    """A sentence each: what is judged and what not, the rules, leaks and ties, what was done."""
    ranking = "Full ranking"
    if setting.candidates:
        ranking = f"Ranked among {setting.candidates} candidates, the same for every model"
    used = ", ".join(map(str, seeds)) or "none needed"
    return [
        f"{setting.dataset}: {_judged(setting)}; {_size(setting)}; {_masked(setting)}.",
        f"Split {setting.split}; order {setting.order}; seeds: {used}.",
        f"{ranking}, ties by exact expectation; [] is the 95% bootstrap interval over users.",
        *_leakage(setting),
        *(f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in setting.notes),
    ]


def _judged(setting: Setting) -> str:
    judged = f"{_many(setting.n_judged_users, 'user')} judged"
    if setting.n_cases != setting.n_judged_users:
        judged = f"{_many(setting.n_cases, 'row')} of {judged}"
    if setting.n_targets != setting.n_cases:
        judged += f" on {_many(setting.n_targets, 'target')}"
    n_left = setting.n_unjudged_users
    if n_left:
        judged += f", {n_left:,} {'is' if n_left == 1 else 'are'} not"
    return judged


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _size(setting: Setting) -> str:
    items, events = _many(setting.n_items, "item"), _many(setting.n_interactions, "event")
    return f"{items} in the catalogue, {events}"


def _masked(setting: Setting) -> str:
    if setting.repeats == "first":
        return "a repeated item counts once per user and seen items are masked"
    return "repeats are kept and nothing is masked"


def _leakage(setting: Setting) -> list[str]:
    """How much of the future a model learns from, and what the order of equal times decides."""
    if setting.future_share is None and setting.time_tied is None:
        return ["Without times neither leaks nor ties can be counted."]
    return [sentence for sentence in (_future(setting), _time_ties(setting)) if sentence]


def _future(setting: Setting) -> str:
    if setting.future_share is None:
        return ""
    if not setting.future_share:
        return "No training event is later than the target that it helps to predict."
    share = "less than 0.1%" if 0 < setting.future_share < 0.0005 else f"{setting.future_share:.1%}"
    return (
        f"On average {share} of the training events are later than the target "
        "they help to predict (0% under --split temporal)."
    )


def _time_ties(setting: Setting) -> str:
    if not setting.time_tied:
        none = "No target depends on how equal times are ordered."
        return "" if setting.time_tied is None else none
    return (
        f"{setting.time_tied:,} of {setting.n_targets:,} targets depend on how equal times are "
        "ordered (--dataset NAME:time_ties=hash,seed=N shows how much that matters)."
    )
