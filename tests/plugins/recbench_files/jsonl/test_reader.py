"""JSON lines: exact values, nested fields, lists, and errors that name the line."""

import bz2
import gzip
import json
import math

import numpy as np
import pyarrow as pa
import pytest

import recbench
from recbench_files.columns import Chosen
from recbench_files.jsonl import reader
from recbench_files.jsonl.reader import detect_json, find_json_value, read_json
from recbench_files.layout import Layout

AMAZON = '{"reviewerID": "A1", "asin": "%s", "overall": %s, "unixReviewTime": %d, "vote": "2"}\n'


def detect(content, **known):
    content = content.encode() if isinstance(content, str) else content
    layout = Layout("log.json", pa.py_buffer(content), **known)
    return detect_json(layout, content.decode(errors="surrogateescape").splitlines())


def choose(layout, names):
    return Chosen(
        {name: layout.names.index(name) for name in names}, {name: name for name in names}
    )


def columns(content, *names):
    layout = detect(content)
    read = read_json(layout, choose(layout, names))
    return {name: column.to_pylist() for name, column in read.items()}


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def small_blocks(monkeypatch):
    """Read in blocks of a few lines, and return how many of them were read fast."""
    counts = {True: 0, False: 0}
    read_fast = reader.read_fast

    def counted(*arguments):
        arrays = read_fast(*arguments)
        counts[arrays is not None] += 1
        return arrays

    monkeypatch.setattr(reader, "read_fast", counted)
    monkeypatch.setattr(reader, "_FIRST_BLOCK", 40)
    monkeypatch.setattr(reader, "_BLOCK", 80)
    return counts


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, pa.compress, bytes])
def test_amazon_reviews_with_any_compression(read, pack, sequences):
    text = (AMAZON % ("B7", 4.0, 1300000002) + AMAZON % ("B1", 5.0, 1300000001)).encode()
    packed = pa.compress(text, "zstd", asbytes=True) if pack is pa.compress else pack(text)
    dataset = read(packed, "reviews.json")
    assert sequences(dataset) == {"A1": ["B1", "B7"]}
    assert dataset.interactions.ratings.tolist() == [5, 4]
    assert dataset.interactions.times.tolist() == [1300000001, 1300000002]


def test_yelp_reviews(read, sequences):
    row = {"review_id": "r", "user_id": "u", "stars": 3.0, "text": 'x, "y"\n\u2028z', "useful": 0}
    dataset = read(
        lines(
            {**row, "business_id": "b2", "date": "2016-03-02 12:00:00"},
            {**row, "business_id": "b1", "date": "2016-03-01 12:00:00"},
        )
    )
    assert sequences(dataset) == {"u": ["b1", "b2"]}
    assert dataset.interactions.times.tolist() == [1456833600, 1456920000]


def test_python_literals_as_in_steam_reviews(read, sequences):
    row = "{u'username': u'%s', u'text': u'it\\'s \"%s\" \\xe9', u'date': u'2017-12-%s', "
    dataset = read(
        (row % ("J\\xf6", "ok", 17)) + "u'product_id': u'7', u'early_access': False}\n"
        "\n" + (row % ("J\\xf6", "no", 16)) + 'u"product_id": 9, u"compensation": None}\n'
    )
    assert sequences(dataset) == {"J\xf6": [9, 7]}


def test_sessions_with_a_list_give_a_row_per_element(read, sequences):
    first = [{"aid": 5, "ts": 1659304800025, "type": "clicks"}]
    first += [{"aid": 3, "ts": 1659304800024, "type": "carts"}]
    text = lines(
        {"session": 1, "events": first},
        {"session": 2, "events": []},
        {"session": 3, "events": [{"aid": 5, "ts": 1659304800026, "type": "clicks"}]},
    )
    assert detect(text).names == ("session", "events.aid", "events.ts", "events.type")
    assert columns(text, "session", "events.aid", "events.type") == {
        "session": [1, 1, 3],
        "events.aid": [5, 3, 5],
        "events.type": ["clicks", "carts", "clicks"],
    }
    named = {"user": "session", "item": "events.aid", "time": "events.ts"}
    for options in ({}, named):
        dataset = read(text, **options)
        assert sequences(dataset) == {1: [3, 5], 3: [5]}
        assert dataset.interactions.times.tolist() == [1659304800000 + n for n in (24, 25, 26)]


def test_a_list_of_plain_values_is_a_user_and_its_items(small_blocks):
    text = lines(
        {"user": 1, "items": [3, 5, 7]}, {"user": 2, "items": [5]}, {"user": 1, "items": []}
    )
    assert columns(text * 3, "user", "items") == {
        "user": [1, 1, 1, 2] * 3,
        "items": [3, 5, 7, 5] * 3,
    }
    assert small_blocks[True] > 0


def test_lists_in_lists_and_missing_lists(small_blocks):
    text = lines(
        {"u": 1, "s": [{"d": 7, "e": [{"i": 1}, {"i": 2}]}, {"d": 8, "e": [{}]}]},
        {"u": 2},
        {"u": 3, "s": [None, {"d": 9}]},
    )
    assert columns(text * 2, "u", "s.d", "s.e.i") == {
        "u": [1, 1, 1, 2, 3, 3] * 2,
        "s.d": [7, 7, 8, None, None, 9] * 2,
        "s.e.i": [1, 2, None, None, None, None] * 2,
    }
    assert small_blocks[True] > 0


def test_nested_fields_have_dotted_names():
    text = lines({"reviewer": {"id": "a", "name": "x"}}, {"reviewer": None, "item": {"id": 3}})
    layout = detect(text)
    assert layout.names == ("reviewer.id", "reviewer.name", "item.id")
    assert layout.sample == (("a", "x", ""), ("", "", "3"))
    assert columns(text, "item.id", "reviewer.id") == {
        "reviewer.id": ["a", None],
        "item.id": [None, 3],
    }


def test_a_key_with_dots_comes_before_nested_keys():
    assert columns('{"a.b": 1, "a": {"b": 2}}\n', "a.b") == {"a.b": [1]}
    assert columns('{"a": {"b": 2}, "a.b": 1}\n', "a.b") == {"a.b": [1]}
    with pytest.raises(recbench.UsageError, match=r"^log.json: the column a.b.c may be 'c' in "):
        columns('{"a.b": {"c": 1}, "a": {"b.c": 2}}\n', "a.b.c")


def test_columns_of_two_lists_are_refused():
    text = '{"user": 1, "items": [1, 2], "times": [3, 4]}\n'
    assert columns(text, "user", "items") == {"user": [1, 1], "items": [1, 2]}
    with pytest.raises(recbench.UsageError, match="items and times are in two different lists"):
        columns(text, "user", "items", "times")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, None, -7], [1, 2, None, -7]),
        ([1, 2.5, 3], [1.0, 2.5, 3.0]),
        ([1, 10.0], [1.0, 10.0]),
        ([10, "10", 10.0, 1.5, "a", True], ["10", "10", "10", "1.5", "a", "true"]),
        ([True, False, None], ["true", "false", None]),
        ([2**53 + 1, 2**63 - 1, -(2**63)], [2**53 + 1, 2**63 - 1, -(2**63)]),
        ([2**53 + 1, 0.5], ["9007199254740993", "0.5"]),
        ([0.5, 2**53 + 1], ["0.5", "9007199254740993"]),
        ([2**64, 1], ["18446744073709551616", "1"]),
        ([math.nan, math.inf, 1.0, 1e300], [None, None, 1.0, 1e300]),
        ([None, None], [None, None]),
        (
            [None, "\xe9 \U0001f600 \0 \t", "2020-01-01"],
            [None, "\xe9 \U0001f600 \0 \t", "2020-01-01"],
        ),
    ],
)
def test_values_are_exact_wherever_the_type_changes(small_blocks, values, expected):
    for before in (0, 6):
        padded = [values[0]] * before + values
        text = "".join(json.dumps({"x": value, "pad": "-" * 30}) + "\n" for value in padded)
        assert columns(text, "x") == {"x": [expected[0]] * before + expected}
    assert sum(small_blocks.values()) > 0


def test_blocks_of_unchanged_types_are_read_fast(small_blocks):
    text = lines(*({"user": n, "item": f"i{n}", "pad": "-" * 30} for n in range(100)))
    assert columns(text, "user", "item")["item"] == [f"i{n}" for n in range(100)]
    assert small_blocks[True] > 50
    assert small_blocks[False] == 0


def test_long_texts_fit(monkeypatch):
    monkeypatch.setattr(reader, "_FIRST_BLOCK", 1000)
    rows = [
        {"user": n, "item": n % 3, "text": "x" * (6_000_000 if n == 2 else 10)} for n in range(99)
    ]
    assert columns(lines(*rows), "user", "item") == {
        "user": list(range(99)),
        "item": [0, 1, 2] * 33,
    }


def test_harmless_variants_are_read_alike(small_blocks):
    plain = '{"user":1,"item":"a"}\n{"user":2,"item":"b"}\n{"user":3,"item":"c"}\n'
    expected = {"user": [1, 2, 3], "item": ["a", "b", "c"]}
    for text in (
        plain,
        "\ufeff" + plain,
        plain.replace("\n", "\r\n"),
        plain.replace("\n", "\n\n \n"),
        plain.rstrip(),
        plain.replace(":", " : ").replace("{", " { "),
        plain.replace("1,", '1,"x":{"user":[NaN,"\\ud83d"]},'),
        plain.replace("1,", '1,"text":"\t\x01",'),
        plain.replace("1,", '1,"x":3,"x":4,'),
        plain.replace('"a"', '"\\u0061"'),
    ):
        assert columns(text, "user", "item") == expected
    latin = plain.replace("1,", '1,"text":"caf\xe9",').encode("latin-1")
    assert columns(latin, "user", "item") == expected


def test_lines_above_the_first_record_are_skipped():
    text = '# made by us\n\n{"user": 1}\n{"user": "x", "user": 2}\n'
    layout = detect(text.replace('"x", "user": ', ""), skip=2)
    assert read_json(layout, choose(layout, ["user"]))["user"].to_pylist() == [1, 2]
    with pytest.raises(recbench.RecbenchError, match=r"^log.json line 4: .*occurs more than once"):
        read_json(detect(text, skip=2), choose(layout, ["user"]))


def test_records_without_user_are_dropped_and_counted(read, sequences):
    dataset = read('{"user": 1, "item": 2}\n{"item": 3}\n{"user": null, "item": 3}\n')
    assert sequences(dataset) == {1: [2]}
    assert "2 rows have no user and were dropped" in dataset.notes


def test_a_wrong_value_is_found_in_its_line(fails):
    good = '{"user": 1, "item": 2, "rating": 3}\n'
    message = fails(f'{good}\n{good}{{"user": 1, "item": 3, "rating": "good"}}\n', "log.json")
    assert message.startswith("log.json line 4: rating 'good' (column rating) is not a number")


def test_the_line_of_a_row_from_a_list():
    text = '{"user": 1, "items": [3, 5]}\n\n{"user": 2, "items": [7, "x", 9]}\n'
    layout = detect(text)
    both = choose(layout, ["user", "items"])
    assert find_json_value(layout, both, "items", 3) == (3, "x")
    assert find_json_value(layout, both, "user", 4) == (3, 2)
    assert find_json_value(layout, choose(layout, ["user"]), "user", 1) == (3, 2)


GOOD = '{"user": 1, "items": [2], "at": {"day": 3}}' + "\n"
NO_OBJECT = 'is not an object with named fields, such as {"user": 1, "item": 2}. Correct the line'
CORRECT = "Correct the line"
PROPERTY = "Expecting property name enclosed in double quotes"
LAST = "It is the last line, so the file may be truncated"
COMMA = (
    "the record is followed by a comma. Remove the commas at the ends of the lines, for example "
    "with: sed 's/, *$//'"
)
UNICODE = "is not valid Unicode (column user). Save the file as UTF-8"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            GOOD * 7 + '{"user": 1, "it',
            8,
            f"the line is not valid JSON (Unterminated string starting at character 13). {LAST}",
        ),
        (
            GOOD + "\n\n{'user': 1, 'items'\n\n",
            4,
            f"the line is not valid JSON ({PROPERTY} at character 2). {LAST}",
        ),
        (
            GOOD + '{"user":}\n' + GOOD,
            2,
            "the line is not valid JSON (Expecting value at character 9). Correct the line",
        ),
        (
            GOOD + GOOD.strip() + GOOD * 2,
            2,
            "several records are on one line. Write one record per line, for example with: jq -c .",
        ),
        (GOOD + "null\n" + GOOD, 2, f"'null' {NO_OBJECT}"),
        (GOOD + "[1, 2]\n" + GOOD, 2, f"'[1, 2]' {NO_OBJECT}"),
        (GOOD.strip() + ",\n" + GOOD, 1, COMMA),
        (GOOD + "{'user': 1, 'items': [2], 'at': {}}, \n", 2, COMMA),
        (
            GOOD + '{"user": [1], "items": [3]}\n',
            2,
            "[1] is not a single value (column user). Correct the line",
        ),
        (
            GOOD + '{"user": 1, "items": 7}\n',
            2,
            "7 is not a list, unlike above (column items). Correct the line",
        ),
        (
            GOOD + '{"user": 1, "items": [7], "at": 4}\n',
            2,
            "4 is not an object with the field 'day', unlike above (column at.day). " + CORRECT,
        ),
        (
            GOOD + '{"user": 1, "items": [7], "user": 2}\n',
            2,
            "the key 'user' occurs more than once (column user). Correct the line",
        ),
        (GOOD + r'{"user": "\ud83d", "items": [7]}' + "\n", 2, rf"'\ud83d' {UNICODE}"),
        ((GOOD + '{"user": "\xe9", "items": [7]}').encode("latin-1"), 2, rf"'\udce9' {UNICODE}"),
    ],
)
def test_broken_lines_are_errors(small_blocks, text, line, message):
    with pytest.raises(recbench.RecbenchError) as caught:
        columns(text, "user", "items", "at.day")
    assert str(caught.value) == f"log.json line {line}: {message}"


@pytest.mark.parametrize("bad", ["null", '"x"', "{", '{"user": "a"} {"user": "b"}', "\0"])
def test_a_broken_line_far_below_is_found(small_blocks, bad):
    with pytest.raises(recbench.RecbenchError, match=r"^log.json line 1503: "):
        columns('{"user": "abc"}\n' * 1500 + f"\n\n{bad}\n" + '{"user": "abc"}\n', "user")
    assert small_blocks[True] > 100


@pytest.mark.parametrize(
    ("text", "packed", "remedy"),
    [
        ('[{"user": 1}, {"user": 2}]', "", "jq -c '.[]' log.json > lines.json"),
        ('[\n{"user": 1},\n{"user": 2}\n]', "", "jq -c '.[]' log.json > lines.json"),
        ('{\n  "user": 1\n}\n', "", "jq -c . log.json > lines.json"),
        ('{"user": 1,\n "item": 2}\n', "", "jq -c . log.json > lines.json"),
        ('[{"user": 1}]', "gzip", "zcat log.json | jq -c '.[]' > lines.json"),
    ],
)
def test_json_documents_are_refused_with_the_remedy(text, packed, remedy):
    layout = Layout(
        "log.json",
        pa.py_buffer(gzip.compress(text.encode()) if packed else text.encode()),
        packed=packed,
    )
    with pytest.raises(recbench.UsageError) as caught:
        detect_json(layout, text.splitlines())
    assert str(caught.value).endswith(f"Write one record per line, for example with: {remedy}")


def test_a_file_that_is_no_json_is_refused(fails):
    message = fails("user,item\n1,2\n", kind=recbench.UsageError, format="json")
    assert message.endswith("its first line is 'user,item'; leave out format=json")


def test_a_table_by_columns_is_refused_with_the_remedy():
    with pytest.raises(recbench.UsageError, match=r"by columns.*orient='records', lines=True"):
        detect('{"user":{"0":1,"1":2},"item":{"0":5,"1":6}}')


def test_a_truncated_archive_is_an_error(tmp_path):
    random = np.random.default_rng(1)
    text = lines(*({"user": int(n)} for n in random.integers(0, 10**9, 200_000)))
    packed = gzip.compress(text.encode())
    layout = detect(text)
    cut = Layout(
        "log.json", pa.py_buffer(packed[: len(packed) // 2]), packed="gzip", names=layout.names
    )
    with pytest.raises(recbench.RecbenchError, match=r"log.json: the gzip data is truncated"):
        read_json(cut, choose(layout, ["user"]))


def test_values_with_a_type_as_mongodb_writes_them(read, sequences):
    records = [
        {
            "_id": {"$oid": f"5f{n}"},
            "user_id": {"$oid": "aa"},
            "item_id": {"$numberLong": str(n)},
            "time": {"$date": {"$numberLong": str(1588687728923 - n)}},
        }
        for n in range(2)
    ]
    dataset = read(lines(*records), "users.json")
    assert sequences(dataset) == {"aa": [1, 0]}
    assert dataset.interactions.times.tolist() == [1588687728922, 1588687728923]
    assert dataset.name == "users.json"


def test_a_first_record_of_any_length(read, sequences):
    long = {"user": 1, "item": 2, "text": "x" * 300_000}
    assert sequences(read("\n" + lines(long, {"user": 1, "item": 3}), "log.json")) == {1: [2, 3]}


def test_a_list_of_times_for_one_interaction_is_refused(fails, read, sequences):
    text = '{"user": 1, "item": 2, "time": [2010, 12, 1]}\n'
    message = fails(text, kind=recbench.UsageError)
    assert message == (
        "log.csv: the column time is a list, but the user and the item of each of its values are "
        "the same. Leave the column out, or write one value per interaction"
    )
    assert sequences(read(text, time="")) == {1: [2]}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("[" * 100_000, "objects or lists are nested too deeply. Write flat records"),
        ("9" * 5000, "a number has too many digits. If it is an id, write it in quotes"),
    ],
)
def test_values_without_end_are_errors(fails, value, problem):
    lines = f'{{"user": 1, "item": 2}}\n{{"user": 1, "item": {value}}}\n'
    assert fails(lines) == f"log.csv line 2: {problem}"
