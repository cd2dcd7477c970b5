"""Find the files of a log: one file, a folder, a pattern, a list, or the members of a zip archive.

A folder with files for training and testing is a split that somebody else made: each of its files
is a part.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import recbench

from .frames import Frame, is_frame, refuse_data
from .layout import Layout, ZipMember
from .parts import PACKED, PARTS, find_parts, suffix_of
from .places import is_empty, is_visible, is_zip, natural, walk, walk_zip

N_SHOWN = 5
"""Number of files that an error or a note lists."""

_WILDCARDS = re.compile(r"[*?[]")
_NOT_DATA = re.compile(
    r"(?i)(readme|licen[cs]e|citation|changelog|checksums?)\b.*|.*\.(md|pdf|bak|tmp|crc)|.*~"
    r"|thumbs\.db|desktop\.ini"
)


@dataclass(frozen=True)
class Sources:
    """The files of a log.

    name: of the log, in tables. layouts: one per file, in the order in which they are read.
    notes: which files were read, if there are several, and which were not.
    """

    name: str
    layouts: tuple[Layout, ...]
    notes: tuple[str, ...] = ()


def find_sources(path: Any) -> Sources:
    """Find the files. Raises UsageError if there are none, or if it is unclear which are meant.

    path: of a file, a folder or a zip archive, a pattern such as `logs/*.csv`, a path in an archive
        such as `ml.zip/ratings.csv`, or several of these, as a list or separated by commas; or a
        DataFrame, or several.
    """
    several = list(path) if isinstance(path, list | tuple) else [path]
    if several and all(map(is_frame, several)):
        return _join_frames([Frame(data) for data in several])
    if other := [part for part in several if not isinstance(part, str | Path)]:
        raise refuse_data(path if len(other) == len(several) else other[0])
    several = list(map(str, several))
    if len(several) == 1 and "," in several[0] and not _exists(several[0]):
        several = [text.strip() for text in several[0].split(",") if text.strip()]
    if not several:
        raise recbench.UsageError("path= names no file; name one")
    found = [_find(text) for text in several]
    if len(found) == 1:
        return found[0]
    names = [sources.name for sources in found]
    shown = names if len(names) <= 3 else [names[0], "...", names[-1]]
    layouts = [layout for sources in found for layout in sources.layouts]
    if len({layout.file for layout in layouts}) < len(layouts):
        top = os.path.commonpath(
            [os.path.dirname(os.path.abspath(spell(each))) for each in layouts]
        )
        layouts = [
            dataclasses.replace(layout, file=os.path.relpath(spell(layout), top))
            for layout in layouts
        ]
    return _join(_folder_of(layouts) or ",".join(shown), layouts)


def _join_frames(frames: Sequence[Frame]) -> Sources:
    """Return DataFrames as one log."""
    kind = frames[0].kind
    if len(frames) == 1:
        return Sources(kind, (Layout(kind, frames[0]),))
    layouts = tuple(Layout(f"{frame.kind} {n}", frame) for n, frame in enumerate(frames, 1))
    return Sources(kind, layouts, (f"{len(frames)} {kind}s were read as one log, in this order",))


def spell(layout: Layout) -> str:
    """Return the path of a file as users write it."""
    source = layout.source
    return f"{source.archive}/{source.name}" if isinstance(source, ZipMember) else str(source)


def _find(text: str) -> Sources:
    """Find the files of one path or pattern."""
    path = Path(text).expanduser()
    if path.is_dir():
        return _choose(text, path.absolute().name, walk(path, base=path))
    if path.is_file():
        if is_zip(path):
            return _choose(text, path.name, walk_zip(path))
        return Sources(path.name, (Layout(path.name, path),))
    archive = next((parent for parent in path.parents if parent.is_file()), None)
    if archive is not None:
        return _find_in_zip(text, archive, path.relative_to(archive).as_posix())
    if _WILDCARDS.search(text):
        return _find_pattern(text, path)
    if _exists(text):
        raise recbench.UsageError(f"{text} is a pipe or a device; save it as a file")
    close = difflib.get_close_matches(path.name, _names_in(path.parent), n=1, cutoff=0.8)
    hint = f"did you mean {str(path.with_name(close[0]))!r}?" if close else "check the path"
    raise recbench.UsageError(f"there is no file {text!r}; {hint}")


def _find_pattern(text: str, path: Path) -> Sources:
    """Find the files that match, and those in folders and archives that match."""
    root = Path(path.anchor)
    fixed = next(parent for parent in path.parents if not _WILDCARDS.search(str(parent)))
    layouts: list[Layout] = []
    for match in sorted(root.glob(path.relative_to(root).as_posix()), key=natural):
        inside = match.relative_to(fixed)
        if not is_visible(inside) and is_visible(path.name):
            continue
        if match.is_dir():
            layouts += _data(walk(match, base=fixed))
        elif is_zip(match):
            layouts += _data(walk_zip(match))
        else:
            layouts.append(Layout((fixed.name / inside).as_posix(), match, base=fixed))
    if not layouts:
        raise recbench.UsageError(f"no file matches {text!r}; check the pattern")
    if len(layouts) == 1 and isinstance(layouts[0].source, Path):
        layouts = [dataclasses.replace(layouts[0], file=layouts[0].source.name)]
    return _join(_folder_of(layouts) or f"{path.parent.name}/{path.name}".lstrip("/"), layouts)


def _find_in_zip(text: str, archive: Path, wanted: str) -> Sources:
    if not is_zip(archive):
        raise recbench.UsageError(f"there is no file {text!r}: {archive} is not a folder")
    members = walk_zip(archive)
    name = f"{archive.name}/{wanted}"
    if below := [layout for layout in members if layout.file.startswith(f"{name}/")]:
        return _choose(text, name, below)
    chosen = [layout for layout in members if layout.file == name] or [
        layout for layout in members if PurePosixPath(layout.source.name).match(wanted)
    ]
    if not chosen:
        raise recbench.UsageError(
            f"{archive.name} has no member {wanted!r}; it contains: "
            f"{_listed([layout.source.name for layout in members])}"
        )
    if len(chosen) > 1 and not _WILDCARDS.search(wanted):
        raise recbench.UsageError(
            f"{archive.name} has several members {wanted!r}; name one of them: "
            f"{_listed([spell(layout) for layout in chosen])}"
        )
    return _join(name, chosen)


def _choose(text: str, name: str, layouts: Sequence[Layout]) -> Sources:
    """Choose the files of a folder or an archive that are the log."""
    files = {layout.file: layout for layout in _data(layouts)}
    if not files:
        raise recbench.UsageError(f"{text} has no data files in it; check the path")
    parts = find_parts(files)
    tables = [file for file in files if suffix_of(file) == ".inter"]  # and not .item or .user
    chosen = list(parts) or tables or list(files)
    if not parts and len(set(map(suffix_of, chosen))) > 1:
        largest = max((files[file] for file in chosen), key=Layout.size)
        pattern = PurePosixPath(spell(largest)).with_name(f"*{suffix_of(largest.file)}")
        raise recbench.UsageError(
            f"{text} has files of several kinds ({_inside(chosen, name)}). Name a file in it, such "
            f"as {spell(largest)}, or a pattern, such as {pattern}"
        )
    unread = [file for file in files if file not in chosen]
    sources = _join(name, [files[file] for file in chosen], _inside(unread, name))
    return sources if Path(text).expanduser().is_file() else dataclasses.replace(sources, name=name)


def _data(layouts: Sequence[Layout]) -> list[Layout]:
    """Return the files without those that describe the others or that programs left there."""
    return [
        layout for layout in layouts if not _NOT_DATA.fullmatch(PurePosixPath(layout.file).name)
    ]


def _join(name: str, layouts: Sequence[Layout], unread: str = "") -> Sources:
    """Return files as one log, and with the parts of a split if all of them are parts.

    name: of the log, if there are several. unread: other files, for a note. Raises UsageError if a
    file is there twice.
    """
    _refuse_twice(layouts)
    notes = [f"Files that were not read: {unread}"] if unread else []
    if len(layouts) == 1:
        return Sources(layouts[0].file, tuple(layouts), tuple(notes))
    if len(parts := find_parts([layout.file for layout in layouts])) == len(layouts):
        of_part = {
            part: [layout for layout in layouts if parts[layout.file] == part] for part in PARTS
        }
        files = "; ".join(f"{part}: {_shown(of_part[part])}" for part in PARTS if of_part[part])
        split = ", ".join(part for part in PARTS[:2] if of_part[part]) + " and test"
        notes[:0] = [
            f"The files are split into {split}, which only --split given uses",
            f"Files of the split: {files}",
        ]
        layouts = [
            dataclasses.replace(layout, part=part) for part in PARTS for layout in of_part[part]
        ]
        return Sources(name, tuple(layouts), tuple(notes))
    empty = [layout for layout in layouts if is_empty(layout)]
    if 0 < len(empty) < len(layouts):
        layouts = [layout for layout in layouts if layout not in empty]
        notes.append(f"Files without content were left out: {_shown(empty)}")
    if len(layouts) > 1:
        n = f"{len(layouts):,}"
        notes.insert(0, f"{n} files were read as one log, in this order: {_shown(layouts)}")
    return Sources(name, tuple(layouts), tuple(notes))


def _refuse_twice(layouts: Sequence[Layout]) -> None:
    places = Counter(os.path.realpath(spell(layout)) for layout in layouts)
    for layout in layouts:
        place = os.path.realpath(spell(layout))
        if places[place] > 1:
            raise recbench.UsageError(f"{spell(layout)} is named twice; name each file once")
        for suffix in PACKED:
            if place + suffix in places:
                raise recbench.UsageError(
                    f"{spell(layout)}{suffix} seems to be {layout.file}, compressed; name only one "
                    "of them, or remove it"
                )


def _folder_of(layouts: Sequence[Layout]) -> str:
    """Return the name of the folder if the layouts are all files in it, else ""."""
    places = [layout.source for layout in layouts if isinstance(layout.source, Path)]
    folders = {place.parent for place in places}
    if len(layouts) == 1 or len(places) < len(layouts) or len(folders) > 1:
        return ""
    folder = folders.pop()
    names = {name for name in _names_in(folder) if is_visible(name)}
    data = {name for name in names if not _NOT_DATA.fullmatch(name)}
    return folder.absolute().name if data == {place.name for place in places} else ""


def _exists(text: str) -> bool:
    try:
        return Path(text).expanduser().exists()
    except OSError:  # such as a name that is too long
        return False


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


def _shown(layouts: Sequence[Layout]) -> str:
    return _listed([layout.file for layout in layouts])


def _inside(files: Sequence[str], name: str) -> str:
    return _listed([file.removeprefix(f"{name}/") for file in files])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - N_SHOWN:,} more" if len(names) > N_SHOWN else ""
    return ", ".join(names[:N_SHOWN]) + more
