"""Fixtures for tests of MovieLens: an empty cache and a local server as the publisher."""

import subprocess

import pytest
from made_movielens import PUBLISHED, Publisher, pip, zipped

import recbench
from recbench_movielens import sources


@pytest.fixture
def publisher():
    publisher = Publisher()
    publisher.body = zipped(PUBLISHED)
    yield publisher
    publisher.close()


@pytest.fixture(autouse=True)
def cached(tmp_path, monkeypatch):
    """Set up an empty cache, no data folder, no proxy, and a pip without a network."""
    monkeypatch.setattr(sources, "cache_folder", lambda name: tmp_path / "cache" / name)
    monkeypatch.delenv("RECBENCH_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(subprocess, "run", pip(error="ERROR: No matching distribution found"))
    return tmp_path / "cache"


@pytest.fixture
def assert_failed(cached):
    """Return a check that loading fails with all these words and leaves no file behind."""

    def check(dataset, *words):
        with pytest.raises(recbench.RecbenchError) as caught:
            dataset()
        for word in (*words, "--data-dir FOLDER", "--dataset synthetic"):
            assert word in str(caught.value)
        assert not [path for path in cached.rglob("*") if path.is_file()]

    return check
