"""Find the files of a log: one file, a folder, a pattern, a list, or the members of a zip archive.

A folder with files for training and testing is a split that somebody else made: each of its files
is a part.
"""

from __future__ import annotations

import difflib
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

import recbench

from .layout import Layout, ZipMember

N_SHOWN = 5
"""Number of files that an error or a note lists."""

PARTS = ("train", "valid", "test")
_PART_OF_WORD = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_PACKED = (".gz", ".bz2", ".zst", ".zstd")
_PARQUET = (".parquet", ".pq")
_NOT_DATA = re.compile(r"(?i)(readme|licen[cs]e|citation|changelog|checksums?)\b.*|.*\.(md|pdf)")
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Sources:
    """The files of a log.

    name: of the log, in tables. layouts: one per file, in the order in which they are read.
    notes: which files were read, if there are several, and which were not.
    """

    name: str
    layouts: tuple[Layout, ...]
    notes: tuple[str, ...] = ()


def find_sources(path: str | Sequence[str]) -> Sources:
    """Find the files. Raises UsageError if there are none, or if it is unclear which are meant.

    path: of a file, a folder or a zip archive, a pattern such as `logs/*.csv`, a path in an archive
        such as `ml.zip/ratings.csv`, or several of these, as a list or separated by commas.
    """
    several = [path] if isinstance(path, str) else [str(part) for part in path]
    if len(several) == 1 and "," in several[0] and not _exists(several[0]):
        several = [text.strip() for text in several[0].split(",") if text.strip()]
    if not several:
        raise recbench.UsageError("path= names no file; name one")
    found = [_find(text) for text in several]
    if len(found) == 1:
        return found[0]
    layouts = [layout for sources in found for layout in sources.layouts]
    names = [sources.name for sources in found]
    shown = names if len(names) <= 3 else [names[0], "...", names[-1]]
    return Sources(",".join(shown), tuple(layouts), _notes(layouts))


def _find(text: str) -> Sources:
    """Find the files of one path or pattern."""
    path = Path(text).expanduser()
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*"), key=_natural) if file.is_file()]
        return _choose(
            text, path.absolute().name, path, {_inside(file, path): file for file in files}
        )
    if path.is_file():
        if _is_zip(path):
            return _choose(text, path.name, path, _members(path))
        _check_readable(path)
        return Sources(path.name, (Layout(path.name, path),))
    archive = next((parent for parent in path.parents if parent.is_file()), None)
    if archive is not None:
        return _find_in_zip(text, archive, path.relative_to(archive).as_posix())
    if any(letter in text for letter in "*?["):
        return _find_pattern(text, path)
    close = difflib.get_close_matches(path.name, _names_in(path.parent), n=1, cutoff=0.8)
    hint = f"did you mean {str(path.with_name(close[0]))!r}?" if close else "check the path"
    raise recbench.UsageError(f"there is no file {text!r}; {hint}")


def _find_pattern(text: str, path: Path) -> Sources:
    root = Path(path.anchor) if path.anchor else Path()
    matches = root.glob(str(path.relative_to(path.anchor)) if path.anchor else str(path))
    files = sorted((file for file in matches if file.is_file()), key=_natural)
    if not files:
        raise recbench.UsageError(f"no file matches {text!r}; check the pattern")
    folder = path.parent.name
    for file in files:
        _check_readable(file)
    layouts = [Layout(f"{file.parent.name}/{file.name}".lstrip("/"), file) for file in files]
    name = f"{folder}/{path.name}" if folder else path.name
    return Sources(name, tuple(layouts), _notes(layouts))


def _find_in_zip(text: str, archive: Path, wanted: str) -> Sources:
    if not _is_zip(archive):
        raise recbench.UsageError(f"there is no file {text!r}: {archive} is not a folder")
    members = _members(archive)
    chosen = {name: member for name, member in members.items() if PurePosixPath(name).match(wanted)}
    if not chosen:
        raise recbench.UsageError(
            f"{archive.name} has no member {wanted!r}; it contains: {_shown(list(members))}"
        )
    layouts = [Layout(f"{archive.name}/{name}", member) for name, member in chosen.items()]
    return Sources(f"{archive.name}/{wanted}", tuple(layouts), _notes(layouts))


def _choose(
    text: str, name: str, place: Path, files: dict[str, Path] | dict[str, ZipMember]
) -> Sources:
    """Choose the files of a folder or an archive that are the log."""
    visible = {
        inside: file
        for inside, file in files.items()
        if not any(part.startswith((".", "_")) for part in PurePath(inside).parts)
    }
    data = [inside for inside in visible if not _NOT_DATA.fullmatch(PurePath(inside).name)]
    if not data:
        raise recbench.UsageError(f"{text} has no data files in it; check the path")

    def layout(inside: str, part: str = "") -> Layout:
        file = visible[inside]
        if isinstance(file, Path):
            _check_readable(file)
        return Layout(f"{name}/{inside}", file, part=part)

    part_of = {inside: part for inside in data if (part := _part(inside))}
    if {"train", "test"} <= set(part_of.values()):
        layouts = [
            layout(inside, part) for part in PARTS for inside in data if part_of.get(inside) == part
        ]
        return Sources(name, tuple(layouts), _notes(layouts, set(data) - part_of.keys()))
    suffixes = Counter(_suffix(inside) for inside in data)
    if place.is_dir() and suffixes.keys() <= set(_PARQUET):
        return Sources(name, (Layout(name, place, format="parquet"),))
    if len(suffixes) > 1:
        largest = max(data, key=lambda inside: _size(visible[inside]))
        pattern = f"{text.rstrip('/')}/*{_suffix(largest)}"
        raise recbench.UsageError(
            f"{text} has files of several kinds ({_shown(data)}). Name a file in it, such as "
            f"{text.rstrip('/')}/{largest}, or a pattern, such as {pattern}"
        )
    layouts = [layout(inside) for inside in data]
    if len(layouts) == 1:
        return Sources(layouts[0].file if place.is_file() else name, tuple(layouts))
    return Sources(name, tuple(layouts), _notes(layouts))


def _notes(layouts: Sequence[Layout], unused: Iterable[str] = ()) -> tuple[str, ...]:
    """Return notes on which files were read, and which were not."""
    notes = []
    by_part = {part: [layout.file for layout in layouts if layout.part == part] for part in PARTS}
    if any(by_part.values()):
        files = "; ".join(f"{part}: {_shown(names)}" for part, names in by_part.items() if names)
        notes.append(f"The data have a split of their own ({files}), which --split given uses")
    elif len(layouts) > 1:
        names = _shown([layout.file for layout in layouts])
        notes.append(f"{len(layouts)} files were read as one log, in this order: {names}")
    if unused := sorted(unused):
        notes.append(f"Files that were not read: {_shown(unused)}")
    return tuple(notes)


def _part(inside: str) -> str:
    """Return the part of a split that the name of a file or of its folder states, or ""."""
    words = re.split(r"[^a-z]+", inside.lower())
    parts = [_PART_OF_WORD[word] for word in words if word in _PART_OF_WORD]
    return parts[-1] if parts else ""


def _suffix(inside: str) -> str:
    path = PurePath(inside)
    if path.suffix.lower() in _PACKED:
        path = path.with_suffix("")
    return path.suffix.lower()


def _natural(path: Path | str) -> list[tuple[int, str]]:
    """Sort `part-10` after `part-9`."""
    pieces = re.split(r"(\d+)", str(path))
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces]


def _members(archive: Path) -> dict[str, ZipMember]:
    """Return the files in an archive by name."""
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = [info for info in opened.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise recbench.RecbenchError(
            f"{archive.name} is a damaged zip archive ({error}); download or write it again"
        ) from error
    names = sorted((info.filename for info in infos), key=_natural)
    if "[Content_Types].xml" in names:
        raise recbench.UsageError(f"{archive.name} is a spreadsheet; save it as CSV")
    sizes = {info.filename: info.file_size for info in infos}
    return {name: ZipMember(archive, name, sizes[name]) for name in names}


def _is_zip(path: Path) -> bool:
    _check_readable(path)
    with path.open("rb") as file:
        return file.read(4) == _ZIP


def _check_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise recbench.RecbenchError(
            f"{path} cannot be read ({error.strerror}); check its permissions"
        ) from error


def _exists(text: str) -> bool:
    try:
        return Path(text).expanduser().exists()
    except OSError:  # such as a name that is too long
        return False


def _inside(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()


def _size(file: Path | ZipMember) -> int:
    return file.stat().st_size if isinstance(file, Path) else file.size


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - N_SHOWN} more" if len(names) > N_SHOWN else ""
    return ", ".join(names[:N_SHOWN]) + more
