"""Step 1, dataset: the interactions with the ids of users and items, titles and the source."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from recbench.data.arrays import check_dimensions, freeze_arrays
from recbench.data.interactions import Array, Interactions
from recbench.data.metadata import Features, Metadata, feature
from recbench.errors import UsageError
from recbench.spec import Spec

if TYPE_CHECKING:
    import pandas as pd

ORDER_RULE = "by user and time, equal times in file order"
FILE_ORDER_RULE = "by user, in file order"
"""How interactions are ordered by default, with and without times, as table footers state it."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A dataset: all interactions, the ids of users and items, titles and the source.

    Parameters
    ----------
    name : str
        Name in tables.
    interactions : Interactions
        All interactions, with one sequence per user, in the order of user numbers.
    user_ids : numpy.ndarray of shape (n_users,)
        Ids of the users in the source, integers or strings: user number u has the id user_ids[u].
    item_ids : numpy.ndarray of shape (n_items,)
        Ids of the items in the source, integers or strings.
    titles : numpy.ndarray of shape (n_items,), optional
        Titles of the items as strings, "" where unknown.
    source : str, optional
        Where the data came from, such as a file or an address.
    sha256 : str, optional
        Hash of the source file (hex), if there is one.
    licence : str, optional
        Terms of use, as the publisher states them.
    citation : str, optional
        Citation that the publisher asks for.
    repeats : {"", "first", "keep"}, default: ""
        With "first", an item counts once per user and seen items are masked when ranking. With
        "keep", all interactions count and nothing is masked. It is "" until recbench loads the
        dataset and sets it; plugins do not.
    order : str, default: "by user and time, equal times in file order"
        How the interactions of a sequence are ordered, in words. recbench sets it.
    notes : tuple of str, optional
        What was dropped, merged or assumed, and how the source was read. Each note is one
        sentence; the most important comes first. Tables show the first ones in their footers,
        and all of them with --verbose.
    user_features, item_features : mapping of str to array_like, optional
        Features of users and items: name -> one value per user or item. The values are numbers, or
        strings with "" where unknown. Several categories of an item are one string, as in
        "Action|Comedy".

    Raises
    ------
    ValueError
        If the number of ids, titles or values of a feature does not match the interactions, an
        array is masked, an id is neither an integer nor a string, or the name is empty.

    Examples
    --------
    >>> import numpy as np
    >>> import recbench
    >>> log = recbench.Interactions.from_log(users=[0, 0, 1], items=[0, 1, 1], times=[5, 9, 7])
    >>> dataset = recbench.Dataset("shop", log, np.array(["ann", "bob"]), np.array([10, 20]))
    >>> dataset
    Dataset('shop', Interactions(2 sequences, 3 interactions, 2 users, 2 items))
    >>> dataset.user("bob"), dataset.item("20")
    (1, 1)
    """

    name: str
    interactions: Interactions
    user_ids: Array
    item_ids: Array
    titles: Array | None = None
    source: str = ""
    sha256: str = ""
    licence: str = ""
    citation: str = ""
    repeats: str = ""
    order: str = ORDER_RULE
    notes: tuple[str, ...] = field(default=())
    user_features: Mapping[str, Array] = field(default_factory=dict)
    item_features: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ValueError(f"a dataset needs a name that is a text, not {self.name!r:.60}")
        freeze_arrays(self, user_ids=None, item_ids=None, titles=None)
        for field_name, expected in (
            ("user_ids", self.interactions.n_users),
            ("item_ids", self.interactions.n_items),
            ("titles", self.interactions.n_items),
        ):
            column = getattr(self, field_name)
            if column is None and field_name == "titles":
                continue
            check_dimensions(f"dataset {self.name}: {field_name}", column)
            if field_name != "titles":
                _check_ids(f"dataset {self.name}: {field_name}", column)
            if len(column) != expected:
                what = "users" if field_name == "user_ids" else "items"
                raise ValueError(
                    f"dataset {self.name}: {field_name} has {len(column)} entries, but the "
                    f"interactions have {expected} {what}"
                )

        for what, n in (("user", self.interactions.n_users), ("item", self.interactions.n_items)):
            given = getattr(self, f"{what}_features")
            if not isinstance(given, Features):
                label = f"dataset {self.name}: {what} feature"
                own = {
                    str(name): feature(f"{label} {name!r}", values, n)
                    for name, values in given.items()
                }
                object.__setattr__(self, f"{what}_features", Features.of(what, own))
        object.__setattr__(self, "interactions", self.describe(self.interactions))

    @cached_property
    def metadata(self) -> Metadata:
        """What is known of users and items, for models and metrics."""
        arrays = {"user_ids": self.user_ids, "item_ids": self.item_ids, "titles": self.titles}
        for what in ("user_features", "item_features"):
            arrays |= {f"{what}.{name}": values for name, values in getattr(self, what).items()}
        return Metadata.of({name: array for name, array in arrays.items() if array is not None})

    def describe(self, interactions: Interactions) -> Interactions:
        """Return interactions of this dataset, such as a part of them, with its metadata.

        Parameters
        ----------
        interactions : Interactions
            Interactions of the users and items of this dataset.

        Returns
        -------
        Interactions
            The same arrays. Ids, titles and features of users and items are those of the dataset.

        Examples
        --------
        >>> import recbench
        >>> dataset = recbench.load_dataset("synthetic")
        >>> history = recbench.Interactions([-1], [3, 5], offsets=[0, 2], n_users=1, n_items=500)
        >>> dataset.describe(history).item_ids[[3, 5]].tolist()
        [4, 6]
        """
        described = copy.copy(interactions)
        object.__setattr__(described, "metadata", self.metadata)
        return described

    @property
    def short_name(self) -> str:
        """The name without options, as titles show it: `log.csv` for `log.csv:item=product`."""
        return Spec.parse(self.name).name

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, {self.interactions!r})"

    def fingerprint(self) -> str:
        """Return a hash of the interactions and ids, which identifies the data of a result.

        Returns
        -------
        str
            A sha256 hash (hex). Name, titles, source and notes do not affect it.

        Examples
        --------
        >>> import recbench
        >>> recbench.load_dataset("synthetic").fingerprint()[:8]
        'fd582264'
        """
        digest = hashlib.sha256(self.interactions.fingerprint().encode())
        for ids in map(np.asarray, (self.user_ids, self.item_ids)):
            text = ids.tobytes() if ids.dtype.kind in "iu" else "\0".join(map(str, ids)).encode()
            digest.update(text + b"\1")
        return digest.hexdigest()

    def to_frame(self) -> pd.DataFrame:
        """Return the interactions as a table: `Interactions.to_frame`, with the ids of the source.

        Returns
        -------
        pandas.DataFrame

        Examples
        --------
        >>> import recbench
        >>> recbench.load_dataset("synthetic").to_frame().columns.tolist()
        ['user', 'item', 'time', 'rating']
        """
        return self.interactions.to_frame()

    def user(self, outside_id: str) -> int:
        """Return the number of the user with the given id.

        Parameters
        ----------
        outside_id : str
            Id of the user in the source; integer ids are compared as text.

        Returns
        -------
        int
            User number, from 0 to n_users - 1.

        Raises
        ------
        UsageError
            If there is no user with this id.

        Examples
        --------
        >>> import recbench
        >>> recbench.load_dataset("synthetic").user("1")
        0
        """
        return _number_of_id("user", outside_id, self.user_ids, self.name)

    def item(self, outside_id: str) -> int:
        """Return the number of the item with the given id.

        Parameters
        ----------
        outside_id : str
            Id of the item in the source; integer ids are compared as text.

        Returns
        -------
        int
            Item number, from 0 to n_items - 1.

        Raises
        ------
        UsageError
            If there is no item with this id.

        Examples
        --------
        >>> import recbench
        >>> recbench.load_dataset("synthetic").item("500")
        499
        """
        return _number_of_id("item", outside_id, self.item_ids, self.name)

    def title(self, item: int) -> str:
        """Return the title of an item.

        Parameters
        ----------
        item : int
            Item number, from 0 to n_items - 1.

        Returns
        -------
        str
            The title, or "" if it is unknown.

        Raises
        ------
        IndexError
            If there is no item with this number.

        Examples
        --------
        >>> import numpy as np
        >>> import recbench
        >>> log = recbench.Interactions.from_log(users=[0, 0], items=[0, 1])
        >>> titles = np.array(["Kolya (1996)", "Emma (1996)"])
        >>> dataset = recbench.Dataset("films", log, np.arange(1), np.array([242, 378]), titles)
        >>> dataset.title(1)
        'Emma (1996)'
        """
        return "" if self.titles is None else str(self.titles[item])


class DatasetFactory(Protocol):
    """A factory of `recbench_datasets`: any callable that returns a Dataset.

    Its keyword parameters are the options of the dataset. A parameter `data_dir` is filled in with
    the user's folder of datasets. These attributes are optional:

    - `size`, `licence`: short texts, which `recbench datasets` shows;
    - `is_here(data_dir)`: whether the dataset can be loaded without a download;
    - `renamed_options`: a dict from old to new names of options;
    - `names_itself`: True if the name of the Dataset it returns states the options that matter, as
      in "log.csv:user=customer"; otherwise recbench adds all those that differ from the defaults;
    - `preview(**options)`: returns what `recbench datasets NAME` shows about the source before the
      data are loaded: a dict from the heading of a table to its rows, each a dict of texts;
    - `open_table(file, content)`, for the dataset `file` only: opens a file of `--recs` as a table
      with named columns (see `recbench.external_file.Table`).
    """

    def __call__(self, **options: Any) -> Dataset: ...


def factory_facts(factory: Any, data_dir: str | None) -> dict[str, str]:
    """Return what `recbench datasets` shows about a factory: size, licence, on disk."""
    is_here = getattr(factory, "is_here", None)
    return {
        "size": getattr(factory, "size", ""),
        "licence": getattr(factory, "licence", ""),
        "on disk": "" if is_here is None else ("yes" if is_here(data_dir) else "no"),
    }


def numbers_of_ids(texts: Sequence[str], ids: Array) -> list[int]:
    """Return the number of each id in `ids`, or -1 if there is no such id.

    Integer ids are compared as text, and 7.0, as pandas may write 7, is 7. Spaces around an id only
    matter if two ids differ by nothing else.
    """
    ids = np.asarray(ids)
    known = [str(outside_id) for outside_id in ids.tolist()]
    number_of = {text.strip(): number for number, text in enumerate(known)}
    number_of |= {text: number for number, text in enumerate(known)}

    def number(text: str) -> int:
        stripped = text.strip()
        if ids.dtype.kind in "iu":
            stripped = re.sub(r"\.0+$", "", stripped)
        return number_of.get(text, number_of.get(stripped, -1))

    return [number(text) for text in texts]


def outside_ids(ids: Array, numbers: Array) -> Array:
    """Return the ids with these numbers; "" for an unknown user, -1.

    Texts are Python objects, as one long id would make all strings of a numpy array as long.
    """
    ids = np.asarray(ids)
    if ids.dtype.kind in "iu" and (numbers >= 0).all():
        return np.asarray(ids[numbers])
    texts = np.array([*map(str, ids.tolist()), ""], dtype=object)
    return np.asarray(texts[numbers])  # -1 is the last


def _check_ids(name: str, ids: Array) -> None:
    """Raise ValueError if ids are not integers or strings, or cannot be written to a file."""
    elements = ids.tolist() if ids.dtype.kind not in "iuUT" else []
    odd = [each for each in elements if not isinstance(each, (int, str, np.integer))]
    odd += [each for each in elements if isinstance(each, bool)]
    if odd:
        raise ValueError(f"{name} must be integers or strings, but {odd[0]!r:.60} occurs")
    try:
        "".join(map(str, ids if ids.dtype.kind in "UO" else ())).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise ValueError(
            f"{name} must be in UTF-8, but {half!r}, half a character, occurs"
        ) from None


def quoted(outside_id: object) -> str:
    """Return an id for an error: in quotes, and cut to 60 characters."""
    text = str(outside_id)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def examples(ids: Sequence[object] | Array) -> str:
    """Return the first ids for an error."""
    return ", ".join(map(quoted, ids[:5]))


def _number_of_id(what: str, outside_id: str, ids: Array, dataset: str) -> int:
    (number,) = numbers_of_ids([str(outside_id)], ids)
    if number < 0:
        raise UsageError(
            f"no {what} {quoted(outside_id)} in {dataset}; its {what} ids look like: "
            f"{examples(ids)}"
        )
    return number
