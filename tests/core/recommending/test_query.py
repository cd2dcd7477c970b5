"""A question to one model: the history, the model that is used, and what it is fitted on."""

import inspect
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

from recbench import (
    RecbenchError,
    Store,
    UsageError,
    attention,
    explain,
    load_plugins,
    recommend,
    run,
)
from recbench.isolation.runner import AVAILABLE
from recbench_popular import Popular

FITS: list[int] = []


class Kept(Popular):
    """Popularity that notes each training."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed

    def fit(self, train: Any) -> Any:
        FITS.append(self.seed)
        return super().fit(train)


class Fails(Popular):
    """A model that fails in score."""

    def score(self, history: Any) -> Any:
        raise ZeroDivisionError("here")


class Resumes(Popular):
    """A model that fails the first time and leaves a checkpoint."""

    def fit(self, train: Any, checkpoint: Path | None = None) -> Any:
        if checkpoint is None:
            raise TypeError("there is no checkpoint")
        if not (checkpoint / "epoch").exists():
            (checkpoint / "epoch").touch()
            raise ZeroDivisionError("here")
        return super().fit(train)


class Exits(Popular):
    """A model that ends its process without a word when it is loaded or asked."""

    def __init__(self, when: str) -> None:
        super().__init__()
        self.when = when

    def fit(self, train: Any) -> Any:
        self._exit("fit")
        return super().fit(train)

    def score(self, history: Any) -> Any:
        self._exit("score")
        return super().score(history)

    def explain(self, history: Any, items: Any) -> Any:
        self._exit("explain")
        return np.zeros((len(items), history.n_interactions))

    def attention(self, history: Any) -> Any:
        self._exit("attention")
        return np.ones((1, 1, 1, 1))

    def save(self, folder: Path) -> None:
        self._exit("save")

    def load(self, folder: Path) -> Any:
        self._exit("load")
        return self

    def _exit(self, where: str) -> None:
        if where == self.when:
            os._exit(0)


class Hangs(Popular):
    """A model that does not return from `explain`."""

    def explain(self, history: Any, items: Any) -> Any:
        while True:
            signal.pause()


MODELS = {"kept": Kept, "fails": Fails, "resumes": Resumes, "exits": Exits, "hangs": Hangs}
PLUGINS = load_plugins(mine=plugin(models=MODELS))


def _recommend(model: str, dataset: str, **more: Any) -> Any:
    FITS.clear()
    return recommend(model, dataset=dataset, plugins=PLUGINS, **more)


def test_seen_items_are_left_out_and_the_best_come_first(tiny: str) -> None:
    found = _recommend("popular", tiny, user="u0", k=3)
    assert found.history_frame()["item"].tolist() == ["i0", "i1", "i2", "i3"]
    frame = found.to_frame()
    assert frame["rank"].tolist() == [1, 2, 3]
    assert not set(frame["item"]) & {"i0", "i1", "i2", "i3"}
    assert frame["score"].is_monotonic_decreasing


def test_k_beyond_the_catalogue_returns_all_unseen_items(tiny: str) -> None:
    assert len(_recommend("popular", tiny, user="u0", k=100).items) == 3


@pytest.mark.parametrize("in_process", [False, True])
def test_the_stored_model_is_used_and_named(tiny: str, in_process: bool) -> None:
    first = _recommend("kept", tiny, user="u1", in_process=in_process)
    assert "trained now" in first.origin
    again = _recommend("kept", tiny, user="u1", in_process=in_process)
    assert FITS == []
    assert again.origin == "kept (split leave-last-out), loaded from the results folder"
    assert again.items.tolist() == first.items.tolist()
    other = _recommend("kept", tiny, user="u1", seed=1, in_process=in_process)
    assert len(FITS) == in_process  # else it is in another process
    assert "trained now" in other.origin


def test_a_damaged_stored_model_is_trained_again(
    tiny: str, caplog: pytest.LogCaptureFixture
) -> None:
    _recommend("kept", tiny, user="u1")
    (weights,) = Path("results").rglob("popularity.safetensors")
    weights.write_bytes(b"half")
    assert "trained now" in _recommend("kept", tiny, user="u1").origin
    assert "popularity.safetensors has changed. It is not used" in caplog.text
    assert "loaded from the results folder" in _recommend("kept", tiny, user="u1").origin


def test_a_given_history_needs_no_user(tiny: str) -> None:
    found = _recommend("popular", tiny, items=["i5", "i6"], k=2)
    assert found.history_frame()["item"].tolist() == ["i5", "i6"]
    assert not set(found.to_frame()["item"]) & {"i5", "i6"}


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({}, "name a user .* or a history"),
        ({"items": "i1\ri2"}, r"--items 'i1\\ri2' cannot be read; write ids on one line"),
        ({"user": "u0", "items": ["i1"]}, "but not both"),
        ({"items": []}, "at least one item of the history"),
        ({"user": "nobody"}, "no user 'nobody' in tiny.csv; its user ids look like: 'u0', 'u1'"),
        ({"items": ["i1", "zz"]}, "no item 'zz'"),
        ({"user": "u0", "k": 0}, "k must be"),
    ],
)
def test_usage_errors(tiny: str, more: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        _recommend("popular", tiny, **more)


def test_a_model_that_fails_is_named(tiny: str) -> None:
    with pytest.raises(RecbenchError, match=r"fails \(plugin mine\): score raised ZeroDiv"):
        _recommend("fails", tiny, user="u0")


def test_training_resumes_after_a_failure(tiny: str) -> None:
    with pytest.raises(RecbenchError, match=r"resumes \(plugin mine\) failed: fit raised ZeroDiv"):
        _recommend("resumes", tiny, user="u0", in_process=True)
    assert len(list(Path("results").rglob("epoch"))) == 1
    assert "trained now" in _recommend("resumes", tiny, user="u0", in_process=True).origin
    assert not list(Path("results").rglob("*.checkpoint"))


isolated = pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")


@isolated
@pytest.mark.parametrize(
    ("when", "ask"),
    [
        ("fit", recommend),
        ("score", recommend),
        ("explain", explain),
        ("attention", attention),
    ],
)
def test_a_model_that_exits_is_an_error(tiny: str, when: str, ask: Any) -> None:
    words = rf"exits:when={when} \(plugin mine\).*its process exited with code 0 during {when}"
    with pytest.raises(RecbenchError, match=words):
        ask(f"exits:when={when}", dataset=tiny, user="u0", plugins=PLUGINS)


@isolated
def test_a_model_that_exits_in_save_or_load_still_recommends(
    tiny: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = _recommend("exits:when=load", tiny, user="u0")
    again = _recommend("exits:when=load", tiny, user="u0")
    assert again.items.tolist() == found.items.tolist()
    assert "trained now" in again.origin
    assert "its process exited with code 0 during load" in caplog.text
    assert _recommend("exits:when=save", tiny, user="u0").items.tolist() == found.items.tolist()
    assert "was not saved: its process exited with code 0 during save" in caplog.text


@isolated
def test_a_model_that_hangs_ends_at_the_time_limit(tiny: str) -> None:
    with pytest.raises(RecbenchError, match=r"time limit of 1 s .* ran out during"):
        explain("hangs", dataset=tiny, user="u0", plugins=PLUGINS, timeout=1)


def test_recommend_and_explain_accept_the_same_arguments() -> None:
    signatures = [inspect.signature(function) for function in (recommend, explain, attention)]
    assert signatures[1].parameters == signatures[2].parameters
    more = {"users", "users_file", "new", "output"}
    assert signatures[0].parameters.keys() - signatures[1].parameters.keys() == more
    assert list(signatures[0].parameters)[:5] == ["model", "dataset", "user", "items", "k"]
    assert [signature.return_annotation for signature in signatures] == [
        "Recommendation | Recommendations",
        "Explanation",
        "Attention",
    ]
    for function in (recommend, explain):
        with pytest.raises(TypeError, match="has no parameter 'usr'; did you mean 'user'"):
            function("popular", usr="u0")
        with pytest.raises(TypeError, match="too many positional"):
            function("popular", "ml-100k", "u0")
        with pytest.raises(TypeError, match="missing a required argument: 'model'"):
            function(user="u0")


def test_a_model_that_is_fitted_on_all_has_its_own_identity(tiny: str) -> None:
    judged = run(["kept"], tiny, plugins=PLUGINS)[0]
    split = _recommend("kept", tiny, user="u0")
    assert "loaded" in split.origin
    first = _recommend("kept", tiny, user="u0", k=3, fit="all")
    assert "no number of a table belongs to it), trained now" in first.origin
    assert first.scores.tolist() != split.scores.tolist()
    again = _recommend("kept", tiny, users=["u0"], k=3, fit="all", split="temporal")
    assert "no number of a table belongs to it), loaded" in again.origin
    assert again.items[0].tolist() == first.items.tolist()
    assert [result.key for result in Store("results").all(PLUGINS)] == [judged.key]
    assert _recommend("kept", tiny, user="u0").scores.tolist() == split.scores.tolist()
    log = np.loadtxt(tiny, delimiter=",", skiprows=1, usecols=1, dtype=str)
    counts = dict(zip(*np.unique(log, return_counts=True), strict=True))
    frame = first.to_frame()
    assert frame["score"].tolist() == [counts[item] for item in frame["item"]]
