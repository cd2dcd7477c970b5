"""MovieLens: reading its file formats."""

import numpy as np
import pytest
from made_movielens import UDATA, UUSER, WHEEL, known, ml_100k, titles, write

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
        users_dat="1::F::1::10::48067\n2::M::56::16::70072\n3::M::25::15::55117\n",
    )
    dataset = known("ml-1m")(data_dir=str(tmp_path))
    assert titles(dataset) == {
        3: "Grumpier Old Men (1995)",
        661: "Misérables: Les, 1 (1995)",
        1193: "One Flew\x85Over (1975)",
    }
    assert dataset.item_ids[dataset.interactions.items].tolist() == [1193, 661, 3]
    assert dataset.interactions.ratings.tolist() == [5, 3, 1]
    assert dataset.item_features["genres"].tolist() == ["Comedy", "Drama|War", "Drama"]
    assert dataset.item_features["year"].tolist() == [1995, 1995, 1975]
    assert dataset.item_features["year"].dtype == np.int64
    assert {name: values.tolist() for name, values in dataset.user_features.items()} == {
        "age": [1, 56],
        "gender": ["F", "M"],
        "occupation": ["K-12 student", "self-employed"],
    }
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
    assert dataset.item_features["genres"].tolist() == ["", "Comedy|Drama", ""]
    assert str(dataset.item_features["year"].tolist()) == "[nan, 1995.0, 2001.0]"
    assert not dataset.user_features
    assert "and is used as it is" in dataset.notes[0]


@pytest.mark.parametrize("broken", [b"no bars here\n", b"movieId\n1\n"])
def test_titles_that_cannot_be_read_are_an_error(tmp_path, broken):
    write(tmp_path / "ml-100k", u_data=UDATA, u_item=broken)
    with pytest.raises(recbench.RecbenchError, match=r"u\.item cannot be read as titles"):
        ml_100k()(data_dir=str(tmp_path))


def test_features_of_users_and_films_are_the_same_in_both_copies_of_ml_100k(tmp_path):
    flags = {"242": "0|0|0|0|0|1", "302": "0|0|0|0|0|0|1|0|0|0|1", "377": "1|0", "999": "0"}
    films = [
        ("242", "Kolya (1996)", "24-Jan-1997"),
        ("302", "L.A. Confidential (1997) ", "01-Jan-1997"),
        ("377", "Heavyweights (V)", "01-Jan-1994"),
    ]
    u_item = "".join(
        f"{item}|{title}|{day}||http://x|{flags[item]}\n" for item, title, day in films
    )
    write(tmp_path / "ml-100k", u_data=UDATA, u_item=u_item, u_user=UUSER)
    published = ml_100k()(data_dir=str(tmp_path))
    assert published.item_features["genres"].tolist() == ["Comedy", "Crime|Film-Noir", ""]
    assert published.item_features["year"].tolist() == [1996, 1997, 1994]
    described = {name: values.tolist() for name, values in published.user_features.items()}
    assert described["gender"] == ["M", "F", ""]
    assert str(described["age"]) == "[25.0, 39.0, nan]"
    assert described["occupation"] == ["writer", "executive", ""]
    folder = tmp_path / "copy" / "ml-100k"
    write(folder)
    for member, content in WHEEL.items():
        (folder / member.rpartition("/")[2]).write_text(content)
    copy = ml_100k()(data_dir=str(tmp_path / "copy"))
    assert copy.item_features["genres"].tolist() == ["Comedy", "Crime|Film-Noir", "Drama"]
    assert copy.item_features["year"].tolist() == [1996, 1997, 1995]
    assert {name: str(values.tolist()) for name, values in copy.user_features.items()} == {
        name: str(values) for name, values in described.items()
    }
    assert copy.fingerprint() == published.fingerprint()


def test_missing_files_leave_features_out_with_notes(tmp_path):
    write(tmp_path / "ml-100k", u_data=UDATA)
    dataset = ml_100k()(data_dir=str(tmp_path))
    assert (dict(dataset.user_features), dict(dataset.item_features)) == ({}, {})
    assert "There are no features of users because u.user is missing" in dataset.notes


@pytest.mark.parametrize("broken", ["1|old|M|writer|1\n", "1\n"])
def test_users_that_cannot_be_read_are_an_error(tmp_path, broken):
    write(tmp_path / "ml-100k", u_data=UDATA, u_user=broken)
    with pytest.raises(recbench.RecbenchError, match=r"u\.user cannot be read as users"):
        ml_100k()(data_dir=str(tmp_path))
