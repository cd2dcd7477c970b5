"""The command line, preview: how a dataset is read, before anything is run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from recbench.cli.options import UnfinishedError
from recbench.data.clean import user_of_interaction
from recbench.data.dataset import Dataset
from recbench.data.interactions import Array
from recbench.data.load import Chosen, find_dataset
from recbench.errors import RecbenchError, counted
from recbench.offers import Offer
from recbench.plugins import Plugins
from recbench.report.text import draw_rows, wrap_text
from recbench.results.footer import sentence
from recbench.spec import unwrapped

N_FIRST = 5
"""How many interactions the table has."""

FIRST = "First interactions"
"""The heading of a table; a factory may have one of its own with this heading."""

UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


def preview(plugins: Plugins, text: str, data_dir: str | None = None) -> str:
    """Show how a dataset is read, its size, times and notes.

    Raises UnfinishedError with what the factory shows, if the dataset cannot be loaded after that.
    """
    chosen = find_dataset(plugins, text, data_dir)
    offer = chosen.offer
    parts = [wrap_text(f"{text}, read by {offer.what} (plugin {offer.plugin} {offer.version})")]
    tables = _tables_of_factory(chosen)
    parts += _drawn(tables)
    try:
        dataset = chosen.load()
    except RecbenchError as error:
        if not tables:
            raise
        raise UnfinishedError(_paragraphs(parts), error) from error
    if FIRST not in tables:
        parts += _drawn({FIRST: _first(dataset)})
    notes = [wrap_text(f"- {sentence(note)}") for note in dataset.notes]
    parts += [_facts(dataset), *(["Notes", "\n".join(notes)] if notes else [])]
    return _paragraphs(parts)


def _tables_of_factory(chosen: Chosen) -> Mapping[str, Sequence[Mapping[str, str]]]:
    """Return what the factory shows about its source: heading -> rows; {} if it shows nothing."""
    show = getattr(unwrapped(chosen.offer.factory), "preview", None)
    if show is None:
        return {}
    offer: Offer = dataclasses.replace(chosen.offer, factory=show)
    tables: Mapping[str, Sequence[Mapping[str, str]]] = offer.call(**chosen.own)
    return tables


def _drawn(tables: Mapping[str, Sequence[Mapping[str, str]]]) -> list[str]:
    return [part for heading, rows in tables.items() for part in (heading, draw_rows(rows))]


def _first(dataset: Dataset) -> list[dict[str, str]]:
    """Return a row for each of the first interactions."""
    log = dataset.interactions
    users = user_of_interaction(log)[:N_FIRST]
    return [
        {
            "user": str(dataset.user_ids[user]),
            "item": str(dataset.item_ids[item]),
            "title": dataset.title(int(item)),
            "time": "" if log.times is None else _time(log.times[place], log.time_unit),
            "rating": "" if log.ratings is None else f"{log.ratings[place]:g}",
        }
        for place, (user, item) in enumerate(zip(users, log.items[:N_FIRST], strict=True))
    ]


def _facts(dataset: Dataset) -> str:
    """Return the size, the ranges of times and ratings, and the names of features."""
    log = dataset.interactions
    counts = (
        counted(number, noun)
        for number, noun in (
            (log.n_users, "user"),
            (log.n_items, "item"),
            (log.n_interactions, "interaction"),
        )
    )
    times = "There are no times."
    if log.times is not None:
        first, last = (_time(time, log.time_unit) for time in _range(log.times))
        times = f"Times: from {first} to {last} (UTC), in {UNITS[log.time_unit]}."
    ratings = "There are no ratings."
    if log.ratings is not None:
        low, high = _range(log.ratings)
        ratings = f"Ratings: from {low:g} to {high:g}."
    lines = (
        f"Name in tables: {dataset.name}",
        f"Size: {', '.join(counts)}.",
        times,
        ratings,
        f"Order: {dataset.order}.",
        *(
            f"Features of {what}: {', '.join(features)}."
            for what, features in (
                ("interactions", log.features),
                ("users", dataset.user_features),
                ("items", dataset.item_features),
            )
            if features
        ),
    )
    return "\n".join(map(wrap_text, lines))


def _range(values: Array) -> tuple[Array, Array]:
    return np.nanmin(values), np.nanmax(values)


def _time(time: Array, unit: str) -> str:
    return str(np.int64(time).view(f"datetime64[{unit}]")).replace("T", " ")


def _paragraphs(parts: Sequence[str]) -> str:
    return "\n\n".join(filter(None, parts)) + "\n"
