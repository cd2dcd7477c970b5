"""Files of recommendations: ids as they are, read back, and nothing lost if writing fails."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recbench import RecbenchError, UsageError
from recbench.recommending.lists_file import how_to_read, lists_file, write_lists

FRAME = pd.DataFrame(
    {
        "user": ["007", "a@b.org", "NA"],
        "item": [3, 1, 2],
        "title": ["", 'The "b", part', "line\u2028two\nthree"],
        "rank": [1, 1, 1],
        "score": [0.1, 1 / 3, 1e-300],
    }
).astype({"user": object, "title": object})


def _parts() -> Iterator[pd.DataFrame]:
    yield FRAME[:1]
    yield FRAME[1:]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_files_are_read_back_as_the_sentence_says(suffix: str) -> None:
    name = f"recs.{suffix}"
    write_lists(Path(name), _parts)
    call = how_to_read(name, {"user": FRAME["user"].to_numpy(), "item": np.array([3, 1, 2])})
    assert bool(call) == (suffix != "parquet")
    read = eval(call, {"pandas": pd}) if call else pd.read_parquet(name)
    assert np.allclose(read.pop("score"), FRAME["score"], rtol=1e-15, atol=0)
    assert read.to_dict("list") == FRAME.drop(columns="score").to_dict("list")
    assert [path.name for path in Path().iterdir()] == [name]


def test_whole_numbers_and_plain_texts_need_no_advice() -> None:
    ids = {"user": np.array(["ann", "x7"], dtype=object), "item": np.array([1, 2])}
    assert not how_to_read("recs.csv", ids)
    assert "dtype={'user': str}" in how_to_read("r.csv", {**ids, "user": np.array(["1e5"])})


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_no_lists_are_a_file_with_columns(suffix: str) -> None:
    path = Path(f"recs.{suffix}")
    write_lists(path, lambda: iter([FRAME[:0]]))
    if suffix == "json":
        assert path.read_text() == "[]\n"
    else:
        read = pd.read_csv(path) if suffix == "csv" else pd.read_parquet(path)
        assert read.columns.tolist() == FRAME.columns.tolist()
        assert not len(read)


def test_a_file_that_cannot_be_written_is_an_error_before_any_work() -> None:
    assert lists_file("RECS.CSV") == Path("RECS.CSV")
    for name in ("recs.xlsx", "recs", ""):
        with pytest.raises(UsageError, match=rf"-o {name}: its suffix is none of"):
            lists_file(name)
    Path("folder.csv").mkdir()
    with pytest.raises(UsageError, match="it is a folder"):
        lists_file("folder.csv")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spare = tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    Path("recs.csv").symlink_to("/dev/full")
    with pytest.raises(RecbenchError, match=r"cannot write recs.csv: No space left") as raised:
        write_lists(Path("recs.csv"), _parts)
    (saved,) = spare.rglob("recs.csv")
    assert str(saved) in str(raised.value)
    assert len(pd.read_csv(saved)) == 3


def test_a_file_is_written_completely_or_not_at_all() -> None:
    def broken() -> Iterator[pd.DataFrame]:
        yield FRAME
        raise KeyboardInterrupt

    Path("recs.csv").write_text("before")
    with pytest.raises(KeyboardInterrupt):
        write_lists(Path("recs.csv"), broken)
    assert Path("recs.csv").read_text() == "before"
    assert os.listdir() == ["recs.csv"]
