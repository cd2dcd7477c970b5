"""The dataset `file`: paths, formats, and the published counts of real files."""

import os
import subprocess
import sys

import numpy as np
import pytest

import recbench
from recbench_files import read_file


def test_wrong_paths_and_formats_are_errors(tmp_path, fails):
    (tmp_path / "ratings.csv").write_text("user,item\n1,2\n")
    with pytest.raises(recbench.UsageError, match=r"did you mean '.*ratings\.csv'"):
        read_file(str(tmp_path / "rating.csv"))
    with pytest.raises(recbench.UsageError, match="did you mean 'udata'"):
        read_file(str(tmp_path / "ratings.csv"), format="u.data")
    assert "damaged zip archive" in fails(b"PK\x03\x04rest")
    assert "UTF-16" in fails("user,item\n".encode("utf-16"), kind=recbench.UsageError)
    assert "NUL" in fails(b"\0\0\0\0", kind=recbench.RecbenchError)


def test_importing_the_plugin_imports_no_large_packages():
    code = (
        "import recbench_files, sys; assert not {'pyarrow', 'pandas', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})


def test_the_hook_provides_the_dataset():
    import recbench_files

    assert recbench_files.recbench_datasets() == {"file": read_file}


@pytest.mark.parametrize(
    ("name", "users", "items", "interactions"),
    [
        ("ml-1m/sasrec-ml-1m.txt", 6040, 3416, 999_611),
        ("ml-100k/u.data", 943, 1682, 100_000),
        ("amazon-beauty/Beauty.txt", 22363, 12101, 198_502),
        ("ml-1m/ratings.first2999users.dat", 2999, 3615, 487_650),
    ],
)
def test_real_files_have_their_published_counts(real, name, users, items, interactions):
    inside = read_file(str(real(name))).interactions
    assert (inside.n_users, inside.n_items, inside.n_interactions) == (users, items, interactions)


def test_ratings_dat_has_the_sequences_of_the_papers(real, sequences):
    ratings = read_file(str(real("ml-1m/ratings.first2999users.dat")))
    papers = read_file(str(real("ml-1m/sasrec-ml-1m.txt")))
    ours, theirs = sequences(ratings), sequences(papers)
    assert ours[1][:4] == [3186, 1270, 1721, 1022]
    to_user, to_item = (
        dict(np.loadtxt(real(f"ml-1m/sas_to_original_{what}.txt"), dtype=np.int64).tolist())
        for what in ("users", "items")
    )
    in_papers = set(to_item.values())
    checked = 0
    for user, items in theirs.items():
        if to_user[user] in ours:
            assert [to_item[item] for item in items] == [
                item for item in ours[to_user[user]] if item in in_papers
            ]
            checked += 1
    assert checked == 2999


def test_online_retail(real):
    path = str(real("online-retail/OnlineRetail.parquet"))
    dataset = read_file(path, user="CustomerID", item="StockCode", time="InvoiceDate")
    assert "135,080 rows have no CustomerID and were dropped" in dataset.notes
    assert dataset.interactions.n_interactions == 541_909 - 135_080
    assert dataset.user_ids.dtype == np.int64
    assert dataset.item_ids.dtype == object
