"""Recommendations for many users: whose, in which batches, and how they are checked and written."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import plugin

from recbench import (
    RecbenchError,
    UsageError,
    load_dataset,
    load_plugins,
    recommend,
)
from recbench.isolation.runner import AVAILABLE
from recbench.models.in_process import InProcessModel
from recbench.recommending import query
from recbench_popular import Popular

ASKED: list[int] = []


class Lists(Popular):
    """A model with lists instead of scores."""

    score = None  # type: ignore[assignment]

    def recommend(self, history: Any, k: int) -> Any:
        lists = np.full((len(history), k), -1)
        for row, items in enumerate(history.sequences()):
            unseen = np.setdiff1d(np.arange(history.n_items), items)[:k]
            lists[row, : len(unseen)] = unseen
        return lists


class Seen(Lists):
    """A model of lists that recommends to user 1 what she has seen."""

    def recommend(self, history: Any, k: int) -> Any:
        lists = super().recommend(history, k)
        first = history.items[history.offsets[:-1]]
        lists[:, 0] = np.where(history.users == 1, first, lists[:, 0])
        return lists


class Bad(Popular):
    """A model with a score for user 4 that is not a number."""

    def score(self, history: Any) -> Any:
        scores = np.array(super().score(history), dtype=np.float64)
        scores[history.users == 4, 2] = np.nan
        return scores


class Asked(Popular):
    """A model that notes how many histories it is asked about."""

    def score(self, history: Any) -> Any:
        ASKED.append(len(history))
        return super().score(history)


class Slow(Popular):
    """A model that needs a fifth of a second for each batch."""

    def score(self, history: Any) -> Any:
        time.sleep(0.2)
        return super().score(history)


WAITS = """
import os, pathlib, signal

class Waits:
    def fit(self, train):
        return self

    def save(self, folder):
        (folder / "saved").touch()

    def load(self, folder):
        return self

    def score(self, history):
        half = pathlib.Path("half")
        half.write_text(str(os.getpid()))
        half.rename("asked")
        while True:
            signal.pause()
"""
"""A file with a model that tells the id of its process and waits."""

MODELS = {"lists": Lists, "seen": Seen, "bad": Bad, "asked": Asked, "slow": Slow}
PLUGINS = load_plugins(mine=plugin(models=MODELS))


def _recommend(model: str, dataset: str, **more: Any) -> Any:
    return recommend(model, dataset=dataset, plugins=PLUGINS, **more)


isolated = pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")


@pytest.mark.parametrize("in_process", [False, True])
@pytest.mark.parametrize("model", ["popular", "lists"])
def test_many_users_get_the_lists_that_each_gets_alone(
    tiny: str, model: str, in_process: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "BATCH", 200)  # two users of seven items
    many = _recommend(model, tiny, users="all", k=3, in_process=in_process)
    assert many.users.tolist() == [f"u{user}" for user in range(6)]
    for row in range(6):
        alone = _recommend(model, tiny, user=f"u{row}", k=3, in_process=in_process)
        assert many.items[row].tolist() == alone.items.tolist()
        if model == "popular":
            assert many.scores[row].tolist() == alone.scores.tolist()
    assert (many.scores is None) == (model == "lists")


def test_a_batch_reaches_the_model_once(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "BATCH", 300)
    ASKED.clear()
    _recommend("asked", tiny, users="all", in_process=True)
    assert ASKED == [4, 2]


def test_users_are_named_in_several_ways(tiny: str) -> None:
    Path("ids.txt").write_text("u3\n\nnobody\nu1\n")
    ids = pd.Series(["u3", "nobody", "u1", "u3"])
    for way in (
        {"users": ids},
        {"users": ids.astype("category")},
        {"users": "u3, nobody,u1"},
        {"users": ["u3", "nobody", "u1"]},
        {"users_file": "ids.txt"},
    ):
        found = _recommend("popular", tiny, k=2, **way)
        assert found.users.tolist() == ["u3", "u1"]
        assert len(found) == 2
        assert found.notes == ["1 of 3 users is not in tiny.csv, such as 'nobody', and got no list"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"user": "all"}, "for the lists of all users, write --users all"),
        ({"users_file": ["u0"]}, "users_file list is not a path; give ids as users"),
    ],
)
def test_wrong_guesses_are_put_right(tiny: str, given: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        _recommend("popular", tiny, **given)


def test_short_lists_are_counted(tiny: str) -> None:
    found = _recommend("popular", tiny, users=["u0", "u1"], k=5)
    assert found.notes == ["2 users have fewer than 5 items"]
    assert found.to_frame()["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    path = Path("all.csv")
    path.write_text("user,item\n" + "\n".join(f"x,i{item}\ny,i{item}" for item in range(3)))
    found = _recommend("popular", str(path), users="all", k=3)
    assert found.notes == ["2 users have fewer than 3 items, and 2 of them no item"]
    assert len(found.to_frame()) == 0
    assert "Recommendations for 0 users of all.csv" in str(found)


def test_seen_items_are_listed_if_repeats_are_kept(tiny: str) -> None:
    found = _recommend("popular", f"{tiny}:repeats=keep", users="all", k=7)
    assert (np.sort(found.items, axis=1) == np.arange(7)).all()


def test_a_bad_score_names_the_user(tiny: str) -> None:
    words = r"nan for item number 2.* \(first affected: user u4\)"
    for more in ({}, {"in_process": True}):
        with pytest.raises(RecbenchError, match=words):
            _recommend("bad", tiny, users="all", **more)
    assert len(_recommend("bad", tiny, users=["u0", "u1"])) == 2


@pytest.mark.parametrize("in_process", [False, True])
def test_a_bad_list_names_the_model_and_the_user_once(tiny: str, in_process: bool) -> None:
    words = r"^seen \(plugin mine\): recommend returned .* \(first affected: user u1\)$"
    with pytest.raises(RecbenchError, match=words):
        _recommend("seen", tiny, users="all", in_process=in_process)


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        ([[[1, 1]], [[2, 1]]], "item number 1 twice"),
        ([[[1, 9]], [[2, 1]]], "item number 9 .*must be from 0 to 6"),
        ([[[0, 6]], [[2, 1]]], "item number 0, which is in the user's history"),
        ([[[np.nan, 6]], [[2, 1]]], "item number -2 "),
        ([[[5, 6]], [[2, np.inf]]], "inf for item number 6"),
    ],
)
def test_what_arrives_is_checked_again(
    tiny: str, answer: Any, match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def top(*_: Any, **__: Any) -> Any:
        return np.array(answer, dtype=np.float64)

    monkeypatch.setattr(InProcessModel, "top", top)
    with pytest.raises(RecbenchError, match=rf"popular \(plugin popular\): .*{match}.*user u0\)"):
        _recommend("popular", tiny, users=["u0"], k=2, in_process=True)


def test_newer_interactions_are_part_of_the_history(tiny: str) -> None:
    frame = pd.DataFrame(
        {
            "user_id": ["u0", "new", "lost"],
            "item_id": ["i6", "i5", "zz"],
            "timestamp": [99, 99, 99],
        }
    )
    found = _recommend("popular", tiny, new=frame, k=7)
    assert found.users.tolist() == ["new", "u0"]
    assert not {0, 1, 2, 3, 6} & set(found.items[1].tolist())
    assert sorted(found.items[0].tolist()) == [-1, 0, 1, 2, 3, 4, 6]
    assert "such as 'zz', and was left out" in found.notes[0]
    lost = "1 user has no interaction with an item of tiny.csv, such as 'lost', and got no list"
    assert found.notes[1] == lost
    every = _recommend("popular", tiny, new=frame, users="all", k=7)
    assert every.users.tolist() == [*(f"u{user}" for user in range(6)), "new"]
    found = _recommend("popular", tiny, new=frame, user="u0")
    assert found.history_frame()["item"].tolist() == ["i0", "i1", "i2", "i3", "i6"]
    assert "such as 'zz'" in str(found)
    with pytest.raises(UsageError, match="user 'lost' has no interaction with an item of tiny"):
        _recommend("popular", tiny, new=frame, user="lost")
    with pytest.raises(UsageError, match="leave out --items, or --new"):
        _recommend("popular", tiny, new=frame, items=["i1"])


def test_lists_are_written(tiny: str) -> None:
    found = _recommend("popular", tiny, users="all", k=3, output="recs.csv")
    assert pd.read_csv("recs.csv").equals(found.to_frame())
    assert "The lists are in recs.csv" in str(found)
    found = _recommend("popular", tiny, user="u2", k=2, output=Path("one.json"))
    rows = json.loads(Path("one.json").read_text())
    assert [(row["user"], row["rank"]) for row in rows] == [("u2", 1), ("u2", 2)]
    assert [row["item"] for row in rows] == found.to_frame()["item"].tolist()
    _recommend("popular", tiny, items=["i1"], k=1, output="items.csv")
    assert Path("items.csv").read_text().startswith("item,rank,score\n")


def test_the_file_is_checked_before_any_work() -> None:
    with pytest.raises(UsageError, match=r"its suffix is none of \.csv, \.parquet, \.json"):
        recommend("popular", users="all", dataset="gone.csv", output="recs.txt")
    with pytest.raises(UsageError, match="there is no folder"):
        recommend("popular", users="all", dataset="gone.csv", output="no/recs.csv")


@pytest.mark.parametrize("option", ["dataset", "new", "users_file"])
def test_the_file_is_none_that_is_read(tiny: str, option: str) -> None:
    before = Path(tiny).read_text()
    Path("linked.csv").symlink_to(tiny)
    given = {"new": "gone.csv", option: tiny}
    name = option.replace("_", "-")
    with pytest.raises(UsageError, match=rf"-o linked.csv: --{name} reads this file; choose an"):
        _recommend("popular", **{"dataset": "gone.csv", "output": "linked.csv", **given})
    assert Path(tiny).read_text() == before


def test_a_class_and_a_frame_are_used_as_they_are(tiny: str) -> None:
    frame = pd.read_csv(tiny)
    found = recommend(Popular, users="all", dataset=frame, k=3, fit="all")
    named = _recommend("popular", tiny, users="all", k=3, fit="all")
    assert found.to_frame().equals(named.to_frame())
    dataset = load_dataset(frame.rename(columns={"user_id": "who"}), user="who")
    more = pd.DataFrame({"who": ["u0"], "item_id": ["i6"], "timestamp": [99]})
    found = recommend(Popular(), new=more, dataset=dataset, k=7)
    assert found.users.tolist() == ["u0"]
    assert 6 not in found.items[0]


@isolated
def test_an_interrupted_command_leaves_the_model_and_no_process(tiny: str) -> None:
    Path("waits.py").write_text(WAITS)
    command = [sys.executable, "-m", "recbench", "recommend", "waits.py", "--users", "all"]
    with subprocess.Popen(
        [*command, "--dataset", tiny, "-o", "recs.csv"], stderr=subprocess.PIPE
    ) as process:
        while not Path("asked").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert not Path("recs.csv").exists()
    assert not list(Path().glob(".writing-*"))
    assert len(list(Path("results").rglob("saved"))) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int(Path("asked").read_text()), 0)


@isolated
def test_the_time_limit_holds_for_all_batches_together(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "BATCH", 1)
    with pytest.raises(RecbenchError, match=r"time limit of 0.5 s .* ran out during"):
        _recommend("slow", tiny, users="all", timeout=0.5)
