"""Step 1, dataset: the file formats of MovieLens, and how ratings and titles are read."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import recbench

if TYPE_CHECKING:
    from recbench_files import Format

Titles = Iterator[tuple[str, str]]
"""Pairs of item id and title."""


@dataclass(frozen=True)
class Layout:
    """One format of a dataset's files.

    ratings, format, columns: the file with the ratings, and the options to read it.
    titles, read_titles: the file with the titles, and the function that reads it.
    sha256, titles_sha256: hashes of the two published files, if known.
    """

    ratings: str
    format: Format
    titles: str
    read_titles: Callable[[Path], Titles]
    columns: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""
    titles_sha256: str = ""

    def files_in(self, folder: str) -> Mapping[str, str]:
        """Return the paths of both files in a folder, with their sha256 or ""."""
        return {
            f"{folder}/{self.ratings}": self.sha256,
            f"{folder}/{self.titles}": self.titles_sha256,
        }

    def read(self, folder: Path) -> tuple[recbench.Dataset, tuple[str, ...]]:
        """Read ratings and titles; return the dataset and notes on the titles."""
        from recbench_files import read_file

        dataset = read_file(str(folder / self.ratings), format=self.format, **self.columns)
        file = folder / self.titles
        if not file.is_file():
            return dataset, (f"There are no titles because the file {self.titles} is missing",)
        try:
            title_of = dict(self.read_titles(file))
        except (ValueError, IndexError, csv.Error) as error:
            raise recbench.RecbenchError(
                f"{self.titles} cannot be read as titles ({error}). Replace it with the "
                "publisher's file, or remove it to continue without titles"
            ) from error
        titles = [title_of.get(str(item), "") for item in dataset.item_ids]
        return dataclasses.replace(dataset, titles=np.array(titles, dtype=object)), ()


def _u_item(file: Path) -> Titles:
    """`id|title|date|...`."""
    with file.open(encoding="latin-1") as lines:
        for line in lines:
            if line.strip():
                item, title = line.split("|")[:2]
                yield item, title.strip()


def _movies_dat(file: Path) -> Titles:
    """`id::title::genres`."""
    with file.open(encoding="latin-1") as lines:
        for line in lines:
            if line.strip():
                item, rest = line.split("::", 1)
                yield item, rest.rpartition("::")[0].strip()


def _movies_csv(file: Path) -> Titles:
    """`movieId,title,genres` with a header; titles that contain a comma are quoted."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            yield row["movieId"], row["title"].strip()


def _ml_100k_item(file: Path) -> Titles:
    """`id, title, year, genres` with a header and tabs; title and year are joined."""
    with file.open(encoding="utf-8") as lines:
        next(lines, None)
        for line in lines:
            item, title, year = line.rstrip("\n").split("\t")[:3]
            # The file's "year" is the text in the last brackets, such as 1995 or V (for video).
            # One film has neither title nor year; the publisher calls it "unknown".
            yield item, "unknown" if title == "unkonwn" else f"{title} ({year})"


UDATA = Layout(
    "u.data",
    "udata",
    "u.item",
    _u_item,
    sha256="06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
)
DAT = Layout("ratings.dat", "dat", "movies.dat", _movies_dat)
CSV = Layout(
    "ratings.csv",
    "csv",
    "movies.csv",
    _movies_csv,
    {"user": "userId", "item": "movieId", "time": "timestamp", "rating": "rating"},
)
INTER = Layout(
    "ml-100k.inter",
    "inter",
    "ml-100k.item",
    _ml_100k_item,
    sha256="4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    titles_sha256="51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
)
