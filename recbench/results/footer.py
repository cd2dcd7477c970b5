"""Step 6, result: what a reader must know to trust a table."""

from __future__ import annotations

from collections.abc import Sequence

from recbench.results.result import Setting


def footer_of(setting: Setting, seeds: Sequence[int]) -> list[str]:
    """A sentence each: what is judged and what not, the rules, leaks and ties, what was done."""
    of = setting
    ranking = "Full ranking"
    if of.candidates:
        ranking = f"Ranked among {of.candidates} candidates, the same for every model"
    used = ", ".join(map(str, seeds)) or "none needed"
    return [
        f"{of.dataset}: {_judged(of)}; {_size(of)}; {_masked(of)}.",
        f"Split {of.split}; order {of.order}; seeds: {used}.",
        f"{ranking}, ties by exact expectation; [] is the 95% bootstrap interval over users.",
        *_leakage(of),
        *(f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in of.notes),
    ]


def _judged(of: Setting) -> str:
    judged = f"{_many(of.n_judged_users, 'user')} judged"
    if of.n_cases != of.n_judged_users:
        judged = f"{_many(of.n_cases, 'row')} of {judged}"
    if of.n_targets != of.n_cases:
        judged += f" on {_many(of.n_targets, 'target')}"
    if of.n_unjudged_users:
        judged += f", {of.n_unjudged_users:,} {'is' if of.n_unjudged_users == 1 else 'are'} not"
    return judged


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _size(of: Setting) -> str:
    return f"{_many(of.n_items, 'item')} in the catalogue, {_many(of.n_interactions, 'event')}"


def _masked(of: Setting) -> str:
    if of.repeats == "first":
        return "a repeated item counts once per user and seen items are masked"
    return "repeats are kept and nothing is masked"


def _leakage(of: Setting) -> list[str]:
    """How much of the future a model learns from, and what the order of equal times decides."""
    if of.future_share is None and of.time_tied is None:
        return ["Without times neither leaks nor ties can be counted."]
    return [sentence for sentence in (_future(of), _time_ties(of)) if sentence]


def _future(of: Setting) -> str:
    if of.future_share is None:
        return ""
    if not of.future_share:
        return "No training event is later than the target that it helps to predict."
    share = "less than 0.1%" if 0 < of.future_share < 0.0005 else f"{of.future_share:.1%}"
    return (
        f"On average {share} of the training events are later than the target "
        "they help to predict (0% under --split temporal)."
    )


def _time_ties(of: Setting) -> str:
    if not of.time_tied:
        none = "No target depends on how equal times are ordered."
        return "" if of.time_tied is None else none
    return (
        f"{of.time_tied:,} of {of.n_targets:,} targets depend on how equal times are ordered "
        "(--dataset NAME:time_ties=hash,seed=N shows how much that matters)."
    )
