"""Which column is the user, the item, the time and the rating."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import recbench

if TYPE_CHECKING:
    from .layout import Layout

# Compared without case, `_`, `-`, `.` and spaces. Of ratings the first found is taken; two columns
# that could be the user, the item or the time are an error.
_USER = (
    "user userid uid userno customer customerid custid visitor visitorid reviewer reviewerid "
    "member memberid account accountid client clientid viewer viewerid reader readerid listenerid"
)
_ITEM = (
    "item itemid iid movie movieid film filmid product productid asin parentasin sku stockcode "
    "track trackid song songid book bookid isbn article articleid artist artistid video videoid "
    "game gameid business businessid recipe recipeid news newsid content contentid"
)
_TIME = (
    "timestamp time unixtimestamp unixtime date datetime ts eventtime eventtimestamp eventdate "
    "createdat invoicedate orderdate purchasedate reviewtime reviewdate unixreviewtime ratedat"
)
_RATING = ("rating", "ratings", "stars", "score", "overall", "weight")
_USUAL = {"user": _USER.split(), "item": _ITEM.split(), "time": _TIME.split()}
_BARE = ("dat", "udata", "pairs", "sequences")


@dataclass(frozen=True)
class Chosen:
    """role ("user", "item", "time", "rating") -> index and name of its column; left: notes."""

    index: Mapping[str, int]
    name: Mapping[str, str]
    left: str = ""


def knows(names: Sequence[str], wanted: Mapping[str, str | None]) -> int:
    """How many of user and item the names of a header tell."""
    plain = {_plain(name) for name in names}
    told = {role: _plain(name) for role, name in wanted.items() if name}
    return sum(bool(plain & {*_USUAL[role], told.get(role, role)}) for role in ("user", "item"))


def choose(layout: Layout, wanted: Mapping[str, str | None]) -> Chosen:
    """The columns by the names that the user gave, else by usual names, never by a guess."""
    names = layout.names
    if layout.format in _BARE:
        for role, name in wanted.items():
            if name is not None:
                raise recbench.UsageError(
                    f"{role}={name} means nothing for {layout.file}: it was read as "
                    f"{layout.format}, which has no column names; leave it out"
                )
    index: dict[str, int] = {}
    for role, name in wanted.items():
        if name:
            index[role] = _named(layout.file, names, role, name)
    for role, other in ((a, b) for a in index for b in index if a < b):
        if index[role] == index[other]:
            raise recbench.UsageError(
                f"{role} and {other} are both the column {names[index[role]]!r} of {layout.file}"
            )
    left = ""
    for role, name in wanted.items():
        if name is None:
            free = [n for n in range(len(names)) if n not in index.values()]
            found, passed = _usual(names, free, role)
            if len(found) > 1:
                some = ", ".join(repr(names[n]) for n in found)
                raise recbench.UsageError(
                    f"{layout.file}: the {role} could be any of {some}; "
                    f"write {role}={names[found[0]]} or {role}={names[found[1]]}"
                )
            if found:
                index[role] = found[0]
            if passed:
                left = (
                    f"the rating is {names[found[0]]}, not {' or '.join(names[n] for n in passed)}"
                )
    for role in ("user", "item"):
        if role not in index:
            raise recbench.UsageError(
                f"{layout.file}: no column is known to hold the {role}; write {role}=NAME; its "
                f"columns are: {_listed(names)}"
                + ("" if layout.format == "parquet" else " (that line is taken as the header)")
            )
    roles = [role for role in ("user", "item", "time", "rating") if role in index]
    return Chosen({r: index[r] for r in roles}, {r: names[index[r]] for r in roles}, left)


def _named(file: str, names: Sequence[str], role: str, name: str) -> int:
    found = [n for n, one in enumerate(names) if one == name]
    found = found or [n for n, one in enumerate(names) if _plain(one) == _plain(name)]
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(repr(names[n]) for n in found)
        raise recbench.UsageError(f"{role}={name} is more than one column of {file}: {some}")
    plain = {_plain(one): one for one in names}
    near = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.5)
    hint = f"did you mean {plain[near[0]]!r}? " if near else ""
    raise recbench.UsageError(
        f"{role}={name}: {file} has no such column; {hint}its columns are: {_listed(names)}"
    )


def _usual(names: Sequence[str], free: Sequence[int], role: str) -> tuple[list[int], list[int]]:
    """The free columns with a usual name for the role, and those that a better one beats."""
    if role != "rating":
        return [n for n in free if _plain(names[n]) in _USUAL[role]], []
    tiers = [[n for n in free if _plain(names[n]) == usual] for usual in _RATING]
    tiers = [tier for tier in tiers if tier]
    return (tiers[0] if tiers else []), [n for tier in tiers[1:] for n in tier]


def _plain(name: str) -> str:
    return "".join(name.lower().split()).translate(str.maketrans("", "", "_-."))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name.encode("utf-8", "replace").decode() for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")
