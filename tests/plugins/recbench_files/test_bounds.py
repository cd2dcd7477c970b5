"""Files that unpack to too much, and lines without end: refused with words, in little memory."""

import bz2
import gzip
import io
import zipfile

import pyarrow as pa
import pytest
from pyarrow import parquet

import recbench
from recbench_files import bounds, open_table
from recbench_files.bounds import Bounded

ROWS = b"user,item,time\n" + b"1,2,1577836800\n" * 100_000
"""1.5 MB that any compression makes much smaller."""


@pytest.fixture(autouse=True)
def _smaller(monkeypatch):
    monkeypatch.setattr(bounds, "_ALWAYS", 1_000_000)
    monkeypatch.setattr(bounds, "_TIMES", 20)
    for module in ("text.records", "text.stream", "text.sequences", "jsonl.reader", "bounds"):
        monkeypatch.setattr(f"recbench_files.{module}.LONGEST", 300_000)


def zipped(method):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("log.csv", ROWS)
    return file.getvalue()


def as_parquet(n_rows):
    sink = pa.BufferOutputStream()
    parquet.write_table(
        pa.table({"user": pa.repeat(1, n_rows), "item": pa.repeat(2, n_rows)}), sink
    )
    return sink.getvalue().to_pybytes()


PACKED = {
    "log.csv.gz": gzip.compress(ROWS),
    "log.csv.bz2": bz2.compress(ROWS),
    "log.csv.zst": pa.Codec("zstd").compress(ROWS, asbytes=True),
    "deflated.zip": zipped(zipfile.ZIP_DEFLATED),
    "lzma.zip": zipped(zipfile.ZIP_LZMA),
    "log.parquet": as_parquet(1_000_000),
}


@pytest.mark.parametrize("name", PACKED)
def test_files_that_unpack_to_too_much_are_refused(fails, name):
    assert "unpacks to more than 20 times its " in fails(PACKED[name], name)


@pytest.mark.parametrize("name", PACKED)
def test_recommendations_that_unpack_to_too_much_are_refused(name):
    with pytest.raises(recbench.RecbenchError, match=f"{name} unpacks to more than 20 times"):
        open_table(name, PACKED[name]).read(["user", "item"], [])


def test_parquet_in_a_zip_archive_is_bounded_too(fails):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("log.parquet", PACKED["log.parquet"])
    assert "log.zip/log.parquet unpacks to more than" in fails(file.getvalue(), "log.zip")


def test_a_zip_archive_that_understates_a_size_is_damaged(fails):
    wrong = PACKED["deflated.zip"].replace(len(ROWS).to_bytes(4, "little"), bytes([9, 1, 0, 0]))
    assert "reading failed (Bad CRC-32" in fails(wrong, "log.zip")


def test_what_unpacks_to_less_is_read(read, monkeypatch):
    monkeypatch.setattr(bounds, "_ALWAYS", len(ROWS))
    assert read(PACKED["log.csv.gz"], "log.csv.gz").interactions.n_interactions == 100_000


def test_bytes_are_counted_however_they_are_read():
    stream = Bounded(io.BytesIO(bytes(1_000_001)), "log.csv.gz", 10)
    assert len(stream.read(500_000)) == 500_000
    buffer = bytearray(500_000)
    assert stream.readinto(buffer) == 500_000
    with pytest.raises(recbench.RecbenchError, match=r"log\.csv\.gz unpacks to more than"):
        stream.read(1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("user,item\n1,2\n1,{}\n", 3),
        ('user,item\n1,2\n1,"{}"\n', 3),
        ("user  item\n1  2\n1  {}\n1  2\n", 3),
        ("1 2 3\n2 3\n5 7 {}\n", 3),
        ('{{"user": 1, "item": 2}}\n{{"user": 1, "item": 3, "text": "{}"}}\n', 2),
    ],
)
def test_lines_without_end_are_refused(fails, monkeypatch, text, line):
    for module in ("text.reader", "jsonl.reader"):
        monkeypatch.setattr(f"recbench_files.{module}._BLOCK", 1 << 16)
    monkeypatch.setattr("recbench_files.jsonl.reader._FIRST_BLOCK", 1 << 16)
    problem = fails(text.format("x" * 600_000))
    assert (
        f"log.csv line {line}: the line has more than 300,000 characters. Write one row" in problem
    )


def test_a_file_of_one_line_is_refused(fails):
    assert "the first line is longer than 262,144 bytes" in fails("a,b " * 200_000)
    assert "not a text file: it contains NUL bytes" in fails(bytes(600_000))


@pytest.mark.parametrize("length", [140_000, 200_000])
def test_a_long_header_is_read_and_its_names_are_cut(read, fails, length):
    dataset = read(f"user,item,{'x' * length}\n1,2,3\n")
    assert f"Not used: the column {'x' * 57}..." in dataset.notes
    dataset = read(f'user,item,"{"x" * length}\n"\n1,2,3\n')  # the name has a line break
    assert dataset.interactions.n_interactions == 1
    names = ",".join(f"column{n}" for n in range(40_000))
    assert "If this line names them, keep only those that are needed" in fails(
        f"user,item,{names}\n"
    )
