"""Step 1, dataset: age, gender and occupation of the users, of the two datasets that have them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

OCCUPATIONS = (
    *("other", "academic/educator", "artist", "clerical/admin", "college/grad student"),
    *("customer service", "doctor/health care", "executive/managerial", "farmer", "homemaker"),
    *("K-12 student", "lawyer", "programmer", "retired", "sales/marketing", "scientist"),
    *("self-employed", "technician/engineer", "tradesman/craftsman", "unemployed", "writer"),
)
"""What the codes of users.dat stand for. 0 is "other" or not specified."""


class Person(NamedTuple):
    """A user. age: in ml-1m, the lowest of a bracket: 1, 18, 25, 35, 45, 50 or 56."""

    user: str
    age: int
    gender: str
    occupation: str


People = Iterator[Person]


def read_u_user(file: Path) -> People:
    """`id|age|gender|occupation|zip code`."""
    return _read(file, "|")


def read_users_dat(file: Path) -> People:
    """`id::gender::age::code of the occupation::zip code`."""
    with file.open(encoding="latin-1") as lines:
        for line in lines:
            if line.strip():
                user, gender, age, code = line.split("::")[:4]
                yield Person(user, int(age), gender, OCCUPATIONS[int(code)])


def read_ml_100k_user(file: Path) -> People:
    """`id, age, gender, occupation, zip code` with a header and tabs."""
    return _read(file, "\t", n_header=1)


def _read(file: Path, separator: str, n_header: int = 0) -> People:
    with file.open(encoding="latin-1") as lines:
        for n, line in enumerate(lines):
            if n >= n_header and line.strip():
                user, age, gender, occupation = line.split(separator)[:4]
                yield Person(user, int(age), gender, occupation)
