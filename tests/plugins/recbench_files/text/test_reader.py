"""Text files: read exactly, with any compression, quotes and blank lines."""

import bz2
import dataclasses
import gzip

import numpy as np
import pyarrow as pa
import pytest

import recbench
from recbench_files.columns import Chosen
from recbench_files.formats import detect_table
from recbench_files.text.reader import _read_fast, _read_slowly


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
    monkeypatch.setattr("recbench_files.text.reader._BLOCK", 64)
    random = np.random.default_rng(5)
    for _ in range(40):
        users = ["".join(random.choice(list('ab,"1 \r\n'), 6)) for _ in range(30)]
        rows = ['"' + user.replace('"', '""') + f'",{n}' for n, user in enumerate(users)]
        expected = {}
        for n, user in enumerate(users):
            if user.strip():
                expected.setdefault(user.strip(), []).append(n)
        assert sequences(read(end.join(["user,item", *rows, ""]))) == expected


def test_times_that_start_as_whole_numbers_and_continue_as_fractions(read, sequences):
    dataset = read("user,item,time\n1,9,5\n1,8,4.5\n")
    assert sequences(dataset) == {1: [8, 9]}
    assert dataset.interactions.times.tolist() == [4500, 5000]
    assert dataset.interactions.time_unit == "ms"


@pytest.mark.parametrize("gap", [",", "\t", ";", "|"])
@pytest.mark.parametrize(
    ("titles", "line"),
    [
        (('"Heat', "Emma", '"Ran', "Up"), "the first is line 2"),
        (('"Heat', "Emma", 'Ran"', "Up"), "line 2"),
        (("Heat", '"Emma', "Ran", "Up"), "line 3"),
        (('"Heat" (1995)', "Emma", "Ran", '12" single'), "line 2"),
        (('"Emma"', '"Weird" "Al"', '"""Ran"""', "Up"), "line 3"),
        (('"', '""', '"a""', '"""'), "the first is line 2"),
    ],
)
def test_quotes_that_enclose_no_field_are_text(read, sequences, gap, titles, line):
    rows = [f"1,{n},{title},{n}" for n, title in enumerate(titles)]
    dataset = read("\n".join(["user,item,title,time", *rows, ""]).replace(",", gap))
    assert sequences(dataset) == {1: [0, 1, 2, 3]}
    note = f"Quotation marks that do not enclose a field were read as text ({line})"
    assert note in dataset.notes


def test_marks_inside_of_fields_need_no_note(read, sequences):
    dataset = read('user,item,title\n1,5,12" single\n1,4,"a, b"\n')
    assert sequences(dataset) == {1: [5, 4]}
    dataset = read('user,item,title\n1,5,12" single\n1,4,7" single\n')
    assert sequences(dataset) == {1: [5, 4]}
    assert not any("Quotation" in note for note in dataset.notes)


def test_ids_with_marks_inside_are_text(read, sequences):
    text = 'user\titem\n1\t"Weird Al" Yankovic\n1\tWeird Al Yankovic\n1\t12" Mix\n'
    assert sequences(read(text)) == {1: ['"Weird Al" Yankovic', "Weird Al Yankovic", '12" Mix']}


def test_ids_keep_no_quotes_around_them(read, fails, sequences):
    assert sequences(read('user,item,time\n1, "10", 5\n1, "9, 8", 4\n1,"7",3\n')) == {
        1: ["7", "9, 8", "10"]
    }
    assert "line 3: item '\"10' has a quote" in fails('user,item\n1,9\n1,"10\n1,11\n')
    assert "line 2: item '\"9' has a quote" in fails('user\titem\n1\t"9\n1\t10"\n')
    marked = fails('user,item,title\n1,"9","x" y\n1,10,z\n')
    assert "line 2: item '\"9\"' is in quotes, but another quote" in marked


def test_fields_that_span_lines_are_counted(read, sequences):
    text = 'user,item,text\n1,5,"good,\nbut ""long""\n"\n1,4,fine\n1,3,"so\nso"\n'
    dataset = read(text)
    assert sequences(dataset) == {1: [5, 4, 3]}
    assert (
        "The file has more lines than rows: 3 line breaks in quotes belong to a field"
        in dataset.notes
    )
    spaced = read('user,item,text\n1,5,"a\nb"\n1,4,12" disc\n')
    assert sequences(spaced) == {1: [5, 4]}


@pytest.mark.parametrize(
    "again", ["user,item,n", " User , ITEM,N", '"user","item","n"', "\ufeffuser,item,n"]
)
def test_a_header_in_the_middle_is_no_row(read, sequences, again):
    rows = ["user,item,n", "1,5,2", again, "1,4,3", "", again, "2,item,1"]
    for end in ("\n", "\r\n"):
        dataset = read(end.join(rows), rating="n")
        assert sequences(dataset) == {1: ["5", "4"], 2: ["item"]}
        note = "2 lines that repeat the header were dropped (the first is line 3)"
        assert note in dataset.notes
    assert sequences(read("\n".join(rows), rating="")) == {1: ["5", "4"], 2: ["item"]}


def test_a_header_with_types_in_the_middle(read, sequences):
    part = "user_id:token\titem_id:token\n{}\t5\n"
    assert sequences(read(part.format(1) + part.format(2), "x.inter")) == {1: [5], 2: [5]}


@pytest.mark.parametrize("row", ["1,4", '"1","4"'])
def test_a_byte_order_mark_in_the_middle_is_no_part_of_an_id(read, sequences, row):
    assert sequences(read(f"\ufeffuser,item\n1,5\n\ufeff{row}\n")) == {1: [5, 4]}
    assert sequences(read("\ufeff1 5\n\ufeff1 4\n")) == {1: [5, 4]}
    assert sequences(read("\ufeff1 5 6\n\ufeff2 4\n")) == {1: [5, 6], 2: [4]}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_spaces_and_of_separators_are_skipped(read, sequences, end):
    text = end.join(["user,item,x", "1,5,2", "   ", ",,,,,", "\t", ",", "1,4,3", ""])
    assert sequences(read(text)) == {1: [5, 4]}


def test_ids_that_begin_as_comments_do(read, fails, sequences):
    assert sequences(read("user,item\n#1,5\n#2,4\n")) == {"#1": [5], "#2": [4]}
    rows = "user,item\n1,5\n2,5\n{},4\n"
    assert sequences(read(rows.format('"#3"'))) == {"#3": [4], "1": [5], "2": [5]}
    assert "line 4: '#3,4' looks like a comment" in fails(rows.format("#3"))
    assert "line 3: '# 4' looks like a comment" in fails("1 5\n2 5\n# 4\n3 4\n", format="pairs")


def test_words_for_missing_values_are_null_in_numbers_and_ids(read, sequences):
    text = "user,item,time\nNA,3,NULL\n1,5,20\n1,4,10\n1,nan,30\nNone,8,40\n"
    assert sequences(read(text)) == {1: [4, 5]}
    slow = text + 'user,item,time\n1,6,"5"\n'
    assert sequences(read(slow)) == {1: [6, 4, 5]}


def test_fields_longer_than_the_blocks_that_pyarrow_reads(read, monkeypatch, sequences):
    monkeypatch.setattr("recbench_files.text.reader._BLOCK", 1 << 16)
    long = "x" * (1 << 18)
    for title in (long, f'"{long}, {long}"', f'"{long}""'):
        assert sequences(read(f"user,item,title\n1,5,y\n1,4,{title}\n")) == {1: [5, 4]}


def test_a_colon_in_a_field_of_ratings_dat(read, sequences):
    assert sequences(read("1::2:9::3::900000000\n1::2::3::900000001\n")) == {1: ["2:9", "2"]}


def test_the_fast_reader_gives_what_the_exact_one_gives(tmp_path, monkeypatch):
    monkeypatch.setattr("recbench_files.text.reader._BLOCK", 64)
    random = np.random.default_rng(3)
    chosen = Chosen({"user": 0, "item": 1}, {"user": "user", "item": "item"})
    n_fast = 0
    for _ in range(600):
        letters = list(random.choice(['ab"', 'ab" ', 'ab",', 'ab"\n,', "ab", 'ab"\r\n']))
        fields = ["".join(random.choice(letters, random.integers(6))) for _ in range(12)]
        quoted = ['"' + field.replace('"', '""') + '"' for field in fields]
        use = random.random(12) < random.random()
        rows = np.where(use, quoted, fields).reshape(4, 3)
        text = "\n".join(["user,item,title", *(",".join(row) for row in rows), ""])
        (tmp_path / "log.csv").write_text(text, newline="")
        layout = detect_table("log.csv", text.encode())
        layout = dataclasses.replace(layout, quoted=True, names=("user", "item", "title"))
        read = [_try(reader, layout, chosen) for reader in (_read_fast, _read_slowly)]
        if read[0] is not None:
            n_fast += 1
            assert read[0] == read[1], text
    assert n_fast > 100


def _try(reader, layout, chosen):
    try:
        result = reader(layout, chosen, [{}])
    except recbench.RecbenchError as error:
        return str(error)
    return result and ({role: column.to_pylist() for role, column in result[0].items()}, result[1])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("user,item\nu1,i1\nitem,user\ni2,u1\n", 3),
        ("user,item\nu1,i1\nuser_id,item_id\nu1,i2\n", 3),
        ("user_id,item_id\nuser,item\nu1,i2\n", 2),
        ("user,item,time\nu1,i1,5\nitem,user,time\ni2,u1,6\n", 3),
        ("who,what\na,b\nwhat,who\nc,d\n", 3),
    ],
)
def test_another_header_in_the_middle_is_an_error(fails, text, line):
    options = {"user": "who", "item": "what"} if text.startswith("who") else {}
    message = fails(text, **options)
    assert message.startswith(f"log.csv line {line}: ")
    assert "looks like a header, but is not that of the rows above" in message


@pytest.mark.parametrize("names", ["user_id\titem_id", "item\tuser"])
def test_a_header_below_the_rows_is_an_error(fails, names):
    assert "line 3: " in fails(f"1\t2\n1\t3\n{names}\n", format="pairs")
    line = f"{names}\titem".replace("\t", " ")
    message = fails(f"1 2 3\n2 3\n{line}\n", format="sequences")
    assert "line 3: user" in message
    assert "look like a header" in message


def test_ids_that_are_names_of_columns_are_ids(read, sequences):
    assert sequences(read("user,item\nu1,book\nu1,item\nuser,x\n")) == {
        "u1": ["book", "item"],
        "user": ["x"],
    }


def test_spaces_around_names_and_quotes(read, sequences):
    for text in (
        "user , item, time\nu, 10, 5\nu, 11, 4\n",
        '"user"; "item" ;"time"\nu;"10" ;5\nu;11;4\n',
    ):
        dataset = read(text)
        assert sequences(dataset) == {"u": [11, 10]}
        assert dataset.notes[-1].endswith("user=user, item=item, time=time")


def test_names_of_columns_that_span_lines(read, sequences):
    text = '"user\nid",item,time\nu,10,5\nu,11,4\n'
    assert sequences(read(text, user="user id")) == {"u": [11, 10]}


@pytest.mark.parametrize("row", ['"1";"a \\"b\\" c"', '"1";"a \\"b\\"; c"', '"1";"a \\"; c"'])
def test_quotes_after_backslashes_are_refused_with_a_command(read, fails, sequences, row):
    text = f'"user";"item"\n"1";"x"\n{row}\n'
    message = fails(text)
    assert message.startswith("log.csv line 3: a quote is escaped with a backslash")
    assert message.endswith("""with: sed 's/\\\\"/""/g' log.csv > mended-log.csv""")
    item = row[5:-1].replace('\\"', '"')
    assert sequences(read(text.replace('\\"', '""'))) == {1: ["x", item]}


def test_the_remedy_for_a_quote_at_the_start_works(read, fails, sequences):
    text = "user\titem\n1\t{}\n1\tx\n"
    message = fails(text.format('"Heroes'))
    assert (
        "Close it, or, if it is part of the text, double it and put the field in quotes" in message
    )
    assert sequences(read(text.format('"""Heroes"'))) == {1: ['"Heroes', "x"]}


@pytest.mark.parametrize("gap", [",", "\t"])
def test_times_with_more_decimals_than_a_float_holds(read, sequences, gap):
    rows = ("user", "item", "time"), (1, 2, "1300000000.000000002"), (1, 3, "1300000000.000000001")
    dataset = read("".join(gap.join(map(str, row)) + "\n" for row in rows))
    assert dataset.interactions.time_unit == "ns"
    assert dataset.interactions.times.tolist() == [13 * 10**17 + 1, 13 * 10**17 + 2]
    assert sequences(dataset) == {1: [3, 2]}
