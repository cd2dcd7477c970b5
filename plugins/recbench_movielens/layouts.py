"""Step 1, dataset: the file formats of MovieLens, and what is read from the files."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

import recbench

from .films import Films, read_ml_100k_item, read_movies_csv, read_movies_dat, read_u_item
from .people import People, read_ml_100k_user, read_u_user, read_users_dat

if TYPE_CHECKING:
    from recbench_files import Format

Array = npt.NDArray[Any]
Row = TypeVar("Row", bound=tuple[Any, ...])


@dataclass(frozen=True)
class Layout:
    """One format of a dataset's files.

    ratings, format, columns: the file with the ratings, and the options to read it.
    films, read_films: the file with the films, and the function that reads it.
    people, read_people: the file with the users, if there is one, and the function that reads it.
    sha256, films_sha256, people_sha256: hashes of the published files, if known.
    """

    ratings: str
    format: Format
    films: str
    read_films: Callable[[Path], Films]
    people: str = ""
    read_people: Callable[[Path], People] | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""
    films_sha256: str = ""
    people_sha256: str = ""

    def files_in(self, folder: str) -> Mapping[str, str]:
        """Return the paths of the files in a folder, with their sha256 or ""."""
        files = {
            self.ratings: self.sha256,
            self.films: self.films_sha256,
            self.people: self.people_sha256,
        }
        return {f"{folder}/{name}": sha256 for name, sha256 in files.items() if name}

    def read(self, folder: Path) -> tuple[recbench.Dataset, tuple[str, ...]]:
        """Read all files; return the dataset and notes on files that are missing."""
        from recbench_files import read_file

        dataset = read_file(str(folder / self.ratings), format=self.format, **self.columns)
        notes = []
        films = _rows(folder / self.films, self.read_films, "titles", dataset.item_ids)
        if films is None:
            notes.append(
                f"There are no titles, genres and years because the file {self.films} is missing"
            )
        else:
            dataset = dataclasses.replace(
                dataset,
                titles=_texts([film and film.title for film in films]),
                item_features={
                    "genres": _texts([film and film.genres for film in films]),
                    "year": _numbers([film and film.year for film in films]),
                },
            )
        if self.read_people is None:
            return dataset, tuple(notes)
        people = _rows(folder / self.people, self.read_people, "users", dataset.user_ids)
        if people is None:
            notes.append(f"There are no features of users because {self.people} is missing")
        else:
            dataset = dataclasses.replace(
                dataset,
                user_features={
                    "age": _numbers([person and person.age for person in people]),
                    "gender": _texts([person and person.gender for person in people]),
                    "occupation": _texts([person and person.occupation for person in people]),
                },
            )
        return dataset, tuple(notes)


def _rows(
    file: Path, read: Callable[[Path], Iterator[Row]], what: str, ids: Array
) -> list[Row | None] | None:
    """Return the row of each id, None for an id without one; None if there is no such file."""
    if not file.is_file():
        return None
    try:
        rows = {row[0]: row for row in read(file)}
    except (ValueError, IndexError, KeyError, csv.Error) as error:
        raise recbench.RecbenchError(
            f"{file.name} cannot be read as {what} ({error}). Replace it with the publisher's "
            f"file, or remove it to continue without {what}"
        ) from error
    return [rows.get(str(id_)) for id_ in ids]


def _texts(values: Sequence[str | None]) -> Array:
    return np.array([value or "" for value in values], dtype=object)


def _numbers(values: Sequence[int | None]) -> Array:
    """Return whole numbers, or floats with NaN if some are None."""
    if None in values:
        return np.array([np.nan if value is None else value for value in values])
    return np.array(values, dtype=np.int64)


UDATA = Layout(
    "u.data",
    "udata",
    "u.item",
    read_u_item,
    "u.user",
    read_u_user,
    sha256="06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
)
DAT = Layout("ratings.dat", "dat", "movies.dat", read_movies_dat, "users.dat", read_users_dat)
CSV = Layout(
    "ratings.csv",
    "csv",
    "movies.csv",
    read_movies_csv,
    columns={"user": "userId", "item": "movieId", "time": "timestamp", "rating": "rating"},
)
INTER = Layout(
    "ml-100k.inter",
    "inter",
    "ml-100k.item",
    read_ml_100k_item,
    "ml-100k.user",
    read_ml_100k_user,
    sha256="4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    films_sha256="51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    people_sha256="4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
)
