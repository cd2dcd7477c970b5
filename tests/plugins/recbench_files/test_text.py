"""Text files: read exactly, with any compression, quotes and blank lines."""

import bz2
import gzip

import numpy as np
import pyarrow as pa
import pytest


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, pa.compress])
def test_compressed_text_is_read(read, pack, sequences):
    text = b"user,item\n1,5\n1,4\n"
    packed = pa.compress(text, "zstd", asbytes=True) if pack is pa.compress else pack(text)
    assert sequences(read(packed, "log.whatever")) == {1: [5, 4]}


def test_two_gzip_members_are_one_file(read, sequences):
    packed = gzip.compress(b"user,item\n1,5\n") + gzip.compress(b"1,4\n")
    assert sequences(read(packed)) == {1: [5, 4]}


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffuser,item\n1,5\n1,4\n",
        "user,item\r\n1,5\r\n1,4\r\n",
        "user,item\n1,5\n\n1,4\n\n\n",
        "user,item\n1,5\n1,4",
        "\n\nuser,item\n1,5\n1,4\n",
        '"user","item"\n"1","5"\n"1","4"\n',
    ],
    ids=["bom", "crlf", "blank", "no end", "blank on top", "quoted"],
)
def test_harmless_variants_of_csv_are_read_alike(read, text, sequences):
    assert sequences(read(text)) == {1: [5, 4]}


def test_quoted_delimiters_and_line_breaks(read, sequences):
    text = 'user,title,item\n1,"a, ""b""\nc","x,\ny"\n2,,z\n'
    assert sequences(read(text)) == {1: ["x,\ny"], 2: ["z"]}


def test_other_columns_may_contain_any_bytes(read, sequences):
    text = "user,item,t\xedtulo\n1,5,caf\xe9\0\n".encode("latin-1")
    assert sequences(read(text)) == {1: [5]}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quoted_fields_across_the_blocks_that_pyarrow_reads(read, monkeypatch, end, sequences):
    monkeypatch.setattr("recbench_files.text._BLOCK", 64)
    random = np.random.default_rng(5)
    for _ in range(40):
        users = ["".join(random.choice(list('ab,"1 \r\n'), 6)) for _ in range(30)]
        rows = ['"' + user.replace('"', '""') + f'",{n}' for n, user in enumerate(users)]
        expected = {}
        for n, user in enumerate(users):
            expected.setdefault(user, []).append(n)
        assert sequences(read(end.join(["user,item", *rows, ""]))) == expected


def test_times_that_start_as_whole_numbers_and_continue_as_fractions(read, sequences):
    dataset = read("user,item,time\n1,9,5\n1,8,4.5\n")
    assert sequences(dataset) == {1: [8, 9]}
    assert dataset.interactions.times.tolist() == [4, 5]
