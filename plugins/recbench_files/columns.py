"""Choose the columns of the user, the item, the time and the rating."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import recbench

from .layout import Layout

# Names are compared ignoring case, `_`, `-`, `.` and spaces. The first match of _RATING is used;
# two matches for the user, the item or the time are an error.
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
_WITHOUT_NAMES = ("dat", "udata", "pairs", "sequences")

Requested = Mapping[str, str | None]
"""role -> column name that the user gave, "" to leave it out, None to look for usual names."""


@dataclass(frozen=True)
class Chosen:
    """role ("user", "item", "time", "rating") -> index and name of its column; notes on these."""

    index: Mapping[str, int]
    name: Mapping[str, str]
    notes: tuple[str, ...] = ()


def count_known(names: Sequence[str], requested: Requested) -> int:
    """Return how many of the columns user and item a header names, from 0 to 2."""
    plain = {_plain(name) for name in names}
    given = {role: _plain(name) for role, name in requested.items() if name}
    return sum(bool(plain & {*_USUAL[role], given.get(role, role)}) for role in ("user", "item"))


def choose_columns(layout: Layout, requested: Requested) -> Chosen:
    """Choose columns by the names that the user gave, else by usual names; never guess."""
    names = layout.names
    if layout.format in _WITHOUT_NAMES:
        for role, name in requested.items():
            if name is not None:
                raise recbench.UsageError(
                    f"{role}={name} has no effect: {layout.file} was read as {layout.format}, "
                    "which has no column names; leave it out"
                )
    index: dict[str, int] = {}
    for role, name in requested.items():
        if name:
            index[role] = _find_named(layout.file, names, role, name)
    for role, rival in ((a, b) for a in index for b in index if a < b):
        if index[role] == index[rival]:
            raise recbench.UsageError(
                f"{layout.file}: {role} and {rival} are both set to the column "
                f"{names[index[role]]!r}; name two different columns"
            )
    notes: list[str] = []
    for role, name in requested.items():
        if name is None:
            free = [column for column in range(len(names)) if column not in index.values()]
            usual, beaten = _find_usual(names, free, role)
            if len(usual) > 1:
                quoted = ", ".join(repr(names[column]) for column in usual)
                raise recbench.UsageError(
                    f"{layout.file}: several columns could be the {role}: {quoted}. "
                    f"Write {role}={names[usual[0]]} or {role}={names[usual[1]]}"
                )
            if usual:
                index[role] = usual[0]
            if beaten:
                rest = " or ".join(names[column] for column in beaten)
                notes.append(f"Ratings were read from column {names[usual[0]]}, not {rest}")
    for role in ("user", "item"):
        if role not in index:
            raise recbench.UsageError(
                f"{layout.file}: no column has a usual name for the {role}. Name it: "
                f"{layout.file}:{role}=COLUMN, where COLUMN is one of {_listed(names)}"
                + ("" if layout.format == "parquet" else f" (header: line {layout.skip + 1})")
            )
    if "time" not in index:
        reason = "No time column was found (name it with time=)"
        if requested["time"] is not None:
            reason = "Times were left out"
        notes.append(f"{reason}, so interactions keep the order of the file")
    roles = [role for role in ("user", "item", "time", "rating") if role in index]
    return Chosen(
        {role: index[role] for role in roles},
        {role: names[index[role]] for role in roles},
        () if layout.format in _WITHOUT_NAMES else tuple(notes),
    )


def _find_named(file: str, names: Sequence[str], role: str, name: str) -> int:
    matches = [column for column, text in enumerate(names) if text == name]
    matches = matches or [
        column for column, text in enumerate(names) if _plain(text) == _plain(name)
    ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        quoted = ", ".join(repr(names[column]) for column in matches)
        raise recbench.UsageError(
            f"{role}={name} matches several columns of {file}: {quoted}; rename one of them"
        )
    plain = {_plain(text): text for text in names}
    close = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.5)
    hint = f"; did you mean {plain[close[0]]!r}? " if close else ". "
    raise recbench.UsageError(
        f"{role}={name}: {file} has no such column{hint}Its columns are: {_listed(names)}"
    )


def _find_usual(
    names: Sequence[str], free: Sequence[int], role: str
) -> tuple[list[int], list[int]]:
    """The free columns with the best usual name for the role, and those with other usual names."""
    if role != "rating":
        return [column for column in free if _plain(names[column]) in _USUAL[role]], []
    tiers = [[column for column in free if _plain(names[column]) == usual] for usual in _RATING]
    tiers = [tier for tier in tiers if tier]
    return (tiers[0] if tiers else []), [column for tier in tiers[1:] for column in tier]


def _plain(name: str) -> str:
    return "".join(name.lower().split()).translate(str.maketrans("", "", "_-."))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name.encode("utf-8", "replace").decode() for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")
