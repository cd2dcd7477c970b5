"""Step 1, dataset: ids, titles and features of users and items, loaded when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from recbench.data.arrays import Array, as_type, check_dimensions, read_only, to_array
from recbench.errors import RecbenchError, suggest

MISSING = ("None", "nan", "NaN", "NaT", "<NA>")
"""How missing values of Python, numpy and pandas are written as text."""

VALIDATION = "validation."
"""The names of metadata that begin with this are columns of a validation split."""


class UnknownFeatureError(RecbenchError, KeyError):
    """A feature was asked for that the data do not have."""

    __str__ = Exception.__str__  # a KeyError shows the repr


class Features(Mapping[str, Array]):
    """Read-only mapping from the name of a feature to its values, which are loaded when asked for.

    what: of what they are features, for errors, such as "item".
    """

    def __init__(self, what: str, names: Sequence[str], load: Callable[[str], Array]) -> None:
        self._what, self._names, self._load = what, tuple(names), load

    def __getitem__(self, name: str) -> Array:
        if name not in self._names:
            raise UnknownFeatureError(
                f"there is no {self._what} feature {name!r}; {self._hint(name)}"
            )
        return self._load(name)

    def _hint(self, name: str) -> str:
        return suggest(str(name), self._names) if self._names else "the data have none"

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Features({', '.join(map(repr, self._names))})"

    def __reduce__(self) -> Any:
        return Features.of, (self._what, dict(self))

    @classmethod
    def of(cls, what: str, arrays: Mapping[str, Array]) -> Features:
        """Return features that are in memory already."""
        return cls(what, tuple(arrays), arrays.__getitem__)


class Metadata:
    """What is known of users and items besides their numbers.

    names: user_ids, item_ids and titles, names such as user_features.age and
    item_features.genres, and those of a validation split. load: returns the array of a name; it is
    called once, when the name is first asked for.
    """

    def __init__(self, names: Sequence[str], load: Callable[[str], Array]) -> None:
        self.names, self.load = tuple(names), load
        self._loaded: dict[str, Array] = {}

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> Metadata:
        """Return metadata that are in memory already."""
        metadata = cls(tuple(arrays), _cannot_load)
        metadata._loaded = dict(arrays)
        return metadata

    def extended(self, names: Sequence[str], load: Callable[[str], Array]) -> Metadata:
        """Return the same metadata with further names. load: returns the array of one of these."""
        both = Metadata(
            (*self.names, *names), lambda name: load(name) if name in names else self.load(name)
        )
        both._loaded = dict(self._loaded)
        return both

    def __getitem__(self, name: str) -> Array:
        """Return the array of a name, read-only."""
        if name not in self._loaded:
            self._loaded[name] = read_only(self.load(name))
        return self._loaded[name]

    def get(self, name: str) -> Array | None:
        """Return the array of a name; None if there is none."""
        return self[name] if name in self.names else None

    def features(self, what: str) -> Features:
        """Return the features of users or items. what: "user" or "item"."""
        prefix = f"{what}_features."
        names = [name.removeprefix(prefix) for name in self.names if name.startswith(prefix)]
        return Features(what, names, lambda name: self[prefix + name])

    def digest(self, name: str) -> str:
        """Return a hash of what a name stands for; "" if there is no such name."""
        array = self.get(name)
        return "" if array is None else hashlib.sha256(content(array)).hexdigest()[:16]

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """Return a hash of each name, but of none that the data and the split decide."""
        return {
            name: self.digest(name)
            for name in sorted(names)
            if not name.endswith("_ids") and not name.startswith(VALIDATION)
        }

    def changed(self, digests: Mapping[str, str]) -> list[str]:
        """Return the names whose hashes differ from earlier ones."""
        return [name for name, digest in digests.items() if self.digest(name) != digest]

    def __reduce__(self) -> Any:
        return _unpickled, (self.names, self._loaded)


def _unpickled(names: Sequence[str], loaded: Mapping[str, Array]) -> Metadata:
    metadata = Metadata.of(loaded)
    metadata.names = tuple(names)
    return metadata


def _cannot_load(name: str) -> NoReturn:
    raise RecbenchError(
        f"{name} was not read before the interactions were sent to another process. Read it before"
    )


class WithMetadata:
    """The properties of interactions that tell what is known of users and items.

    Each is read when it is first used. recbench records which ones a model has read.
    """

    metadata: Metadata | None

    @property
    def user_ids(self) -> Array | None:
        """Ids of the users in the source, shape (n_users,); None if there are none."""
        return None if self.metadata is None else self.metadata.get("user_ids")

    @property
    def item_ids(self) -> Array | None:
        """Ids of the items in the source, shape (n_items,); None if there are none."""
        return None if self.metadata is None else self.metadata.get("item_ids")

    @property
    def titles(self) -> Array | None:
        """Titles of the items, strings, "" where unknown, shape (n_items,); None without titles."""
        return None if self.metadata is None else self.metadata.get("titles")

    @property
    def user_features(self) -> Features:
        """Features of the users: a mapping from name to array of shape (n_users,).

        Numbers are int64, or float64 with NaN where unknown; texts are strings, "" where unknown.
        """
        return (self.metadata or Metadata.of({})).features("user")

    @property
    def item_features(self) -> Features:
        """Features of the items: a mapping from name to array of shape (n_items,).

        Numbers are int64, or float64 with NaN where unknown; texts are strings, "" where unknown.
        Several categories of an item are one string, as in "Action|Comedy".
        """
        return (self.metadata or Metadata.of({})).features("item")


def feature(name: str, given: Any, n: int) -> Array:
    """Return the values of a feature, read-only: int64, float64 or strings as Python objects.

    name: for errors. n: how many values there must be.
    Raises ValueError for another number of values, and for other types.
    """
    values = to_array(name, given)
    check_dimensions(name, values)
    if len(values) != n:
        raise ValueError(f"{name} has {len(values)} values; it must have {n}")
    kind = values.dtype.kind
    if kind in "biu":
        return _own(values, as_type(name, values.astype("i1") if kind == "b" else values, np.int64))
    if kind == "f":
        return _own(values, values.astype(np.float64, copy=False))
    if kind in "OUT":
        return read_only(_as_numbers(values) if _has_numbers(values) else as_texts(name, values))
    raise ValueError(f"{name} must be numbers or strings, not {values.dtype}; convert it first")


def _has_numbers(values: Array) -> bool:
    """Whether these are Python objects of which some are numbers and all others missing."""
    kinds = {type(value) for value in values.tolist() if str(value) not in MISSING}
    return bool(kinds) and kinds <= {int, float, bool}


def _as_numbers(values: Array) -> Array:
    missing = np.array([str(value) in MISSING for value in values.tolist()])
    numbers = np.where(missing, np.nan, values).astype(np.float64)
    is_whole = all(type(value) is not float for value in values.tolist())
    return numbers if missing.any() or not is_whole else values.astype(np.int64)


def as_texts(name: str, values: Array) -> Array:
    """Return strings as Python objects, "" for a missing value. Raises ValueError for others."""
    texts = values.tolist()
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            if str(text) not in MISSING:
                raise ValueError(
                    f"{name} must be numbers or strings, but {text!r:.60} occurs; convert it first"
                )
            texts[place] = ""
    made = np.empty(len(texts), dtype=object)
    made[:] = texts
    return made


def _own(given: Array, made: Array) -> Array:
    return read_only(made.copy() if np.may_share_memory(given, made) else made)


def content(array: Array) -> bytes:
    """Return the content of an array of numbers or strings, for hashes."""
    if array.dtype.kind in "OUT":
        texts = [str(text).encode(errors="surrogatepass") for text in array.tolist()]
        return b"texts" + b"".join(len(text).to_bytes(8, "little") + text for text in texts)
    return array.dtype.str.encode() + np.ascontiguousarray(array).tobytes()
