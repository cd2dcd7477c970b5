"""Stored results and models: used again only if the titles and features that were read are same."""

import logging
from pathlib import Path

import numpy as np
import pytest

import recbench
from recbench import Dataset, Interactions
from recbench.store.format import decode_result, encode_result

TITLES = """
import numpy as np


class Titles:
    def fit(self, train):
        self.scores = np.array([len(title) for title in train.titles], dtype=float)
        return self

    def score(self, history):
        return np.tile(self.scores, (len(history), 1))

    def save(self, folder):
        np.save(folder / "scores.npy", self.scores)

    def load(self, folder):
        self.scores = np.load(folder / "scores.npy")
        return self
"""


def _shop(*titles: str) -> Dataset:
    log = Interactions.from_log([0, 0, 0, 1, 1, 1], [0, 1, 2, 2, 3, 0], n_items=5)
    return Dataset("shop", log, np.arange(2), np.arange(5), np.array(titles))


@pytest.fixture
def model(tmp_path: Path) -> str:
    """Return the path of a model that reads titles and no features."""
    (tmp_path / "by_titles.py").write_text(TITLES)
    return str(tmp_path / "by_titles.py")


@pytest.mark.parametrize("in_process", [False, True])
def test_a_result_is_used_again_only_with_the_titles_that_it_was_made_with(
    model: str, in_process: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def run(*titles: str) -> recbench.Results:
        return recbench.run([model, "popular"], _shop(*titles), in_process=in_process)

    first = run("a", "bb", "ccc", "d", "e")
    assert [result.reads.keys() for result in first] == [{"titles"}, set()]
    assert [result.model for result in run("a", "bb", "ccc", "d", "e").reused] == [
        first[0].model,
        "popular",
    ]
    caplog.set_level(logging.INFO, logger="recbench")
    again = run("aaaa", "bb", "ccc", "d", "e")
    assert [result.model for result in again.reused] == ["popular"]
    assert "running again: the metadata that it read have changed (titles)" in caplog.text
    assert again[0].reads != first[0].reads
    assert again[0].key == first[0].key
    assert len(run("aaaa", "bb", "ccc", "d", "e").reused) == 2


def test_a_saved_model_is_used_again_only_with_the_titles_that_it_was_trained_with(
    model: str, caplog: pytest.LogCaptureFixture
) -> None:
    def best(*titles: str) -> str:
        found = recbench.recommend(model, user=0, k=1, dataset=_shop(*titles))
        return f"{found.items[0]} {found.origin.rpartition(', ')[2]}"

    assert best("", "", "", "x", "xx").startswith("4 trained now")
    assert best("", "", "", "x", "xx") == "4 loaded from the results folder"
    assert best("", "", "", "xxx", "xx").startswith("3 trained now")
    assert "was trained with other metadata (titles). It is not used" in caplog.text
    assert best("", "", "", "xxx", "xx") == "3 loaded from the results folder"


def test_what_a_model_has_read_is_stored(model: str) -> None:
    (result,) = recbench.run([model], _shop("a", "b", "c", "d", "e"))
    (stored,) = recbench.Store("results").all()
    assert stored.reads == result.reads == {"titles": result.reads["titles"]}
    assert decode_result(Path("x.json"), encode_result(result)).reads == result.reads
