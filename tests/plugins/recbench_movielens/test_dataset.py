"""MovieLens: facts about each dataset, and notes on files that differ from the published ones."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_movielens import UDATA, UITEM, UUSER, known, ml_100k, own_notes, write

import recbench
import recbench_movielens
from recbench.data.dataset import factory_facts
from recbench_movielens import layouts

REAL = os.environ.get("RECBENCH_DATA") or "no folder of data"


def test_the_hook_provides_all_datasets_with_facts_about_them():
    factories = recbench_movielens.recbench_datasets()
    assert list(factories) == [
        "ml-100k",
        "ml-1m",
        "ml-latest-small",
        "ml-20m",
        "ml-25m",
        "ml-32m",
    ]
    assert factories["ml-100k"].size == "943 users, 1,682 items, 100,000 ratings, 5 MB"
    for name, factory in factories.items():
        assert factory.name == name
        assert factory.__doc__.startswith("MovieLens ")
        assert (
            factory.archive.origin == f"https://files.grouplens.org/datasets/movielens/{name}.zip"
        )
        assert factory.archive.checksum.startswith(("sha256:", "md5:"))
        assert factory_facts(factory, None)["on disk"] == "no"
        assert "no commercial use" in factory.licence
        assert "10.1145/2827872" in factory.citation


def test_only_ml_100k_has_a_copy_in_a_package():
    assert [dataset.name for dataset in recbench_movielens.MOVIELENS if dataset.copy] == ["ml-100k"]


def test_importing_the_plugin_imports_no_large_packages():
    heavy = "pandas", "pyarrow", "pooch", "requests", "torch"
    imported = f"[name for name in {heavy} if name in sys.modules]"
    code = f"import sys, recbench_movielens, recbench_synthetic; print({imported})"
    command = [sys.executable, "-c", code]
    path = os.pathsep.join(filter(None, sys.path))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        assert process.communicate()[0].strip() == "[]"


def test_a_file_that_differs_from_the_published_one_is_used_with_a_note(tmp_path):
    write(tmp_path / "ml-100k", u_data="1\t2\t3\t4\n")
    dataset = ml_100k()(data_dir=str(tmp_path))
    assert dataset.titles is None
    assert own_notes(dataset) == [
        "The file u.data differs from the published one and is used as it is",
        "There are no titles, genres and years because the file u.item is missing",
    ]


@pytest.mark.skipif(not Path(REAL, "ml-100k").is_dir(), reason="RECBENCH_DATA has no ml-100k")
def test_the_real_ml_100k():
    dataset = known("ml-100k")(data_dir=REAL)
    log = dataset.interactions
    assert (log.n_users, log.n_items, log.n_interactions) == (943, 1682, 100_000)
    assert dataset.title(dataset.item("1")) == "Toy Story (1995)"
    assert dataset.title(dataset.item("267")) == "unknown"
    assert dataset.sha256 == layouts.UDATA.sha256
    assert own_notes(dataset) == []
    assert all(dataset.titles)
    assert dataset.fingerprint().startswith("5feb6c865b55")  # of stored results
    genres, year = dataset.item_features["genres"], dataset.item_features["year"]
    assert genres[0] == "Animation|Children's|Comedy"
    assert genres[dataset.item("267")] == ""
    assert sum(text == "" for text in genres) == 2
    assert (year[0], year.dtype.kind, np.isnan(year).sum()) == (1995, "f", 1)
    age, gender = dataset.user_features["age"], dataset.user_features["gender"]
    assert (age.dtype, age[:3].tolist(), age.min()) == (np.int64, [24, 53, 23], 7)
    assert {*gender} == {"M", "F"}
    assert dataset.user_features["occupation"][:2].tolist() == ["technician", "other"]


def test_conditions_may_use_the_features(tmp_path):
    write(tmp_path / "ml-100k", u_data=UDATA, u_user=UUSER, u_item=UITEM)
    women = recbench.load_dataset("ml-100k:where=gender=F", data_dir=str(tmp_path))
    assert women.user_ids.tolist() == [186]
    assert women.user_features["age"].tolist() == [39]
    late = recbench.load_dataset("ml-100k:where=year>=1997&age<40", data_dir=str(tmp_path))
    assert late.user_ids.tolist() == [186]
    assert late.item_features["year"].tolist() == [1997]


@pytest.mark.parametrize("option", ["min_user", "ties"])
def test_old_option_names_are_refused_before_any_file_is_searched(option):
    with pytest.raises(recbench.UsageError, match=f"no option '{option}'; it is now called"):
        recbench.load_dataset(f"ml-100k:{option}=hash")
