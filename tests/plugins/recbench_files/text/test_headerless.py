"""Files without a header: recognised, named with header=, or refused with what spoke against."""

import pytest

import recbench

EPOCH = 881250949


@pytest.mark.parametrize(
    ("text", "against"),
    [
        (
            "1\tU3\t11/13/2019 8:51:00 AM\tN28 N26\n2\tU7\t11/13/2019 7:48:00 PM\tN4\n",
            "fields contain spaces",
        ),
        ("1\tToy Story\n2\tHeat\n1\tAlien 3\n", "fields contain spaces"),
        ("1 Toy Story\n2 Jumanji\n3 Heat\n", "words without a digit such as 'Heat'"),
        ("1 3:1 5:1\n2 2:1\n3 1:1 2:1 9:1\n", "'1:1' does not look like an id"),
        ("u1 2019-11-13 i5\nu2 i3\nu3 i4 i5 i6\n", "'2019-11-13' does not look like an id"),
        ("w1 0.25 0.5\nw2 1.5 0.1\nw3 0.1\n", "'0.1' does not look like an id"),
        ("1 -2 3\n2 4\n3 5 6 7\n", "'-2' does not look like an id"),
        ("1\t2 3 4\n2\t3 4\n3\t9\n", "fields contain spaces, such as '2 3 4'"),
        ("10.0.0.1 GET /a\n10.0.0.2 GET /b c\n", "'/a' does not look like an id"),
        ("1 2 5\n1 3 7\n2 3 1\n", "3 fields in most lines, as in a table"),
    ],
)
def test_what_is_no_list_of_ids_is_refused_with_the_reason(fails, text, against):
    message = fails(text, kind=recbench.UsageError)
    assert message.startswith(f"log.csv has no header: line 1 is {text.partition(chr(10))[0]!r}")
    assert "not pairs (" in message
    assert "not u.data (" in message
    assert f"not sequences ({against}" in message
    assert "header=user,item" in message


@pytest.mark.parametrize("gap", ["\t", "::"])
@pytest.mark.parametrize(
    ("row", "against"),
    [
        (("1", "7", str(EPOCH), "4"), f"third field, such as '{EPOCH}', looks like a time"),
        (("1", "7", "2520377", str(EPOCH)), "third field, such as '2520377', does not look"),
        (("1", "7", "3", "4"), "fourth field, such as '4', does not look like seconds"),
        (("1", "7", "pv", str(EPOCH)), "third field, such as 'pv', does not look"),
        (("1", "7", "3"), "3 fields, not 4"),
    ],
)
def test_ratings_and_times_in_another_order_are_refused(fails, gap, row, against):
    line = gap.join(row)
    message = fails(f"{line}\n{line}\n", kind=recbench.UsageError)
    assert against in message
    assert f"Name its {len(row)} columns with header=" in message


@pytest.mark.parametrize(("gap", "format"), [("\t", "udata"), ("::", "dat")])
def test_the_given_format_is_checked_as_far_as_it_can_be(read, fails, sequences, gap, format):  # noqa: A002
    small = gap.join(("1", "7", "3", "4"))
    assert sequences(read(f"{small}\n", format=format)) == {1: [7]}
    swapped = gap.join(("1", "7", str(EPOCH), "3"))
    message = fails(f"{swapped}\n", format=format, kind=recbench.UsageError)
    assert "looks like a time instead of a rating" in message
    assert "header=user,item,time,rating" in message


def test_u_data_with_equal_ratings_is_read(read, sequences):
    text = "".join(f"{user}\t{item}\t1\t{EPOCH + item}\n" for user in (1, 2) for item in (8, 9))
    assert sequences(read(text)) == {1: [8, 9], 2: [8, 9]}


@pytest.mark.parametrize("names", ["user item", "user_id\titem_id"])
def test_a_header_is_no_pair(fails, names):
    gap = "\t" if "\t" in names else " "
    message = fails(f"{names}\n1{gap}2\n", format="pairs", kind=recbench.UsageError)
    assert "has a header: line 1 is" in message
    assert "leave out format=pairs" in message


def test_users_without_items_are_left_out_and_counted(read, sequences):
    for text in ("1 9 8 7\n2\n3 5 6\n", "1 9\n2\n3 5\n", "1\n2 9\n3 5 7\n4 1\n"):
        dataset = read(text)
        assert 2 in sequences(dataset) or "1 user has no items on their line" in dataset.notes[0]
        assert len(sequences(dataset)) == text.count("\n") - 1
    assert "2 users have no items" in read("1 9 8\n2\n3 5 6 7\n4\n5 8\n").notes[0]


def test_matrix_market_and_konect_are_named(read, fails, sequences):
    matrix = fails("%%MatrixMarket matrix coordinate\n%\n3 3 1\n1 2 1\n", kind=recbench.UsageError)
    assert "is a MatrixMarket file" in matrix
    assert "scipy.io.mmread" in matrix
    konect = f"% bip weighted\n% 1 2 3\n1 7 3 {EPOCH}\n1 8 3 {EPOCH - 1}\n"
    message = fails(konect, kind=recbench.UsageError)
    assert "is a KONECT file" in message
    assert "log.csv:header=user,item,rating,time" in message
    assert sequences(read(konect, header="user,item,rating,time")) == {1: [8, 7]}


@pytest.mark.parametrize("gap", [",", "\t", ";", "|", " ", "::"])
def test_the_option_header_names_the_columns(read, sequences, gap):
    rows = ("4", "ann", "30", "x1"), ("3", "ann", "20", "x2"), ("5", "bob", "10", "x2")
    text = "".join(gap.join(row) + "\n" for row in rows)
    dataset = read(text, header="stars,user,time,item", rating="stars")
    assert sequences(dataset) == {"ann": ["x2", "x1"], "bob": ["x2"]}
    assert dataset.interactions.ratings.tolist() == [3, 4, 5]


def test_header_reads_fields_in_quotes(read, sequences):
    text = '1,"a, b",20\n1,"c ""d""",10\n'
    assert sequences(read(text, header="user,item,time")) == {1: ['c "d"', "a, b"]}


@pytest.mark.parametrize(
    ("text", "options", "part"),
    [
        ("1,2,3\n4,5,6\n", {"header": "user,item"}, "have 3 fields separated by ','"),
        ("1 2 3\n4 5 6\n", {"header": "user,item"}, "have 3 fields separated by spaces"),
        ("1,2\n3,4\n", {"header": "user,user"}, "must be different names"),
        ("1,2\n3,4\n", {"header": "user"}, "must be different names"),
        ("userId,movieId\n3,4\n", {"header": "user,item"}, "already has a header: line 1 is"),
        ("a,b,c\n3,4,5\n", {"header": "A,b,c", "user": "A", "item": "b"}, "already has a header"),
        ("1,2\n3,4\n", {"header": "user,item", "format": "pairs"}, "leave out format=pairs"),
        ('{"user": 1, "item": 2}\n', {"header": "user,item"}, "names its columns itself"),
    ],
)
def test_a_wrong_header_option_is_refused(fails, text, options, part):
    assert part in fails(text, kind=recbench.UsageError, **options)


def test_a_broken_line_below_named_columns_is_found(fails):
    message = fails("1,2,3\n4,5\n6,7,8\n", header="user,item,time")
    assert message.startswith("log.csv line 2: 2 fields, but header= has 3: '4,5'")


@pytest.mark.parametrize(
    ("text", "format"),
    [
        (f"1 {EPOCH}\n2 {EPOCH + 1}\n3 {EPOCH + 1}\n", "pairs"),
        (f"{EPOCH}\t5\n{EPOCH + 1}\t6\n{EPOCH + 1}\t7\n", "pairs"),
        (f"1 {EPOCH} 5 6 7\n2 {EPOCH + 1} 3\n3 {EPOCH + 2} 3 4\n", "sequences"),
        (f"1 5 {EPOCH} 6 {EPOCH}\n2 8 {EPOCH}\n3 8 {EPOCH} 4 {EPOCH}\n", "sequences"),
        (f"1 5 6 7 {EPOCH}\n2 8 {EPOCH}\n3 8 9 {EPOCH}\n", "sequences"),
    ],
)
def test_times_are_no_items_unless_the_format_is_given(read, fails, text, format):  # noqa: A002
    message = fails(text, kind=recbench.UsageError)
    assert f"fields such as '{EPOCH}' look like times" in message
    assert message.endswith(f"write format={format}")
    read(text, format=format)


def test_a_format_that_cannot_work_is_not_suggested(read, fails, sequences):
    again = fails("17 served 23\n17 served 9 8\n17 at 4 3 2\n", kind=recbench.UsageError)
    assert "format=sequences" not in again
    lists = "1\t2 3 4\n2\t5 6\n"
    message = fails(lists, kind=recbench.UsageError)
    assert "fields contain spaces, such as '2 3 4'" in message
    assert message.endswith("write format=sequences")
    assert sequences(read(lists, format="sequences")) == {1: [2, 3, 4], 2: [5, 6]}
    assert "'-' does not look like an id" in fails("1 - 5\n2 - 6 7\n", kind=recbench.UsageError)


def test_two_fields_between_double_colons(read, fails, sequences):
    message = fails("1::2\n1::3\n", kind=recbench.UsageError)
    assert "not ratings.dat (2 fields, not 4)" in message
    assert message.endswith("log.csv:header=user,item")
    assert sequences(read("1::2\n1::3\n", header="user,item")) == {1: [2, 3]}
    assert sequences(read("userId::itemId\n1::2\n1::3\n")) == {1: [2, 3]}


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("1 2 \n1 3 \n2 4 \n", None),
        ("  1   2\n  1   3\n  2  4\n", None),
        ("  1   2\n  1   3\n  2  4\n", "user,item"),
        (" user  item\n  1   2\n  1   3\n  2  4\n", None),
        ("% bip\n1\t2\n1 3 \n2  4\n", "user,item"),
        ("user  item  'x'\n1\t2 \"a  b\"\n1 3   c\n 2  4 c\n".replace("'", '"'), None),
        ("1\t2\t\n1\t3\t\n2\t4\t\n", "user,item"),
        ("1,2,\n1,3,\n2,4,\n", "user,item"),
    ],
)
def test_any_spaces_between_fields_and_separators_at_line_ends(read, sequences, text, header):
    for end in ("\n", "\r\n", "\r"):
        dataset = read(text.replace("\n", end), header=header)
        assert sequences(dataset) == {1: [2, 3], 2: [4]}


def test_an_empty_field_between_spaces_is_kept(read, sequences):
    assert sequences(read("user x item\n1  2\n1 a 3\n")) == {1: [2, 3]}


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_wide_lines_across_blocks(read, fails, sequences, monkeypatch, block):
    monkeypatch.setattr("recbench_files.text.stream._BLOCK", block)
    rows = [f" {n % 10}   {n} " for n in range(300)]
    assert sequences(read("\r\n".join(rows)))[7] == list(range(7, 300, 10))
    wrong = "\n".join([*rows, "1   2 3", "1 2"])
    assert "line 301: 3 fields" in fails(wrong, format="pairs")
