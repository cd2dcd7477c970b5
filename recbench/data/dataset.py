"""Step 1, dataset: a log of interactions with its outside names and where it came from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.errors import UsageError

ORDER_RULE = "by user and time, equal times in the order of the file's rows"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """What a dataset plugin gives: the whole log, in recbench's order, nothing dropped.

    name: how it is called in tables.
    interactions: one sequence a user, row order by user number.
    user_ids, item_ids: (n_users,) and (n_items,) the outside ids, integers or strings.
    titles: (n_items,) strings for people to read, "" where unknown, or None.
    source, sha256: where it came from, and the sha256 of the source file where it has one.
    licence, citation: what the publisher asks for.
    repeats: "first" (a repeated user-item pair counts once, and seen items are masked when
        ranking) or "keep" (repeats are real, and nothing is masked); set by the core.
    order: the rule that the events of a sequence are ordered by, for people; set by the core.
    notes: what was read, dropped, merged or assumed, one sentence each, for people.
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
    repeats: str = "keep"
    order: str = ORDER_RULE
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        for field_name, expected in (
            ("user_ids", self.interactions.n_users),
            ("item_ids", self.interactions.n_items),
            ("titles", self.interactions.n_items),
        ):
            column = getattr(self, field_name)
            if column is not None and len(column) != expected:
                raise ValueError(
                    f"dataset {self.name}: {len(column)} {field_name} for {expected} numbers"
                )

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, {self.interactions!r})"

    def fingerprint(self) -> str:
        """sha256 (hex) of the sequences and the outside ids: what results are keyed by."""
        digest = hashlib.sha256(self.interactions.fingerprint().encode())
        for ids in map(np.asarray, (self.user_ids, self.item_ids)):
            text = ids.tobytes() if ids.dtype.kind in "iu" else "\0".join(map(str, ids)).encode()
            digest.update(text + b"\1")
        return digest.hexdigest()

    def user(self, outside_id: str) -> int:
        """The number of the user with this outside id. Raises UsageError where there is none."""
        return _number_of_id("user", outside_id, self.user_ids, self.name)

    def item(self, outside_id: str) -> int:
        """The number of the item with this outside id. Raises UsageError where there is none."""
        return _number_of_id("item", outside_id, self.item_ids, self.name)

    def title(self, item: int) -> str:
        """The item's title, or "" where there is none."""
        return "" if self.titles is None else str(self.titles[item])


class DatasetFactory(Protocol):
    """What `recbench_datasets` maps a name to; any callable that gives a Dataset will do.

    The keyword parameters are the options; a parameter `data_dir` is filled in with the user's
    folder of data. The attributes are optional. Three feed `recbench datasets`:
    `size` and `licence` (short texts), and `is_here(data_dir)`: can it load without a download?
    `renamed_options`, a dict of old to new names, is read by whatever reads options.
    `open_table(file, content)`, of the dataset `file` alone, is the table with named columns in a
    file's content, by which `--recs` is read (`recbench.external_file.Table` says what it gives).
    """

    def __call__(self, **options: Any) -> Dataset: ...


def factory_facts(factory: Any, data_dir: str | None) -> dict[str, str]:
    """What `recbench datasets` prints for a factory: size, licence, here."""
    is_here = getattr(factory, "is_here", None)
    return {
        "size": getattr(factory, "size", ""),
        "licence": getattr(factory, "licence", ""),
        "here": "" if is_here is None else ("yes" if is_here(data_dir) else "no"),
    }


def _number_of_id(what: str, outside_id: str, ids: Array, dataset: str) -> int:
    numbers = np.flatnonzero(np.asarray(ids).astype(str) == str(outside_id).strip())
    if not len(numbers):
        examples = ", ".join(map(str, ids[:5]))
        raise UsageError(
            f"no {what} {outside_id!r} in {dataset}; its {what} ids look like: {examples}"
        )
    return int(numbers[0])
