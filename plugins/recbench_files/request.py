"""The options of a log: check them, open the files, and name the dataset by those that matter."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import recbench

from .columns import choose_columns
from .frames import Frame
from .layout import FEATURE, FORMATS, MISSING, Layout
from .read import File, choose_files, detect_layouts
from .side_table import Role, SideTable, name_in, open_side_table, read_side_table
from .sources import Sources, find_sources, spell

_NAMED_BY_HEADER = ("auto", "csv", "inter", "json", "parquet")


@dataclass(frozen=True)
class Request:
    """The options of `read_file`, as the user wrote them."""

    path: Any
    format: str = "auto"
    header: str | None = None
    user: str | None = None
    item: str | None = None
    time: str | None = None
    rating: str | None = None
    time_format: str | None = None
    where: str | None = None
    missing: str = "drop"
    features: str | Sequence[str] | None = None
    title: str | None = None
    user_table: Any = None
    item_table: Any = None
    name: str | None = None

    @cached_property
    def conditions(self) -> recbench.Where | None:
        """The conditions of the option `where`."""
        return None if self.where is None else recbench.Where.parse(self.where, self.words)

    @property
    def words(self) -> frozenset[str]:
        """The words that stand for a missing value."""
        return MISSING if self.missing == "drop" else frozenset()

    @property
    def filtered(self) -> Sequence[str]:
        """The columns that the conditions use."""
        return self.conditions.columns if self.conditions else ()

    @cached_property
    def tables(self) -> Mapping[Role, Layout]:
        """The tables of users and items that the options name."""
        given: dict[Role, Any] = {"user": self.user_table, "item": self.item_table}
        return {
            role: open_side_table(role, path, self.words)
            for role, path in given.items()
            if path is not None
        }

    def read_tables(self, names: Mapping[str, str]) -> dict[str, SideTable]:
        """Read the tables of users and items. names: role -> name of its column in the log."""
        return {
            role: read_side_table(role, layout, names[role], self.title if role == "item" else None)
            for role, layout in self.tables.items()
        }

    @property
    def wanted(self) -> Sequence[str]:
        """The columns of the log that are read as features."""
        if self.features is None:
            return ()
        given = self.features
        texts = given.split(",") if isinstance(given, str) else list(map(str, given))
        names = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
        if not names:
            raise recbench.UsageError(
                "features= names no column; write the names of columns, separated by commas"
            )
        return names

    @property
    def requested(self) -> Mapping[str, str | None]:
        """Role -> the column that the user named, "" to leave it out, None to look for it."""
        columns = {"user": self.user, "item": self.item, "time": self.time, "rating": self.rating}
        if self.title is not None and self.item_table is None:
            columns["title"] = self.title
        return columns

    def detect(self) -> tuple[Sources, list[Layout]]:
        """Check the options, find the files, and detect the format of each."""
        sources = self._find()
        return sources, self._detect(sources.layouts)

    def open(self) -> tuple[Sources, list[File]]:
        """Detect the files and choose their columns, without reading the rows."""
        sources = self._find()
        files = self._open(sources.layouts)
        if self.time_format is not None and "time" not in files[0].chosen.index:
            raise recbench.UsageError(
                f"time_format={self.time_format} has no effect: {files[0].layout.file} is read "
                "without a time column. Name it with time=, or leave time_format out"
            )
        return sources, files

    def dataset_name(self, sources: Sources, file: File) -> str:
        """Return the name with the options that change what is read, the same for each spelling."""
        options: dict[str, str] = {}
        for role in ("user", "item", "time", "rating"):
            name = self.requested[role]
            if name is not None and not self._found_anyway(role, file):
                clock = file.chosen.name.get("clock")
                names = [file.chosen.name[role]] if name else [""]
                options[role] = "+".join([*names, clock] if role == "time" and clock else names)
        if self.format not in _NAMED_BY_HEADER:
            options["format"] = self.format
        for option in ("header", "time_format"):
            if value := getattr(self, option):
                options[option] = value
        if self.conditions is not None:
            tables = [name for layout in self.tables.values() for name in layout.names]
            full = {
                name: file.chosen.name.get(f"where:{name}") or name_in(tables, [name])
                for name in self.filtered
            }
            options["where"] = str(self.conditions.rename(full))
        if features := [
            name for role, name in file.chosen.name.items() if role.startswith(FEATURE)
        ]:
            options["features"] = ",".join(sorted(features))
        if self.missing == "keep":
            options["missing"] = "keep"
        listed = ",".join(f"{option}={value}" for option, value in sorted(options.items()))
        short = self.name or sources.name
        return f"{short}:{listed}" if listed else short

    def _find(self) -> Sources:
        self._check()
        return find_sources(self.path)

    def _detect(self, layouts: Sequence[Layout]) -> list[Layout]:
        return detect_layouts(layouts, self.format, self.header, self.requested, self.words)

    def _open(self, layouts: Sequence[Layout]) -> list[File]:
        """Raise an error that names a file which can be read alone, if one of several cannot."""
        try:
            detected = self._detect(layouts)
            return choose_files(detected, self.requested, self.in_log(detected), self.wanted)
        except recbench.RecbenchError as error:
            readable = next(filter(self._can_open, layouts if len(layouts) > 1 else ()), None)
            if readable is None or isinstance(readable.source, Frame):
                raise
            stop = "" if str(error).endswith(("?", "...")) else "."
            raise type(error)(
                f"{error}{stop} Or name only the files of the log, such as {spell(readable)}"
            ) from error

    def in_log(self, layouts: Sequence[Layout]) -> list[str]:
        """The columns of conditions, but for those that only a table of users or items has."""
        tables = [name for layout in self.tables.values() for name in layout.names]
        return [
            name
            for name in self.filtered
            if name_in(layouts[0].names, [name]) or not name_in(tables, [name])
        ]

    def _can_open(self, layout: Layout) -> bool:
        try:
            self._open([layout])
        except recbench.RecbenchError:
            return False
        return True

    def _found_anyway(self, role: str, file: File) -> bool:
        """Whether the same column is chosen without the option."""
        try:
            chosen = choose_columns(file.layout, {**self.requested, role: None})
        except recbench.UsageError:
            return False
        roles = (role, "clock") if role == "time" else (role,)
        return all(chosen.index.get(key) == file.chosen.index.get(key) for key in roles)

    def _check(self) -> None:
        """Raise UsageError for values that are wrong whatever the file is."""
        if self.format not in FORMATS:
            close = difflib.get_close_matches(str(self.format), FORMATS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"available: {', '.join(FORMATS)}"
            raise recbench.UsageError(f"format={self.format} is not a format; {hint}")
        if self.missing not in ("drop", "keep"):
            raise recbench.UsageError(f"missing={self.missing} must be drop or keep")
        if self.name is not None and (not self.name.strip() or ":" in self.name):
            raise recbench.UsageError(
                f"name={self.name} cannot be shown in tables; write a short name without a colon"
            )
