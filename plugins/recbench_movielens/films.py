"""Step 1, dataset: titles, genres and years of the films, from each of the files that have them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

GENRES = (
    *("Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller"),
    *("War", "Western"),
)
"""The genres of u.item, in the order of its columns; the column before them is `unknown`."""

_NO_GENRE = {"(no genres listed)", "unknown", "unkonwn"}
_YEAR = re.compile(r"\((\d{4})(?:[-\N{EN DASH}]\s*(?:\d{4})?)?\s*\)")


class Film(NamedTuple):
    """A film. item: its id. genres: joined by |, "" if unknown. year: None if unknown."""

    item: str
    title: str
    genres: str
    year: int | None


Films = Iterator[Film]


def read_u_item(file: Path) -> Films:
    """`id|title|release date|video date|address|unknown|Action|...`, with 0 or 1 for each genre."""
    with file.open(encoding="latin-1") as lines:
        for line in lines:
            if line.strip():
                item, title, *more = line.rstrip("\n").split("|")
                flags = zip(GENRES, more[4:], strict=False)
                genres = [genre for genre, flag in flags if flag.strip() == "1"]
                yield _film(item, title, genres, more[0][-4:] if more else "")


def read_movies_dat(file: Path) -> Films:
    """`id::title::genres`."""
    with file.open(encoding="latin-1") as lines:
        for line in lines:
            if line.strip():
                item, rest = line.split("::", 1)
                title, _, genres = rest.rpartition("::")
                yield _film(item, title, genres.strip().split("|"))


def read_movies_csv(file: Path) -> Films:
    """`movieId,title,genres` with a header; titles that contain a comma are quoted."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            genres = (row.get("genres") or "").strip().split("|")
            yield _film(row["movieId"], row["title"], genres)


def read_ml_100k_item(file: Path) -> Films:
    """`id, title, year, genres` with a header and tabs; title and year are joined."""
    with file.open(encoding="utf-8") as lines:
        next(lines, None)
        for line in lines:
            item, title, year, *genres = line.rstrip("\n").split("\t")
            # The file's "year" is the text in the last brackets, such as 1995 or V (for video).
            # One film has neither title nor year; the publisher calls it "unknown".
            title = "unknown" if title == "unkonwn" else f"{title} ({year})"
            yield _film(item, title, " ".join(genres).split())


def _film(item: str, title: str, genres: list[str], date: str = "") -> Film:
    """Return a film. date: a year that counts if the title has none."""
    known = [genre for genre in genres if genre not in _NO_GENRE]
    year = (_YEAR.findall(title) or [date])[-1]
    return Film(item, title.strip(), "|".join(known), int(year) if year.isdecimal() else None)
