"""MovieLens: facts about each dataset, and notes on files that differ from the published ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_movielens import known, ml_100k, own_notes, write

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
        "There are no titles because the file u.item is missing",
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


@pytest.mark.parametrize("option", ["min_user", "ties"])
def test_old_option_names_are_refused_before_any_file_is_searched(option):
    with pytest.raises(recbench.UsageError, match=f"no option '{option}'; it is now called"):
        recbench.load_dataset(f"ml-100k:{option}=hash")
