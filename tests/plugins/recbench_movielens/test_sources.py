"""MovieLens: the sources of its files, their order, and a damaged cache."""

import os
import threading
import time

import pytest
from made_movielens import (
    TITLES,
    UDATA,
    UITEM,
    files_in,
    ml_100k,
    own_notes,
    sha256,
    titles,
    unchecked,
    write,
)

import recbench
from recbench.spec import build


def test_the_dataset_is_downloaded_once_and_then_read_from_the_cache(publisher, cached):
    dataset = ml_100k(publisher)()
    assert dataset.name == "ml-100k"
    assert dataset.source == publisher.address
    assert dataset.sha256 == sha256(UDATA)
    assert own_notes(dataset) == []
    assert titles(dataset) == TITLES
    assert (dataset.interactions.n_users, dataset.interactions.n_interactions) == (3, 4)
    assert files_in(cached) == [
        "ml-100k/ml-100k.zip",
        "ml-100k/ml-100k.zip.unzip/ml-100k/u.data",
        "ml-100k/ml-100k.zip.unzip/ml-100k/u.item",
        "ml-100k/ml-100k.zip.unzip/ml-100k/u.user",
    ]
    publisher.status = 500
    again = ml_100k(publisher)()
    assert again.fingerprint() == dataset.fingerprint()
    assert again.source == dataset.source
    assert publisher.n_requests == 1


@pytest.mark.parametrize("factory", [ml_100k, unchecked])
@pytest.mark.parametrize("damage", [b"", b"PK"])
def test_a_damaged_cache_is_downloaded_again(publisher, cached, factory, damage):
    archive = cached / "ml-100k" / "ml-100k.zip"
    write(archive.parent, **{"ml-100k.zip": damage})
    assert factory(publisher)().interactions.n_interactions == 4
    assert publisher.n_requests == 1
    archive.write_bytes(publisher.body[:200])
    assert factory(publisher)().interactions.n_interactions == 4
    assert publisher.n_requests == 2
    archive.write_bytes(damage)
    publisher.status = 503
    with pytest.raises(recbench.RecbenchError, match=r"the cache: \w+ zip is (damaged|broken)"):
        factory(publisher)()


def test_old_temporary_files_are_removed_and_new_ones_stay(publisher, cached):
    for name in ("tmp-old", "tmp-new"):
        write(cached / "ml-100k" / name / "ml-100k", u_data="half")
    day_before = time.time() - 2 * 24 * 3600
    write(cached / "ml-100k", tmpfile="half")
    for name in ("tmp-old", "tmpfile"):
        os.utime(cached / "ml-100k" / name, (day_before, day_before))
    ml_100k(publisher)()
    names = sorted(path.name for path in (cached / "ml-100k").iterdir())
    assert names == ["ml-100k.zip", "ml-100k.zip.unzip", "tmp-new"]


def test_simultaneous_downloads_do_not_interfere(publisher, cached):
    publisher.pause = 0.2
    fingerprints, dataset = [], ml_100k(publisher)
    threads = [
        threading.Thread(target=lambda: fingerprints.append(dataset().fingerprint()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fingerprints) == 4
    assert len(set(fingerprints)) == 1
    names = sorted(path.name for path in (cached / "ml-100k").iterdir())
    assert names == ["ml-100k.zip", "ml-100k.zip.unzip"]


def test_a_cache_that_cannot_be_written_is_reported(publisher, cached):
    cached.write_text("in the way")
    with pytest.raises(recbench.RecbenchError, match=r"the cache .* cannot be written"):
        ml_100k(publisher)()


def test_the_data_folder_of_the_user_takes_precedence(publisher, tmp_path, monkeypatch):
    ml_100k(publisher)()
    write(tmp_path / "given" / "ml-100k", u_data=UDATA, u_item=UITEM)
    write(tmp_path / "environment" / "ml-100k", u_data="1\t2\t3\t4\n")
    monkeypatch.setenv("RECBENCH_DATA", str(tmp_path / "environment"))
    given = build("dataset", ml_100k(publisher), {"data_dir": str(tmp_path / "given")})
    assert given.source == "ml-100k/u.data in the user's data folder"
    assert titles(given) == TITLES
    environment = ml_100k(publisher)()
    assert environment.interactions.n_interactions == 1
    assert publisher.n_requests == 1


def test_a_data_folder_without_the_dataset_is_skipped(publisher, tmp_path):
    write(tmp_path / "ml-1m", ratings_dat="1::1::5::1\n")
    assert ml_100k(publisher)(data_dir=str(tmp_path)).source == publisher.address


@pytest.mark.parametrize("by", ["--data-dir", "RECBENCH_DATA"])
def test_a_data_folder_that_does_not_exist_is_a_usage_error(publisher, tmp_path, monkeypatch, by):
    nowhere = str(tmp_path / "nowhere")
    monkeypatch.setenv("RECBENCH_DATA", nowhere if by == "RECBENCH_DATA" else "")
    with pytest.raises(recbench.UsageError, match=f"{by}=.*: there is no such folder"):
        ml_100k(publisher)(data_dir=nowhere if by == "--data-dir" else None)
    assert publisher.n_requests == 0


def test_is_here_checks_the_data_folder_and_the_cache(publisher, tmp_path, monkeypatch):
    dataset = ml_100k(publisher)
    assert not dataset.is_here(None)
    assert not dataset.is_here(str(tmp_path / "nowhere"))
    write(tmp_path / "given" / "ml-100k", u_data=UDATA)
    assert dataset.is_here(str(tmp_path / "given"))
    monkeypatch.setenv("RECBENCH_DATA", str(tmp_path / "given"))
    assert dataset.is_here(None)
    monkeypatch.delenv("RECBENCH_DATA")
    dataset()
    assert dataset.is_here(None)
