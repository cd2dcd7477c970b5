"""Step 6, result: what a reader must know to trust a table."""

from __future__ import annotations

from collections.abc import Sequence

from recbench.data.leakage import Leakage
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
        *Leakage(of.later, of.tied, of.targets).sentences,
        *(f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in of.notes),
    ]


def _judged(of: Setting) -> str:
    judged = f"{_many(of.users, 'user')} judged"
    if of.rows != of.users:
        judged = f"{_many(of.rows, 'row')} of {judged}"
    if of.targets != of.rows:
        judged += f" on {_many(of.targets, 'target')}"
    if of.unjudged:
        judged += f", {of.unjudged:,} {'is' if of.unjudged == 1 else 'are'} not"
    return judged


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _size(of: Setting) -> str:
    return f"{_many(of.n_items, 'item')} in the catalogue, {_many(of.n_events, 'event')}"


def _masked(of: Setting) -> str:
    if of.repeats == "first":
        return "a repeated item counts once per user and seen items are masked"
    return "repeats are kept and nothing is masked"
