"""MovieLens: reading its file formats."""

import pytest
from made_movielens import UDATA, known, ml_100k, titles, write

import recbench


def test_ids_and_the_order_of_ties_are_kept(publisher):
    dataset = ml_100k(publisher)()
    log = dataset.interactions
    by_user = {
        int(dataset.user_ids[user]): dataset.item_ids[items].tolist()
        for user, items in zip(log.users, log.sequences(), strict=True)
    }
    assert by_user == {196: [242, 302], 186: [302], 22: [377]}


def test_the_layout_of_ml_1m(tmp_path):
    write(
        tmp_path / "ml-1m",
        ratings_dat="1::1193::5::978300760\n1::661::3::978300760\n2::3::1::978298413\n",
        movies_dat=(
            "3::Grumpier Old Men (1995)::Comedy\n"
            "661::Misérables: Les, 1 (1995)::Drama|War\n"
            "1193::One Flew\x85Over (1975)::Drama\n"
        ).encode("latin-1"),
    )
    dataset = known("ml-1m")(data_dir=str(tmp_path))
    assert titles(dataset) == {
        3: "Grumpier Old Men (1995)",
        661: "Misérables: Les, 1 (1995)",
        1193: "One Flew\x85Over (1975)",
    }
    assert dataset.item_ids[dataset.interactions.items].tolist() == [1193, 661, 3]
    assert dataset.interactions.ratings.tolist() == [5, 3, 1]
    assert "has 3 ratings instead of the published 1,000,209" in dataset.notes[0]


@pytest.mark.parametrize("name", ["ml-latest-small", "ml-20m", "ml-25m", "ml-32m"])
def test_the_layout_of_newer_datasets(tmp_path, name):
    write(
        tmp_path / name,
        ratings_csv="userId,movieId,rating,timestamp\r\n7,11,4.5,1\r\n7,999999,0.5,1\r\n9,5,3.0,2\r\n",
        movies_csv=(
            "movieId,title,genres\r\n"
            '11,"American President, The (1995)",Comedy|Drama\r\n'
            '999999,"""Amélie"" (2001) ",(no genres listed)\r\n'
            "12,Never rated (1995),Drama\r\n"
        ),
    )
    dataset = known(name)(data_dir=str(tmp_path))
    assert titles(dataset) == {
        5: "",
        11: "American President, The (1995)",
        999999: '"Amélie" (2001)',
    }
    assert dataset.item_ids[dataset.interactions.items].tolist() == [11, 999999, 5]
    assert dataset.interactions.ratings.tolist() == [4.5, 0.5, 3.0]
    assert dataset.user_ids.tolist() == [7, 9]
    assert "and is used as it is" in dataset.notes[0]


@pytest.mark.parametrize("broken", [b"no bars here\n", b"movieId\n1\n"])
def test_titles_that_cannot_be_read_are_an_error(tmp_path, broken):
    write(tmp_path / "ml-100k", u_data=UDATA, u_item=broken)
    with pytest.raises(recbench.RecbenchError, match=r"u\.item cannot be read as titles"):
        ml_100k()(data_dir=str(tmp_path))
