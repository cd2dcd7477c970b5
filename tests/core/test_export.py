"""A split written to files: the same split in both formats, for all splitters."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import plugin

import recbench
from recbench import RecbenchError, UsageError
from recbench.cli.main import main
from recbench.export import export_split
from recbench.spec import Spec

SPLITS = [
    "leave-last-out",
    "leave-last-basket",
    "temporal",
    "temporal:targets=all,share=0.7",
    "windows:length=3",
]


def _split(dataset: Any, split: str) -> recbench.Split:
    spec = Spec.parse(split)
    parts: recbench.Split = (
        recbench.load_plugins().build("splitters", spec).split(dataset.interactions)
    )
    return parts


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("read", [pd.read_parquet, pd.read_csv])
def test_files_contain_the_same_split(split: str, read: Any) -> None:
    files = export_split("synthetic", split=split, output="out")
    assert sorted(file.name for file in files) == sorted(
        f"{part}.{form}" for part in ("train", "history", "targets") for form in ("csv", "parquet")
    )
    form = "csv" if read is pd.read_csv else "parquet"
    data = recbench.load_dataset("synthetic")
    parts = _split(data, split)
    train, history, targets = (
        read(f"out/{name}.{form}") for name in ("train", "history", "targets")
    )
    in_train = parts.train
    assert list(train) == ["row", "user", "item", "time", "rating"]
    assert (train["row"] == np.repeat(np.arange(len(in_train)), in_train.lengths)).all()
    assert (train["user"] == data.user_ids[np.repeat(in_train.users, in_train.lengths)]).all()
    assert (train["item"] == data.item_ids[in_train.items]).all()
    assert (train["time"] == in_train.times).all()
    assert (train["rating"] == in_train.ratings).all()
    assert sorted(history["row"].unique()) == parts.judged.tolist()
    for row, items in history.groupby("row")["item"]:
        single = parts.history.take([row])
        assert items.tolist() == data.item_ids[single.items].tolist()
    items, offsets = parts.judged_targets
    assert list(targets) == ["row", "user", "item", "time"]
    assert (targets["item"] == data.item_ids[items]).all()
    assert (targets["row"] == np.repeat(parts.judged, np.diff(offsets))).all()
    assert (targets["user"] == data.user_ids[parts.history.users[targets["row"]]]).all()
    assert parts.judged_target_times is not None
    assert (targets["time"] == parts.judged_target_times).all()


def test_original_ids_of_any_kind_are_written_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    odd = ['"a,b"', '"say ""hi"""', "007", "ünï", "x y"]
    lines = [f"{user},{item},{t}" for user in odd for t, item in enumerate(odd)]
    path.write_text("user,item,time\n" + "\n".join(lines) + "\n")
    export_split(path, output="out")
    for targets in (
        pd.read_csv("out/targets.csv", dtype=str),
        pd.read_parquet("out/targets.parquet"),
    ):
        assert sorted(targets["user"]) == sorted(["a,b", 'say "hi"', "007", "ünï", "x y"])
        assert set(targets["item"]) == {"x y"}


INSTANTS = {
    "s": (1_291_191_960, "1291191960"),
    "ms": (1_291_191_960_250, "2010-12-01 08:26:00.250Z"),
    "us": (1_291_191_960_250_001, "2010-12-01 08:26:00.250001Z"),
    "ns": (1_291_191_960_250_001_007, "2010-12-01 08:26:00.250001007Z"),
}


@pytest.mark.parametrize("unit", INSTANTS)
def test_times_of_any_unit_are_read_back(unit: str) -> None:
    first, text = INSTANTS[unit]
    times = first + np.arange(6)
    log = recbench.Interactions.from_log([0, 0, 0, 1, 1, 1], [0, 1, 2] * 2, times, time_unit=unit)
    data = recbench.Dataset("mine", log, np.arange(2), np.arange(3))
    plugins = recbench.load_plugins(mine=plugin(datasets={"mine": lambda: data}))
    export_split("mine", output="out", plugins=plugins)
    assert Path("out/train.csv").read_text().splitlines()[1] == f"0,0,0,{text}"
    for form in ("csv", "parquet"):
        for name, expected in (("train", times[[0, 1, 3, 4]]), ("targets", times[[2, 5]])):
            read = recbench.load_dataset(f"out/{name}.{form}").interactions
            assert read.times is not None
            assert (read.times.tolist(), read.time_unit) == (expected.tolist(), unit)


def test_a_log_without_times_and_ratings_has_no_such_columns(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("".join(f"{u} {i}\n" for u in range(5) for i in range(u, u + 4)))
    export_split(path, output="out")
    assert list(pd.read_csv("out/train.csv")) == ["row", "user", "item"]
    assert list(pd.read_parquet("out/targets.parquet")) == ["row", "user", "item"]


def test_several_splits_get_a_folder_each() -> None:
    files = export_split("synthetic", split="leave-last-out,temporal:share=0.8,targets=all")
    assert {file.parent for file in files} == {
        Path("split/leave-last-out"),
        Path("split/temporal_share=0.8,targets=all"),
    }
    assert all(file.is_file() for file in files)


def test_usage_errors_are_reported_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'windows'"):
        export_split("gone.csv", split="window")
    with pytest.raises(UsageError, match="no option 'lenght'"):
        export_split("gone.csv", split="windows:lenght=3")
    with pytest.raises(UsageError, match="name a split"):
        export_split("synthetic", split=" ")
    with pytest.raises(UsageError, match=r"there is no dataset or file 'gone\.csv'"):
        export_split("gone.csv")
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    with pytest.raises(RecbenchError, match=r"cannot write to .*blocked"):
        export_split("synthetic", output=blocked)


def test_the_command_prints_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["export-split", "synthetic", "--split", "temporal", "-o", "there"])
    assert stop.value.code == 0
    files = capsys.readouterr().out.split()
    assert len(files) == 6
    assert all(Path(file).is_file() for file in files)


def test_what_is_returned_is_a_list_of_files(tiny: str) -> None:
    files = export_split(pd.read_csv(tiny), output="a folder")
    assert str(files) == "\n".join(map(str, files))
    frame = files.to_frame()
    assert list(frame) == ["part", "format", "path"]
    assert frame["part"].tolist() == ["train"] * 2 + ["history"] * 2 + ["targets"] * 2
    assert frame["path"].tolist() == [str(path) for path in files]
    assert all(path.is_file() for path in files)
    assert "targets.csv</td>" in files._repr_html_()
