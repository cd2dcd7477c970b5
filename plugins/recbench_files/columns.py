"""Choose the columns of the user, the item, the time and the rating."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import recbench

from .layout import FEATURE, WITHOUT_NAMES, Layout, cut, is_number, shorten
from .times.reader import reads_as_times

# Names are compared ignoring case, `_`, `-`, `.` and spaces. Lists that are separated by `>` are
# tried in turn. Two matches in a list are an error, unless _PREFERRED says which is meant.
_USER = (
    "user userid uid userno username customer customerid custid visitor visitorid reviewer "
    "reviewerid member memberid account accountid client clientid viewer viewerid reader readerid "
    "listener listenerid > session sessionid sessid visit visitid"
)
_ITEM = (
    "item itemid iid movie movieid film filmid product productid asin parentasin sku stockcode "
    "track trackid song songid book bookid isbn article articleid aid artist artistid video "
    "videoid game gameid app appid business businessid venue venueid place placeid poi poiid "
    "recipe recipeid news newsid content contentid"
)
_TIME = (
    "timestamp time unixtimestamp unixtime unixreviewtime date datetime ts timems eventtime "
    "eventtimestamp eventdate createdat invoicedate orderdate purchasedate reviewtime reviewdate "
    "ratedat utctimestamp"
)
_RATING = "rating > ratings > stars > score > overall > weight"
_USUAL = {
    role: [tier.split() for tier in text.split(">")]
    for role, text in {"user": _USER, "item": _ITEM, "time": _TIME, "rating": _RATING}.items()
}
_PREFERRED = {
    "asin": "parentasin",
    "username": "userid",
    "isbn": "bookid",
    "reviewtime": "unixreviewtime",
}
"""Of two usual names in one log, the one that is chosen: asin is a variant of the parent_asin."""

_RATING_WORDS = {"rating", "ratings", "star", "stars", "score", "grade"}
_SUMMARY_WORDS = {"average", "avg", "mean", "count", "counts", "num", "n", "number", "id"}
"""Words in the names of columns that describe the ratings of others, such as rating_count."""

_ID_WORDS = {
    *("id", "ids", "key", "code", "no", "nr", "num", "number", "phone", "mobile", "tel", "isbn"),
    *("ean", "upc", "gtin", "barcode"),
}
_WITHOUT_WHOSE = re.compile(f"^({'|'.join((*_USER.split(), *_ITEM.split(), 'review', 'star'))})")
N_LISTED = 20
"""Number of columns that a text lists."""

Requested = Mapping[str, str | None]
"""role -> column name that the user gave, "" to leave it out, None to look for usual names."""


@dataclass(frozen=True)
class Chosen:
    """role -> index and name of its column; notes on these.

    The roles are "user", "item", "time", "clock" (a second column for the time, the time of the
    day), "rating", "title", "where:NAME" for each column NAME of a filter, and FEATURE + NAME for
    each column NAME that is read as a feature.
    """

    index: Mapping[str, int]
    name: Mapping[str, str]
    notes: tuple[str, ...] = ()


def count_known(names: Sequence[str], requested: Requested) -> int:
    """Return how many of the columns user and item a header names, from 0 to 2."""
    plain = {plain_name(name) for name in names}
    given = {role: plain_name(name) for role, name in requested.items() if name}
    return sum(
        bool(plain & {*usual_names(role), given.get(role, role)}) for role in ("user", "item")
    )


def choose_columns(
    layout: Layout,
    requested: Requested,
    filtered: Sequence[str] = (),
    features: Sequence[str] = (),
) -> Chosen:
    """Choose columns by the names that the user gave, else by usual names; never guess.

    filtered, features: the columns of the options `where` and `features`.
    """
    names = layout.names
    if layout.format in WITHOUT_NAMES:
        for role, name in requested.items():
            if name is not None:
                raise recbench.UsageError(
                    f"{role}={name} has no effect: {layout.file} was read as {layout.format}, "
                    "which has no column names; leave it out"
                )
    index = _choose_requested(layout.file, names, requested)
    notes: list[str] = []
    for role in ("user", "item", "time", "rating"):
        if requested.get(role) is None and role not in index:
            free = [column for column in range(len(names)) if column not in index.values()]
            column, note = _choose_usual(layout, free, role)
            if column is not None:
                index[role] = column
            notes += note
    for role in ("user", "item"):
        if role not in index:
            is_text = layout.header and layout.format not in ("parquet", "json", "frame")
            option = (
                f"{role}=COLUMN" if layout.format == "frame" else (f"{layout.file}:{role}=COLUMN")
            )
            raise recbench.UsageError(
                f"{layout.file}: no column has a usual name for the {role}. Name it: {option}, "
                f"where COLUMN is one of {list_names(names)}"
                + (f" (header: line {layout.skip + 1})" if is_text else "")
            )
    roles: list[str] = [
        role for role in ("user", "item", "time", "clock", "rating", "title") if role in index
    ]
    if layout.format not in WITHOUT_NAMES:
        _refuse_overlooked(layout, requested, index)
        if "time" not in index:
            reason = "No time column was found (name it with time=)"
            if requested["time"] is not None:
                reason = "Times were left out"
            where = "rows" if layout.format == "frame" else "file"
            notes.append(f"{reason}, so interactions keep the order of the {where}")
    for name in filtered:
        index[f"where:{name}"] = _find_named(layout.file, names, "where", name)
        roles.append(f"where:{name}")
    for name in features:
        place = _find_named(layout.file, names, "features", name)
        index[f"{FEATURE}{names[place]}"] = place
        roles.append(f"{FEATURE}{names[place]}")
    unused = [name for n, name in enumerate(names) if n not in index.values() and name.strip()]
    if unused and layout.format not in WITHOUT_NAMES:
        what = "columns" if len(unused) > 1 else "column"
        notes.append(f"Not used: the {what} {list_names(unused)}")
    return Chosen(
        {role: index[role] for role in roles},
        {role: names[index[role]] for role in roles},
        tuple(notes),
    )


def usual_names(role: str) -> list[str]:
    """Return the usual names of the column with the users or the items, as `plain_name` does."""
    return [name for tier in _USUAL[role] for name in tier]


def usual_columns(layout: Layout, role: str) -> list[str]:
    """Return the columns that could be the user or the item, because their names are usual."""
    best = _best(layout, _tiers(layout, range(len(layout.names)), role))
    return [layout.names[column] for column in best]


def list_names(names: Sequence[str]) -> str:
    """Return names separated by commas; of many, only the first, and of long ones the beginning."""
    shown = ", ".join(cut(name).encode("utf-8", "replace").decode() for name in names[:N_LISTED])
    return shown + (f" and {len(names) - N_LISTED} more" if len(names) > N_LISTED else "")


def _choose_requested(file: str, names: Sequence[str], requested: Requested) -> dict[str, int]:
    """Return role -> index of the columns that the user named."""
    index: dict[str, int] = {}
    for role, name in requested.items():
        if role == "time" and name and "+" in name and name not in names:
            date, _, clock = name.partition("+")
            index["time"] = _find_named(file, names, "time", date)
            index["clock"] = _find_named(file, names, "time", clock)
        elif name:
            index[role] = _find_named(file, names, role, name)
    for role, rival in ((a, b) for a in index for b in index if a < b):
        if index[role] == index[rival] and "title" not in (role, rival):
            raise recbench.UsageError(
                f"{file}: {role} and {rival} are both set to the column "
                f"{names[index[role]]!r}; name two different columns"
            )
    return index


def _choose_usual(layout: Layout, free: Sequence[int], role: str) -> tuple[int | None, list[str]]:
    """Return the free column with a usual name for the role, if there is one, and notes."""
    names = layout.names
    tiers = _tiers(layout, free, role)
    if not tiers:
        return None, []
    usual = _best(layout, tiers)
    if len(usual) > 1:
        quoted = ", ".join(repr(names[column]) for column in usual)
        first, second = (names[column] for column in usual[:2])
        if first == second:
            raise recbench.UsageError(
                f"{layout.file}: several columns are called {first!r}; rename all but the one that "
                f"is the {role}"
            )
        both = ""
        if role == "time" and (clock := _find_clock(layout, usual)) is not None:
            date = next(column for column in usual if column != clock)
            both = f", or time={names[date]}+{names[clock]} for the date and the time of the day"
        raise recbench.UsageError(
            f"{layout.file}: several columns could be the {role}: {quoted}. Write {role}={first} "
            f"or {role}={second}{both}"
        )
    notes = []
    others = {column: names[column] for tier in tiers for column in tier if column != usual[0]}
    if others:
        rest = " or ".join(others.values())
        notes.append(f"{role.capitalize()}s were read from column {names[usual[0]]}, not {rest}")
    if role == "user" and plain_name(_last_part(names[usual[0]])) in _USUAL["user"][1]:
        notes.append(f"Each {names[usual[0]]} was read as a user: there is no column with users")
    return usual[0], notes


def _tiers(layout: Layout, free: Sequence[int], role: str) -> list[list[int]]:
    """Return the free columns with usual names, those with the most usual ones first."""
    tiers = [
        [column for column in free if plain_name(form(layout.names[column])) in tier]
        for form in ((str, _last_part) if layout.format == "json" else (str,))
        for tier in _USUAL[role]
    ]
    return [tier for tier in tiers if tier]


def _best(layout: Layout, tiers: Sequence[Sequence[int]]) -> list[int]:
    """Return the columns of the first tier without those to which another one is preferred."""
    plain = {column: plain_name(layout.names[column]) for tier in tiers[:1] for column in tier}
    return [column for column in plain if _PREFERRED.get(plain[column]) not in plain.values()]


def _find_clock(layout: Layout, columns: Sequence[int]) -> int | None:
    """Return the column that does not read as times, unlike the others; None if there is none."""
    clocks = [column for column in columns if not reads_as_times(_known_values(layout, column))]
    return clocks[0] if len(clocks) == 1 else None


def _known_values(layout: Layout, column: int) -> list[str]:
    """Return the first values of a column that are not missing."""
    texts = (row[column].strip() for row in layout.sample if len(row) > column)
    return [text for text in texts if text and text not in layout.missing]


def _refuse_overlooked(layout: Layout, requested: Requested, index: Mapping[str, int]) -> None:
    """Raise UsageError if no time (rating) was chosen, but an unused column looks like one."""
    for role, what, looks in (
        ("time", "times", _reads_as_times),
        ("rating", "ratings", _reads_as_ratings),
    ):
        if role in index or requested.get(role) is not None:
            continue
        for column, name in enumerate(layout.names):
            values = _known_values(layout, column)
            if column not in index.values() and values and looks(name, values):
                raise recbench.UsageError(
                    f"{layout.file}: the column {name!r} seems to hold {what}, such as "
                    f"{shorten(values[0])}, but does not have a usual name. Write {role}={name} to "
                    f"use it, or {role}= to leave it out"
                )


def _reads_as_times(name: str, values: Sequence[str]) -> bool:
    """Whether the values look like times; numbers in a column such as order_id do not."""
    are_ids = bool(_ID_WORDS.intersection(_words(name)[-1:])) or plain_name(name).endswith("id")
    return not (are_ids and all(map(is_number, values))) and reads_as_times(values)


def _reads_as_ratings(name: str, values: Sequence[str]) -> bool:
    """Whether the name has a word for ratings in it, and the values are numbers."""
    words = {*_words(name), _WITHOUT_WHOSE.sub("", plain_name(name))}
    return (
        bool(_RATING_WORDS & words) and not _SUMMARY_WORDS & words and all(map(is_number, values))
    )


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())


def _find_named(file: str, names: Sequence[str], role: str, name: str) -> int:
    matches = [column for column, text in enumerate(names) if text == name]
    matches = matches or [
        column for column, text in enumerate(names) if plain_name(text) == plain_name(name)
    ]
    if len(matches) == 1:
        return matches[0]
    option = f"{role}={name}"
    if matches:
        quoted = ", ".join(repr(names[column]) for column in matches)
        raise recbench.UsageError(
            f"{option} matches several columns of {file}: {quoted}; rename all but one"
        )
    plain = {plain_name(text): text for text in names}
    close = difflib.get_close_matches(plain_name(name), plain, n=1, cutoff=0.5)
    hint = f"; did you mean {plain[close[0]]!r}? " if close else ". "
    raise recbench.UsageError(
        f"{option}: {file} has no such column{hint}Its columns are: {list_names(names)}"
    )


def _last_part(name: str) -> str:
    """Return the name of a nested field: `ts` for `event.ts`, and for `ts.$date` of MongoDB."""
    return re.sub(r"\.\$.*", "", name).rpartition(".")[2]


def plain_name(name: str) -> str:
    """Return a column name as names are compared: without case, `_`, `-`, `.` and spaces."""
    return "".join(name.lower().split()).translate(str.maketrans("", "", "_-."))
