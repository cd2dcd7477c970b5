"""Columns: found by usual or given names, never guessed."""

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


@pytest.mark.parametrize("text", ["1\t2\t3\t900000000\n", "1::2::3::900000000\n", "1 2\n", "1 2 3\n1 2\n"])
def test_column_names_are_refused_without_a_header(fails, text):
    assert "no column names" in fails(text, kind=recbench.UsageError, rating="stars")
