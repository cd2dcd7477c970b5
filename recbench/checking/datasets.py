"""Outside the flow: the contract of datasets, rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from recbench.checking.rule import NotApplicableError, NotRunError, Rule
from recbench.code.raised import require
from recbench.data.dataset import Dataset, quoted
from recbench.data.interactions import Array, Interactions
from recbench.data.times import PER_SECOND
from recbench.errors import counted

MISSING = ("", "nan", "NaN", "None", "NaT", "<NA>")
"""Texts of ids that are missing."""

MOST_TWINS = 2
"""If more items have a title than this, they must not all have the same."""

LATEST = 2200
"""Times of a later year are in another unit."""


class LoadedTwice:
    """A dataset that is loaded when it is first asked for, and once more to compare.

    load: returns it. factory: that the hook returns for it.
    """

    def __init__(self, load: Callable[[], Any], factory: Callable[..., Any]) -> None:
        self.load, self.factory = load, factory
        self._first: Dataset | None = None
        self._why_not = ""

    def first(self) -> Dataset:
        """Return the dataset. Raises whatever is wrong with it, only once."""
        if self._why_not:
            raise NotRunError(self._why_not)
        if self._first is None:
            self._why_not = "it cannot be loaded"
            made = self.load()
            require(
                isinstance(made, Dataset),
                f"the factory must return a recbench.Dataset, not {type(made).__name__}",
            )
            self._why_not = "it has no interactions"
            require(
                made.interactions.n_interactions, "a dataset needs interactions; check its source"
            )
            self._first, self._why_not = made, ""
        return self._first

    @property
    def log(self) -> Interactions:
        """All interactions."""
        return self.first().interactions


def is_dataset(data: LoadedTwice) -> str:
    """The factory returns a Dataset with interactions."""
    log = data.log
    return (
        f"{counted(log.n_users, 'user')}, {counted(log.n_items, 'item')}, "
        f"{counted(log.n_interactions, 'interaction')}"
    )


def is_stable(data: LoadedTwice) -> str:
    """The same options give the same content."""
    first, again = data.first(), data.load()
    rule = "the same options must give the same dataset"
    require(
        first.interactions.fingerprint() == again.interactions.fingerprint(),
        rule,
        f"its interactions differ: {_changed(first, again)}",
    )
    require(first.fingerprint() == again.fingerprint(), rule, "its ids differ")
    names = [name for name in first.metadata.names if name not in again.metadata.names]
    require(not names, rule, f"the second one has no {', '.join(names)}")
    kept, new = (each.metadata.digests(list(first.metadata.names)) for each in (first, again))
    differ = [name for name in kept if kept[name] != new[name]]
    require(not differ, rule, f"{', '.join(differ)} differ")
    require(first.name == again.name, rule, f"its names are {first.name}, {again.name}")
    return "loaded twice"


def _changed(first: Dataset, again: Dataset) -> str:
    """Return the first interaction that differs."""
    old, new = first.interactions, again.interactions
    if old.n_interactions != new.n_interactions:
        return f"{old.n_interactions:,}, then {new.n_interactions:,} interactions"
    if not np.array_equal(old.offsets, new.offsets):
        return "the sequences have other lengths"
    place = int(np.argmax(old.items != new.items))
    if old.items[place] == new.items[place]:
        return "the times or ratings differ"
    return f"interaction {place} is of item {old.items[place]}, then of item {new.items[place]}"


def is_ordered(data: LoadedTwice) -> str:
    """There is one sequence per user, in the order of user numbers and of times."""
    log = data.log
    require(
        np.array_equal(log.users, np.arange(log.n_users)),
        "there must be one sequence per user, in the order of user numbers; make the interactions "
        f"with recbench.Interactions.from_log. The sequences belong to the users "
        f"{log.users[:8].tolist()} ...",
    )
    if log.times is None:
        return "without times"
    starts = np.isin(np.arange(1, log.n_interactions), log.offsets[1:-1])
    falls = np.flatnonzero((np.diff(log.times) < 0) & ~starts)
    if len(falls):
        place = int(falls[0])
        user = int(np.searchsorted(log.offsets, place, side="right")) - 1
        raise AssertionError(
            f"interactions must be in the order of times, but user {user} has time "
            f"{log.times[place]} before {log.times[place + 1]}; sort them, as "
            "recbench.Interactions.from_log does"
        )
    return ""


def has_plausible_times(data: LoadedTwice) -> str:
    """Times are in the unit that the interactions state."""
    log = data.log
    if log.times is None:
        raise NotApplicableError("it has no times")
    per_year = 365.25 * 24 * 3600 * PER_SECOND[log.time_unit]
    first, last = (1970 + float(time) / per_year for time in (log.times.min(), log.times.max()))
    require(
        last < LATEST,
        f"the latest time, {log.times.max()}, is in the year {last:,.0f} if it is in "
        f"{log.time_unit}; state its unit, as in Interactions.from_log(..., time_unit='ms')",
    )
    return f"from {first:.0f} to {last:.0f}, in {log.time_unit}"


def has_ids(data: LoadedTwice) -> str:
    """Ids are known and unique."""
    dataset = data.first()
    for what, ids in (("user", dataset.user_ids), ("item", dataset.item_ids)):
        texts = np.asarray([str(own) for own in ids.tolist()], dtype=object)
        missing = np.flatnonzero([text.strip() in MISSING for text in texts])
        if len(missing):
            number = missing[0]
            raise AssertionError(
                f"every {what} needs an id, but {what} {number} has {quoted(texts[number])}"
            )
        twice = _repeated(texts)
        if twice:
            raise AssertionError(
                f"ids must be unique, but {what}s {twice[0]} and {twice[1]} have the id "
                f"{quoted(texts[twice[0]])}"
            )
    return f"such as user {quoted(dataset.user_ids[0])}, item {quoted(dataset.item_ids[0])}"


def _repeated(texts: Array) -> list[int]:
    """Return the numbers of the first two equal texts; [] if all differ."""
    seen: dict[str, int] = {}
    for number, text in enumerate(texts):
        if text in seen:
            return [seen[text], number]
        seen[text] = number
    return []


def has_titles(data: LoadedTwice) -> str:
    """Titles are texts, and known for some items."""
    titles = data.first().titles
    if titles is None:
        raise NotApplicableError("it has no titles")
    odd = [item for item, title in enumerate(titles.tolist()) if not isinstance(title, str)]
    require(
        not odd,
        f"titles must be texts, '' where unknown, but item {odd[0] if odd else 0} has "
        f"{titles[odd[0] if odd else 0]!r:.60}",
    )
    known = np.flatnonzero([bool(title.strip()) for title in titles.tolist()])
    require(len(known), "no item has a title; leave titles out, or check where they come from")
    first = quoted(titles[known[0]])
    same = len(known) > MOST_TWINS and len(set(titles[known].tolist())) == 1
    require(not same, f"titles must tell items apart, but all {len(known):,} are {first}")
    return f"for {len(known):,} of {counted(len(titles), 'item')}, such as {first}"


def has_features(data: LoadedTwice) -> str:
    """Features are known for some users, items or interactions."""
    dataset = data.first()
    found = {
        f"{what} feature {name!r}": values
        for what, features in (
            ("user", dataset.user_features),
            ("item", dataset.item_features),
            ("interaction", dataset.interactions.features),
        )
        for name, values in features.items()
    }
    if not found:
        raise NotApplicableError("it has no features")
    for what, values in found.items():
        known = np.flatnonzero([str(value).strip() not in MISSING for value in values.tolist()])
        require(
            len(known), f"the {what} is unknown everywhere; check where it comes from, or omit it"
        )
    return ", ".join(what.replace(" feature", "") for what in found)


def states_source(data: LoadedTwice) -> str:
    """The source is stated, which is stored with each result."""
    dataset = data.first()
    require(
        dataset.source.strip(),
        "a dataset must state its source, such as a file or an address: Dataset(..., source=...)",
    )
    licence = dataset.licence or getattr(data.factory, "licence", "")
    return f"licence: {licence}" if licence else "no licence is stated"


RULES = (
    Rule("the factory returns a Dataset with interactions", is_dataset),
    Rule("the same options give the same content", is_stable),
    Rule("interactions are sorted by user and time", is_ordered),
    Rule("times are plausible", has_plausible_times),
    Rule("ids are known and unique", has_ids),
    Rule("titles are texts, and some are known", has_titles),
    Rule("features are known for some users or items", has_features),
    Rule("the source is stated", states_source),
)
"""What `recbench.testing.check_dataset` checks."""
