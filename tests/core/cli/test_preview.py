"""`recbench datasets PATH`: how a dataset is read, and what is shown if it cannot be."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from helpers import plugin

from recbench import Dataset, Interactions, RecbenchError, load_plugins
from recbench.cli.main import main
from recbench.cli.options import UnfinishedError
from recbench.cli.preview import preview

TITLES = np.array(["Heat", None, "Emma"], dtype=object)


def made(broken: bool = False, timed: bool = True) -> Dataset:
    """A log of three interactions."""
    if broken:
        raise RecbenchError("log.csv line 7: broken")
    log = Interactions.from_log(
        [0, 0, 1],
        [0, 1, 2],
        [1577836800500, 1577836801000, 1577836802000] if timed else None,
        [5, 3.5, 4] if timed else None,
        time_unit="ms",
    )
    notes = ("times have no zone",)
    return Dataset("log", log, np.array(["a", "b"]), np.array([7, 8, 9]), TITLES, notes=notes)


def _shown(text: str, show: Callable[..., Any] | None = None) -> str:
    def factory(broken: bool = False, timed: bool = True) -> Dataset:
        return made(broken, timed)

    if show is not None:
        factory.__dict__["preview"] = show
    return preview(load_plugins(mine=plugin(datasets={"made": factory})), text)


def test_a_dataset_is_shown_as_it_is_loaded() -> None:
    text = _shown("made:min_rating=4")
    assert text.startswith("made:min_rating=4, read by dataset made (plugin mine")
    rows = [line.split() for line in text.splitlines()]
    assert ["a", "7", "Heat", "2020-01-01", "00:00:00.500", "5"] in rows
    assert ["b", "9", "Emma", "2020-01-01", "00:00:02.000", "4"] in rows
    assert "Name in tables: log:min_rating=4\n" in text
    assert "Size: 2 users, 2 items, 2 interactions.\n" in text
    times = "from 2020-01-01 00:00:00.500 to 2020-01-01 00:00:02.000 (UTC), in milliseconds."
    assert f"Times: {times}\n" in text
    assert "Ratings: from 4 to 5.\n" in text
    assert "Order: by user and time, equal times in file order.\n" in text
    assert text.endswith(
        "Notes\n\n- 1 of 3 interactions has no rating of 4 or more and was dropped.\n"
        "- Times have no zone.\n"
    )


def test_features_are_named() -> None:
    log = Interactions.from_log([0, 0], [0, 1], features={"price": np.array([2, 3])})
    data = Dataset(
        "shop",
        log,
        np.array(["a"]),
        np.array([7, 8]),
        user_features={"age": np.array([30])},
        item_features={"genres": np.array(["Drama|War", ""]), "year": np.array([1995, 0])},
    )
    text = preview(load_plugins(mine=plugin(datasets={"made": lambda: data})), "made")
    assert text.endswith(
        "Features of interactions: price.\n"
        "Features of users: age.\n"
        "Features of items: genres, year.\n"
    )
    assert "Features" not in _shown("made")


def test_a_missing_title_is_empty_and_missing_columns_are_said() -> None:
    text = _shown("made:timed=no")
    assert ["a", "8"] in [line.split() for line in text.splitlines()]
    assert "There are no times.\nThere are no ratings.\nOrder: by user, in file order.\n" in text


def test_a_factory_shows_how_it_reads_its_source() -> None:
    text = _shown("made:timed=yes", lambda timed: {"Columns": [{"timed": timed}]})
    assert "\nColumns\n\ntimed\n-----\nTrue\n" in text
    assert "\nFirst interactions\n\nuser  item  title" in text
    text = _shown("made", lambda: {"First interactions": [{"user": "raw"}]})
    assert "\nFirst interactions\n\nuser\n----\nraw\n" in text
    assert "Heat" not in text


def test_what_can_be_shown_is_shown_before_the_error() -> None:
    def columns(broken: bool) -> Mapping[str, Sequence[Mapping[str, str]]]:
        return {"Columns": [{"column": "userId"}]}

    with pytest.raises(UnfinishedError) as stopped:
        _shown("made:broken=yes", columns)
    assert stopped.value.text.endswith("Columns\n\ncolumn\n------\nuserId\n")
    assert str(stopped.value.error) == "log.csv line 7: broken"
    with pytest.raises(RecbenchError, match="line 7: broken"):
        _shown("made:broken=yes")
    with pytest.raises(RecbenchError, match=r"dataset made .* failed: ZeroDivisionError"):
        _shown("made:broken=yes", lambda broken: 1 // 0)


def test_the_command_shows_files_and_options(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*args: str) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["datasets", *args])
        return (stop.value.code, *capsys.readouterr())

    code, out, _ = call(f"{tiny}:where=item_id!=i0")
    assert code == 0
    assert "Name in tables: tiny.csv:where=item_id!=i0\n" in out
    code, out, _ = call("synthetic:users=20,items=30,interactions=100")
    assert code == 0
    assert "Size: 20 users, 30 items, 100 interactions.\n" in out
    code, out, _ = call("synthetic")
    assert code == 0
    assert "To set options, write synthetic:OPTION=VALUE" in out
    code, out, err = call("synthetik")
    assert (code, out) == (2, "")
    assert "did you mean 'synthetic'?" in err
    with open(tiny, "a") as file:
        file.write("u1,i1,soon,5\n")
    code, out, err = call(tiny)
    assert code == 1
    assert "user_id" in out  # the columns are shown
    assert "soon" in err
