"""Step 6, results: the footer of a table, whose sentences are all written here."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Sequence

from recbench.errors import counted
from recbench.results.by_group import DIFFERS_MARK, GroupValue
from recbench.results.result import Setting, metric_label
from recbench.results.results import Results
from recbench.results.section import BEST_MARK, FLOOR_MARK, RANKED_BY, Section

N_LINES, WIDTH = 6, 100
"""A footer has at most this many lines of this many characters, unless it is verbose."""

MAX_SEEDS = 5
"""More seeds than this are not listed one by one."""

COSTS = (
    "fit s: seconds to train. ms/user: milliseconds to score one case. peak MB: the most memory "
    "that the model's process used. params: number of learned parameters."
)


def footer_lines(
    section: Section,
    groups: Sequence[GroupValue] | None = None,
    *,
    verbose: bool | None = None,
    more: str = "--verbose",
) -> list[str]:
    """Return the footer of a table: failures first, then what readers need to trust the numbers.

    Parameters
    ----------
    section : Section
        The results of the table.
    groups : sequence of GroupValue, default: None
        What `Section.by_group` returned, if the table shows it.
    verbose : bool, default: the section's
        True for all sentences, each as a separate paragraph. False for two paragraphs of at most
        six lines of 100 characters together; their last sentence says how to see the rest.
    more : str, default: "--verbose"
        How to see the rest, for that sentence.

    Returns
    -------
    list of str
        Paragraphs. Failed models come first, one paragraph each, which do not count as lines.

    Examples
    --------
    >>> import recbench
    >>> results = recbench.run(["popular"], "synthetic", results=None)
    >>> for line in recbench.footer_lines(results.sections()[0])[:1]:
    ...     print(line)
    []: 95% bootstrap interval over users. No model uses a seed.
    """
    failures = [result.failure for result in section.results if not result.ok]
    legend, setting = _legend(section), section.setting
    legend += [] if groups is None else _groups(section, groups)
    sentences = [
        f"{_judged(setting)}; {_size(setting)}.",
        *([f"Dataset options: {setting.dataset_options}."] if setting.dataset_options else []),
        *([_ranking(setting)] if setting.candidates else []),
        *_in_main_process(section),
        *_notes_on_results(section),
        *_leakage(setting),
        sentence(f"Order: {setting.order}{_decides(setting)}"),
        *([] if setting.candidates else [_ranking(setting)]),
        *(sentence(note) for note in setting.notes),
    ]
    if section.verbose if verbose is None else verbose:
        return [*failures, *legend, *sentences, *_details(section)]
    return [*failures, " ".join(legend), _shortened(" ".join(legend), sentences, more)]


def left_out_lines(results: Results) -> list[str]:
    """Return sentences on the stored results that are in no table, with the reasons.

    Parameters
    ----------
    results : Results
        The results that are shown.

    Returns
    -------
    list of str
        Sentences; empty if nothing was left out.

    Examples
    --------
    >>> import recbench
    >>> recbench.left_out_lines(recbench.run(["popular"], "synthetic", results=None))
    []
    """
    return [sentence(f"Left out: {reason}") for reason in results.left_out]


def _shortened(legend: str, sentences: Sequence[str], where: str) -> str:
    """Return a paragraph of the first sentences that fit below the legend, and what is left."""
    room = N_LINES - len(_wrapped(legend))
    for n_shown in range(len(sentences), 0, -1):
        n_hidden = len(sentences) - n_shown
        more = counted(n_hidden, "more note") if n_hidden else "More"
        paragraph = " ".join([*sentences[:n_shown], f"{more}: {where}."])
        if len(_wrapped(paragraph)) <= room:
            break
    return paragraph


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _legend(section: Section) -> list[str]:
    """Return the meaning of marks and brackets, and the seeds."""
    shown = section.shown_metrics
    lines = []
    if any(section.level_with_best(metric, k) for metric in shown for k in section.ks):
        lines.append(
            f"{BEST_MARK}: best, or not significantly different (paired t-test, "
            "Holm-corrected, p >= 0.05)."
        )
    lower = [
        metric_label(metric)
        for metric in shown
        if any(result.better.get(metric) == "lower" for result in section.results)
    ]
    if lower:
        lines.append(f"Lower is better: {_listed(lower)}.")
    if section.not_above_floor:
        lines.append(f"{FLOOR_MARK}: not better than popular.")
    lines += ["[]: 95% bootstrap interval over users.", _seeds(section)]
    missing = [metric_label(metric) for metric in section.metrics if metric not in shown]
    if missing:
        lines.append(f"{_listed(missing)}: not measured in these results.")
    return [*lines, *_gaps(section)]


def _gaps(section: Section) -> list[str]:
    """Return which of the shown metrics some models lack, although others have them."""
    lacking: dict[str, list[str]] = {}
    for metric in section.shown_metrics:
        for k in section.ks:
            models = [
                row.model
                for row in section.rows
                if row.ok
                and k in row.ks
                and not all(f"{metric}@{k}" in result.values for result in row.results)
            ]
            if models:
                lacking.setdefault(_listed(models), []).append(metric_label(metric, k))
    return [f"{_listed(labels)} of {models}: not measured." for models, labels in lacking.items()]


def _in_main_process(section: Section) -> list[str]:
    models = [row.model for row in section.rows if not row.results[0].isolated]
    where = "Run in the main process, where a model could find the targets"
    return [f"{where}: {_listed(models)}."] if models else []


def _seeds(section: Section) -> str:
    cells = Counter(result.model for result in section.results if result.ok)
    numbers = section.seeds
    seeds = f"seeds {', '.join(map(str, numbers))}"
    if len(numbers) > MAX_SEEDS:
        in_a_row = numbers[-1] - numbers[0] == len(numbers) - 1
        seeds = f"seeds {numbers[0]} to {numbers[-1]}" if in_a_row else f"{len(numbers)} seeds"
    if any(n_seeds > 1 for n_seeds in cells.values()):
        return f"±: standard deviation over {seeds}."
    return f"Seed: {numbers[0]}." if numbers else "No model uses a seed."


def _groups(section: Section, groups: Sequence[GroupValue]) -> list[str]:
    """Return what is shown of groups, and which of them the table lacks."""
    lines = []
    if groups:
        lines.append("Each group is shown with its number of users.")
    if any(group.differs for group in groups):
        lines.append(
            f"{DIFFERS_MARK}: the interval of the difference excludes 0, as 1 in 20 does by chance."
        )
    if any(group.by == "popularity" for group in groups):
        lines.append("Head, middle and tail items have a third of the training interactions each.")
    lines += map(sentence, section.ungrouped)
    shown = {(group.by, group.metric) for group in groups}
    models = {group.model for group in groups}
    missing = [row.model for row in section.rows if row.ok and row.model not in models]
    lacking: dict[str, list[str]] = {}
    for grouping in section.groupings:
        metrics = [name for name in section.shown_metrics if (grouping.by, name) not in shown]
        if metrics:
            lacking.setdefault(_listed(list(map(metric_label, metrics))), []).append(grouping.by)
    lines += [f"Not available by {_listed(by)}: {labels}." for labels, by in lacking.items()]
    if groups and missing:
        lines.append(f"Not by groups, as no values per case are stored: {_listed(missing)}.")
    return lines


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]


def _ranking(setting: Setting) -> str:
    """Return what each target is ranked among, and how ties count."""
    among = "all unseen items"
    if setting.repeats == "keep":
        among = "all items"
    ranking = f"Full ranking among {among}"
    if setting.candidates:
        ranking = f"Ranked among {setting.sample}, the same for every model"
    return f"{ranking}; ties are averaged over all orders."


def _notes_on_results(section: Section) -> list[str]:
    """Return the notes on single results, each with the models that it is on."""
    models: dict[str, dict[str, None]] = {}
    for result in section.results:
        for note in result.notes:
            models.setdefault(note, {})[result.model] = None
    return [sentence(f"{', '.join(named)}: {note}") for note, named in models.items()]


def _judged(setting: Setting) -> str:
    judged = f"{counted(setting.n_judged_users, 'user')} judged"
    if setting.n_cases != setting.n_judged_users:
        judged = f"{counted(setting.n_cases, 'case')} of {judged}"
    if setting.n_targets != setting.n_cases:
        judged += f" on {counted(setting.n_targets, 'target')}"
    n_left = setting.n_unjudged_users
    return f"{judged} ({counted(n_left, 'user')} not judged)" if n_left else judged


def _size(setting: Setting) -> str:
    items = counted(setting.n_items, "item")
    return f"{items} and {counted(setting.n_interactions, 'interaction')}"


def _leakage(setting: Setting) -> list[str]:
    """Return how many training interactions are later than a target."""
    share = setting.future_share
    if share is None:
        unknown = "The data have no times, so leaks from the future cannot be counted."
        return [unknown] if setting.time_tied is None else []
    if not share:
        return ["No training interaction is later than the target it helps to predict."]
    amount = "less than 0.1%" if share < 0.0005 else f"{share:.1%}"
    compared = "are later than the target (--split temporal: 0%)"
    return [f"On average, {amount} of training interactions {compared}."]


def _decides(setting: Setting) -> str:
    if setting.time_tied is None:
        return ""
    return f", which decides {setting.time_tied:,} of {setting.n_targets:,} targets"


def _details(section: Section) -> list[str]:
    """Return the sentences that only --verbose shows."""
    setting = section.setting
    jackknifed = [
        metric_label(metric) for metric in section.shown_metrics if _is_jackknifed(section, metric)
    ]
    return [
        f"Split: {setting.split}. Dataset: {setting.dataset_title}.",
        *(
            ["To see how much this order matters: --dataset NAME:time_ties=hash,seed=1."]
            if setting.time_tied
            else []
        ),
        *([sentence(f"Source: {setting.source}")] if setting.source else []),
        *([sentence(f"Licence: {setting.licence}")] if setting.licence else []),
        *([sentence(f"Citation: {setting.citation}")] if setting.citation else []),
        "Intervals: percentile bootstrap, 10,000 resamples of the users, the same for all models.",
        f"Mark {BEST_MARK}: paired t-tests over users against the best model, Holm's correction.",
        *(
            [f"Mark {FLOOR_MARK}: by {metric_label(RANKED_BY)} at the largest cut-off."]
            if section.not_above_floor
            else []
        ),
        *([f"Intervals of {_listed(jackknifed)}: jackknife over users."] if jackknifed else []),
        COSTS,
        f"Version of the evaluation rules: {setting.protocol}.",
    ]


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


def sentence(text: str) -> str:
    """Return a note as a sentence: with a capital, unless it begins with a name, and a full stop.

    A text that ends with a full stop, a question mark or an exclamation mark gets none.
    """
    text = text.strip()
    if text.partition(" ")[0].isalpha():
        text = f"{text[:1].upper()}{text[1:]}"
    return text if text.endswith((".", "?", "!")) else f"{text}."
