"""Step 6, store: the stored cells under files and folders that a user names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from recbench.errors import RecbenchError, UsageError, counted, describe_error
from recbench.models import checkpoint
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.results.result import Result
from recbench.store.format import read_cell
from recbench.store.layout import CELL_NAME, TUNING, file_name, misplaced
from recbench.store.versions import installed_versions, newest


def read_cells(
    paths: Sequence[str | Path], plugins: Plugins | None = None
) -> list[tuple[Path, Result | str]]:
    """Return the successful, current cells stored under files and folders.

    A cell with damaged files is returned as the text that says what is wrong with them. Of the
    cells of one model, seed, dataset and split only the newest is returned. Raises UsageError if
    there are none.
    """
    damaged: dict[Path, str] = {}
    cells: dict[str, tuple[Path, Result]] = {}
    n_failed = 0
    for path, cell in _find_cells(paths):
        if isinstance(cell, str):
            damaged[path] = cell
        elif not cell.ok:
            n_failed += 1
        elif cell.key in cells:
            log.info("left out: %s, a copy of %s", path, cells[cell.key][0])
        else:
            cells[cell.key] = path, cell
    found = [cell for _, cell in cells.values()]
    kept, outdated = newest(found, installed_versions(found, plugins))
    for number, kind in ((n_failed, "failed result"), (len(outdated), "outdated result")):
        if number:
            log.info("left out: %s", counted(number, kind))
    if not damaged and not kept:
        raise UsageError(
            f"no stored results under {', '.join(map(str, paths))}. Name a results folder, or the "
            "JSON file of a result"
        )
    return [*(cells[cell.key] for cell in kept), *damaged.items()]


def _find_cells(paths: Sequence[str | Path]) -> Iterator[tuple[Path, Result | str]]:
    """Yield every stored cell under the paths once, or what is wrong with its files."""
    seen: set[Path] = set()
    for given in map(Path, paths):
        if not given.exists():
            raise UsageError(
                f"{given} does not exist. Name a results folder, or the JSON file of a result"
            )
        for path in sorted(given.rglob("*.json")) if given.is_dir() else [given]:
            parents = path.relative_to(given).parents
            in_model = any(
                folder.suffix in (".model", checkpoint.SUFFIX, TUNING) for folder in parents
            )
            if in_model or path.resolve() in seen:
                continue
            seen.add(path.resolve())
            try:
                cell, _ = read_cell(path)
            except RecbenchError as error:
                if given.is_dir() and not CELL_NAME.search(path.name):
                    log.info("skipped %s: it is not a result of recbench", path)
                else:
                    yield path, describe_error(error)
            else:
                fits = path.name == file_name(cell)
                yield path, cell if fits else str(misplaced(path, cell, file_name(cell)))
