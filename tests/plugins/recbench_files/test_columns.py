"""Columns: found by usual or given names, never guessed."""

import pyarrow as pa
import pytest

import recbench


@pytest.mark.parametrize(
    ("header", "user", "item"),
    [
        ("CustomerID,StockCode", "CustomerID", "StockCode"),
        ("User-ID,Book ISBN,ISBN", "User-ID", "ISBN"),
        ("reviewerID,asin,x", "reviewerID", "asin"),
        ("visitor_id,track_id,x", "visitor_id", "track_id"),
        ("USER,product id,x", "USER", "product id"),
    ],
)
def test_usual_names_are_found(read, header, user, item):
    dataset = read(f"{header}\n1,2,3\n" if header.count(",") == 2 else f"{header}\n1,2\n")
    assert f"user={user}, item={item}" in dataset.notes[-1]


def test_named_columns_take_precedence_over_usual_names(read, sequences):
    text = "user,item,who,what,when,time\n1,2,3,4,5,6\n"
    dataset = read(text, user="who", item="What", time="when")
    assert sequences(dataset) == {3: [4]}
    assert dataset.interactions.times.tolist() == [5]


def test_an_empty_name_leaves_a_column_out(read):
    dataset = read("user,item,time,rating\n1,2,soon,good\n", time="", rating="")
    assert dataset.interactions.times is None
    assert dataset.interactions.ratings is None
    assert "Times were left out, so interactions keep the order of the file" in dataset.notes


def test_rating_takes_precedence_over_weight_with_a_note(read):
    dataset = read("user,item,weight,Rating\n1,2,9,4\n")
    assert dataset.interactions.ratings.tolist() == [4]
    assert "Ratings were read from column Rating, not weight" in dataset.notes


def test_two_possible_columns_for_the_user_are_an_error(fails):
    message = fails("user_id,CustomerID,item\n1,2,3\n", kind=recbench.UsageError)
    assert "'user_id', 'CustomerID'" in message
    assert "user=user_id or user=CustomerID" in message


def test_a_named_column_that_does_not_exist_is_an_error(fails):
    message = fails("CustomerID,StockCode\n1,2\n", kind=recbench.UsageError, user="CustmerID")
    assert "did you mean 'CustomerID'" in message
    assert "CustomerID, StockCode" in message


def test_a_header_without_usual_names_is_an_error(fails):
    message = fails("who,item\n1,2\n", kind=recbench.UsageError)
    assert "log.csv:user=COLUMN, where COLUMN is one of who, item" in message


def test_one_column_cannot_have_two_roles(fails):
    fails("user,item\n1,2\n", kind=recbench.UsageError, user="item", item="item")
    fails("user,user,item\n1,2,3\n", kind=recbench.UsageError, user="user")
    fails("user,item\n1,2\n", kind=recbench.UsageError, user="")


def test_columns_with_the_same_name_are_an_error_with_a_remedy(fails):
    message = fails("user,item,item\n1,2,3\n", kind=recbench.UsageError)
    assert message == (
        "log.csv: several columns are called 'item'; rename all but the one that is the item"
    )


@pytest.mark.parametrize(
    ("header", "values", "value"),
    [
        ("date_added", ["2024-05-03", "2024-05-01"], "2024-05-03"),
        ("t_dat", ["2018-09-20", "2018-09-21"], "2018-09-20"),
        ("utcWhen", ["Tue Apr 03 18:00:09 +0000 2012"] * 2, "Tue Apr 03 18:00:09 +0000 2012"),
        ("TRANSACTION_DT", ["11/1/2000", "11/2/2000"], "11/1/2000"),
        ("when", ["1291191960", "1291192020"], "1291191960"),
        ("ms", ["1291191960250", "1291192020250"], "1291191960250"),
        ("day", ["20101201", "20101202"], "20101201"),
        ("when", ["NA", "2024-05-03"], "2024-05-03"),
        ("month", ["2011-03", "2011-02"], "2011-03"),
    ],
)
def test_an_overlooked_time_column_stops_the_run(read, fails, header, values, value):
    text = f"user,item,{header}\n" + "".join(f"{n},2,{value}\n" for n, value in enumerate(values))
    message = fails(text, kind=recbench.UsageError)
    assert message == (
        f"log.csv: the column '{header}' seems to hold times, such as '{value}', but does not have "
        f"a usual name. Write time={header} to use it, or time= to leave it out"
    )
    dataset = read(text, time="")
    assert dataset.interactions.times is None
    assert f"Not used: the column {header}" in dataset.notes


@pytest.mark.parametrize(
    "column",
    [
        *("price\n1.5\n2", "year\n1995\n1996", "quantity\n1\n200", "id\n12\n7", "n\nNA\n"),
        *("average_rating\n4.1\n3", "ratings_count\n9\n8", "rating_id\n1\n2", "num_stars\n5\n4"),
        *("order_id\n1234567890\n1234567899", "orderid\n1300000001\n1300000002"),
        *("phone\n2125551234\n1125551234", "invoice no\n20101201\n20101202"),
    ],
)
def test_other_columns_are_not_times_or_ratings(read, column):
    name, first, second = column.split("\n")
    dataset = read(f"user,item,{name}\n1,2,{first}\n2,2,{second}\n")
    assert f"Not used: the column {name}" in dataset.notes
    assert dataset.interactions.times is dataset.interactions.ratings is None


@pytest.mark.parametrize("name", ["my_rating", "starRating", "review/score", "bookrating"])
def test_an_overlooked_rating_column_stops_the_run(read, fails, name):
    text = f"user,item,{name}\n1,2,4.5\n1,3,5\n"
    message = fails(text, kind=recbench.UsageError)
    assert f"the column '{name}' seems to hold ratings, such as '4.5'" in message
    assert f"Write rating={name} to use it, or rating= to leave it out" in message
    assert read(text, rating=name).interactions.ratings.tolist() == [4.5, 5]
    assert read(text, rating="").interactions.ratings is None


def test_an_overlooked_time_in_parquet_stops_the_run(read_table):
    times = pa.array([1291191960, 1291192020], pa.timestamp("s"))
    with pytest.raises(recbench.UsageError, match="the column 'added' seems to hold times"):
        read_table({"user": [1, 2], "item": [1, 2], "added": times})


def test_a_session_is_a_user_only_without_a_column_of_users(read, sequences):
    dataset = read("SessionId,ItemId\n7,1\n7,2\n")
    assert sequences(dataset) == {7: [1, 2]}
    assert "Each SessionId was read as a user: there is no column with users" in dataset.notes
    dataset = read("SessionId,userId,ItemId\n7,1,1\n7,2,2\n")
    assert sequences(dataset) == {1: [1], 2: [2]}
    assert "Users were read from column userId, not SessionId" in dataset.notes


def test_the_more_exact_of_two_usual_names_is_chosen_with_a_note(read, sequences):
    text = "user_id,asin,parent_asin,unixReviewTime,reviewTime\n1,B1,P1,1400000000,05 13 2014\n"
    dataset = read(text)
    assert sequences(dataset) == {1: ["P1"]}
    assert dataset.interactions.times.tolist() == [1400000000]
    assert "Items were read from column parent_asin, not asin" in dataset.notes
    assert "Times were read from column unixReviewTime, not reviewTime" in dataset.notes


def test_two_possible_times_may_be_a_date_and_a_clock(read, fails):
    text = "user,item,date,time\n1,2,2010-12-01,8:26\n1,3,2010-12-01,8:25\n"
    message = fails(text, kind=recbench.UsageError)
    assert message.endswith("or time=date+time for the date and the time of the day")
    reordered = "user,item,time,date\n1,2,8:26,2010-12-01\n1,3,8:25,2010-12-01\n"
    assert "or time=date+time for" in fails(reordered, kind=recbench.UsageError)
    two_dates = "user,item,date,time\n1,2,2010-12-01,1291191960\n"
    assert fails(two_dates, kind=recbench.UsageError).endswith("Write time=date or time=time")
    dataset = read(text, time="date+time")
    assert dataset.interactions.times.tolist() == [1291191900, 1291191960]
    assert "time=date+time" in dataset.notes[-1]


@pytest.mark.parametrize(
    "text", ["1\t2\t3\t900000000\n", "1::2::3::900000000\n", "1 2\n", "1 2 3\n1 2\n"]
)
def test_column_names_are_refused_without_a_header(fails, text):
    assert "no column names" in fails(text, kind=recbench.UsageError, rating="stars")


def test_dates_of_mongodb_have_usual_names(read, sequences):
    text = "".join(
        f'{{"user": {{"$oid": "u"}}, "item": {item}, "time": {{"$date": {time}}}}}\n'
        for item, time in ((1, 1291191960123), (2, 1291191960122))
    )
    dataset = read(text, name="log.jsonl")
    assert sequences(dataset) == {"u": [2, 1]}
    assert dataset.interactions.times.tolist() == [1291191960122, 1291191960123]
