"""Datasets of logs: dropped rows are counted, and ties keep the order of the file."""

from hypothesis import given, settings
from hypothesis import strategies as st

from recbench_files import read_file


def test_rows_without_an_id_are_dropped_and_counted(read, sequences):
    dataset = read('user,item,time\n,5,1\n1,,2\n1,"",2\n,,3\n1,6,4\n')
    assert sequences(dataset) == {1: [6]}
    assert dataset.item_ids.tolist() == [6]
    assert "2 rows have no user and were dropped" in dataset.notes
    assert "2 rows have no item and were dropped" in dataset.notes


def test_times_of_dropped_rows_do_not_matter(read, sequences):
    dataset = read("user,item,time\n,5,soon\n1,4,2011-12-01\n1,,2011-12-01Z\n")
    assert sequences(dataset) == {1: [4]}
    text = "user,item,time\n1,5,2011-12-01\n,4,\n"
    assert sequences(read(text)) == {1: [5]}


def test_equal_times_keep_the_order_of_the_file(read, sequences):
    dataset = read("user,item,time\n2,1,5\n1,9,7\n2,8,5\n1,3,7\n1,4,6\n2,0,5\n")
    assert sequences(dataset) == {1: [4, 9, 3], 2: [1, 8, 0]}


logs = st.lists(
    st.tuples(
        st.text("ab7, \"'\né0", min_size=1, max_size=3).filter(lambda text: text == text.strip()),
        st.integers(-3, 12),
        st.integers(0, 5) | st.sampled_from([0.25, 2.5]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(log=logs)
def test_a_log_written_as_csv_is_read_unchanged(tmp_path_factory, log, sequences):
    import csv

    path = tmp_path_factory.mktemp("log") / "log.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("user", "item", "time"), *log])
    dataset = read_file(str(path))
    expected = {}
    for user, item, _ in sorted(log, key=lambda row: row[2]):
        expected.setdefault(user, []).append(item)
    if all(user.lstrip("-").isdigit() and str(int(user)) == user for user in expected):
        expected = {int(user): items for user, items in expected.items()}
    assert sequences(dataset) == expected
    assert dataset.user_ids.tolist() == sorted(expected)
