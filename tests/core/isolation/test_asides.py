"""Asides: a model's process tells its progress and asks for metadata, and nothing else is heard."""

import dataclasses
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench
from recbench import Interactions, RecbenchError, bars, load_plugins
from recbench.data.metadata import Metadata
from recbench.isolation.asides import Listener
from recbench.isolation.packing import pack
from recbench.isolation.runner import AVAILABLE, IsolatedHost
from recbench.isolation.wire import WireError
from recbench.progress import log
from recbench.testing import example
from recbench_popular import Popular

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")

OPTIONS: dict[str, Any] = {"seed": 0, "device": "cpu"}

ARRAYS = {
    "user_ids": np.arange(40) * 10,
    "item_ids": np.array([f"i{n}" for n in range(32)]),
    "titles": np.array([f"Été {n}" for n in range(32)], dtype=object),
    "item_features.price": np.linspace(0, 1, 32),
}


class Drawn(bars.Display):
    """Records what is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drawings: list[list[str]] = []
        self.kept: list[str] = []

    def draw(self, bars: list[bars.State]) -> None:
        self.drawings.append([" ".join(bar.texts) for bar in bars])

    def keep(self, bar: bars.State) -> None:
        self.kept.append(" ".join(bar.texts))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[Drawn]:
    """Return the screen on which bars are drawn."""
    display = Drawn()
    monkeypatch.setattr(bars, "screen", lambda: display)
    log.setLevel(logging.INFO)
    yield display
    assert display.bars == []


class Loaded:
    """Metadata, and the names that were loaded."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.metadata = Metadata(tuple(ARRAYS), self._load)

    def _load(self, name: str) -> Any:
        self.names.append(name)
        if name == "user_ids":
            raise RecbenchError("users.csv has changed")
        return ARRAYS[name]

    def log(self) -> Interactions:
        return dataclasses.replace(example(), metadata=self.metadata)


def _fit(factory: Any, train: Interactions | None = None, **limits: Any) -> Any:
    """Fit a model and score with it, and return its handle."""
    train = example() if train is None else train
    with (
        IsolatedHost(load_plugins(mine=plugin(models={"mine": factory})), **limits) as host,
        host.cell("mine", OPTIONS) as model,
    ):
        model.fit(train)
        model.score(train)
    return model


def test_a_model_gets_the_metadata_that_it_reads_and_no_others() -> None:
    class Reads(Popular):
        def fit(self, train: Any) -> Any:
            assert train.titles.tolist() == [f"Été {n}" for n in range(32)]
            assert train.titles is train.titles
            assert list(train.item_features) == ["price"]
            self.train = train
            return super().fit(train)

        def score(self, history: Any) -> Any:
            assert history.titles is self.train.titles
            assert history.item_ids.dtype == self.train.item_ids.dtype == "<U3"
            assert history.item_ids[31] == "i31"
            return super().score(history)

    loaded = Loaded()
    model = _fit(Reads, loaded.log())
    assert model.reads == {"titles", "item_ids"}
    assert loaded.names == ["titles", "item_ids"]
    assert _fit(Popular, loaded.log()).reads == set()


def test_metadata_are_packed_once_for_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reads(Popular):
        def fit(self, train: Any) -> Any:
            assert train.titles[1] == "Été 1"
            return super().fit(train)

    packed: list[Any] = []

    def counted(array: Any) -> Any:
        packed.append(array)
        return pack(array)

    monkeypatch.setattr("recbench.isolation.launcher.pack", counted)
    train = Loaded().log()
    with IsolatedHost(load_plugins(mine=plugin(models={"mine": Reads}))) as host:
        for _ in range(2):
            with host.cell("mine", OPTIONS) as model:
                model.fit(train)
            assert model.reads == {"titles"}
    assert len(packed) == 1


def test_other_interactions_have_their_own_metadata() -> None:
    class Compares(Popular):
        def fit(self, train: Any) -> Any:
            self.train = train
            return super().fit(train)

        def score(self, history: Any) -> Any:
            assert self.train.titles[0] == "Été 0"
            assert history.titles is None or history.titles[0] == "new"
            return super().score(history)

    new = Metadata(["titles"], lambda _: np.array(["new"] * 32, dtype=object))
    with (
        IsolatedHost(load_plugins(mine=plugin(models={"mine": Compares}))) as host,
        host.cell("mine", OPTIONS) as model,
    ):
        model.fit(Loaded().log())
        for metadata in (None, new):
            model.score(dataclasses.replace(example(), metadata=metadata))


def test_features_of_interactions_are_shared() -> None:
    class Reads(Popular):
        def fit(self, train: Any) -> Any:
            assert list(train.features) == ["genre", "price"]
            assert train.features["genre"].tolist() == ["a", "été", ""]
            assert train.features["genre"] is train.features["genre"]
            np.testing.assert_array_equal(train.features["price"], [1.5, np.nan, 2])
            with pytest.raises(ValueError, match="read-only"):
                train.features["price"][0] = 3
            return super().fit(train)

    genres = np.array(["a", "été", ""], dtype=object)
    train = Interactions.from_log(
        [0, 0, 1], [0, 1, 2], features={"genre": genres, "price": [1.5, np.nan, 2]}
    )
    assert _fit(Reads, train).traits.scores


def test_metadata_that_cannot_be_loaded_are_an_error_in_the_model() -> None:
    class Reads(Popular):
        def fit(self, train: Any) -> Any:
            return train.user_ids

    with pytest.raises(RecbenchError, match=r"users\.csv has changed"):
        _fit(Reads, Loaded().log())


def test_threads_can_read_metadata_while_a_request_is_answered() -> None:
    class Reads(Popular):
        def fit(self, train: Any) -> Any:
            found: list[Any] = []
            names = ["titles", "item_ids"] * 4
            threads = [
                threading.Thread(target=lambda name=name: found.append(getattr(train, name)))
                for name in names
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(array[3] for array in found) == ["i3"] * 4 + ["Été 3"] * 4
            return super().fit(train)

    assert _fit(Reads, Loaded().log()).reads == {"titles", "item_ids"}


def test_a_thread_cannot_read_metadata_between_requests() -> None:
    class Reads(Popular):
        def fit(self, train: Any) -> Any:
            self.said: list[str] = []
            self.go = threading.Event()

            def read() -> None:
                self.go.wait()
                try:
                    assert train.titles is None
                except RecbenchError as error:
                    self.said.append(str(error))

            self.thread = threading.Thread(target=read)
            self.thread.start()
            return super().fit(train)

        def score(self, history: Any) -> Any:
            asides = history.metadata.load.func.__self__
            asides._is_answering = False  # as after the reply
            self.go.set()
            self.thread.join()
            asides._is_answering = True
            assert "only be read while recbench calls a method of the model" in self.said[0]
            return super().score(history)

    assert _fit(Reads, Loaded().log()).reads == set()


def test_a_process_that_the_model_forks_cannot_read_metadata_nor_draw(drawn: Drawn) -> None:
    class Forks(Popular):
        def fit(self, train: Any) -> Any:
            reading, writing = os.pipe()
            with recbench.Progress("mine", total=2) as progress:
                child = os.fork()
                if child == 0:
                    said = ""
                    progress.step(message="of the child")
                    with recbench.Progress("child", total=1) as own:
                        own.step()
                    try:
                        said = str(train.titles)
                    except RecbenchError as error:
                        said = str(error)
                    os.write(writing, said.encode())
                    os._exit(0)
                os.waitpid(child, 0)
            said = os.read(reading, 10_000).decode()
            assert said.startswith("titles cannot be read in a process that the model has started")
            assert train.titles[2] == "Été 2"
            return super().fit(train)

    assert _fit(Forks, Loaded().log()).reads == {"titles"}
    assert drawn.kept == ["mine 0/2 "]
    assert not any("child" in text for texts in drawn.drawings for text in texts)


def test_the_main_process_draws_the_progress_of_a_model(
    drawn: Drawn, capfd: pytest.CaptureFixture[str]
) -> None:
    class Works(Popular):
        def fit(self, train: Any) -> Any:
            with recbench.Progress("outer", total=np.int64(2), unit="epoch") as outer:
                with recbench.Progress("inner") as inner:
                    inner.step(np.int64(3), "loss 1")
                outer.step()
            return super().fit(train)

    _fit(Works)
    assert drawn.drawings == [
        ["outer 0/2 "],
        ["outer 0/2 ", "inner 0 "],
        ["outer 0/2 ", "inner 3 loss 1"],
        ["outer 0/2 ", "inner 3 loss 1"],
        ["outer 0/2 "],
        ["outer 1/2 "],
        ["outer 1/2 "],
        [],
    ]
    assert drawn.kept == ["inner 3 loss 1", "outer 1/2 "]
    assert capfd.readouterr().err == ""


def test_without_a_screen_a_model_writes_lines(capfd: pytest.CaptureFixture[str]) -> None:
    class Works(Popular):
        def fit(self, train: Any) -> Any:
            with recbench.Progress("mine", total=100, unit="epoch") as progress:
                for loss in range(100):
                    progress.step(message=f"loss {loss}")
            return super().fit(train)

    log.setLevel(logging.INFO)
    _fit(Works)
    lines = capfd.readouterr().err.splitlines()
    assert lines == [f"mine: epoch {loss + 1}/100, loss {loss}" for loss in range(100)]


def test_a_model_that_reports_fast_sends_little(
    drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fast(Popular):
        def fit(self, train: Any) -> Any:
            with recbench.Progress("mine", total=200_000) as progress:
                for _ in range(200_000):
                    progress.step()
            for _ in range(1000):
                with recbench.Progress("short"):
                    pass
            return super().fit(train)

    heard: list[Any] = []
    hear = Listener.hear

    def counted(listener: Listener, head: Any, deadline: Any) -> None:
        heard.append(head)
        hear(listener, head, deadline)

    monkeypatch.setattr(Listener, "hear", counted)
    _fit(Fast)
    assert drawn.kept[0] == "mine 200,000/200,000 "
    assert len(heard) < 500


def test_bars_end_with_the_process_of_their_model(drawn: Drawn) -> None:
    class Exits(Popular):
        def fit(self, train: Any) -> Any:
            recbench.Progress("mine", total=2).__enter__()
            os._exit(3)

    with pytest.raises(RecbenchError, match="exited with code 3"):
        _fit(Exits)
    assert drawn.drawings[0] == ["mine 0/2 "]


class Floods(Popular):
    """Sends asides without end, past recbench's own code."""

    def fit(self, train: Any) -> Any:
        asides = bars._Current.wire._send.__self__  # type: ignore[union-attr]
        for number in range(10**9):
            asides._referee.sendall(_message(PROGRESS | {"bar": number}))


PROGRESS = {
    "aside": "progress",
    "bar": 1,
    "label": "mine",
    "total": 4,
    "unit": "step",
    "done": 2,
    "message": "",
    "stays": True,
    "ended": False,
}


def _message(head: dict[str, Any]) -> bytes:
    text = json.dumps({**head, "arrays": {}}).encode()
    return len(text).to_bytes(8, "little") + text


def test_asides_do_not_extend_the_time_limit(drawn: Drawn) -> None:
    with pytest.raises(RecbenchError, match=r"the time limit of 1 s \(--timeout\) ran out"):
        _fit(Floods, timeout=1.0)
    assert max(map(len, drawn.drawings)) == bars.MOST


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Return a listener for metadata with the name titles."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        made = Listener(ours, lambda metadata, name: pack(metadata[name]))
        made.announce(Loaded().metadata)
        yield made
        made.close()


@pytest.mark.parametrize(
    "head",
    [
        {"aside": "other"},
        {"aside": None},
        {"aside": "progress"},
        PROGRESS | {"bar": "1"},
        PROGRESS | {"bar": None},
        PROGRESS | {"done": 2.5},
        PROGRESS | {"done": True},
        PROGRESS | {"done": 10**30},
        PROGRESS | {"total": "4"},
        PROGRESS | {"total": float("nan")},
        PROGRESS | {"label": 3},
        PROGRESS | {"unit": None},
        PROGRESS | {"message": ["x"]},
        {"aside": "metadata", "number": 0},
        {"aside": "metadata", "number": 0, "name": "targets"},
        {"aside": "metadata", "number": 0, "name": ["titles"]},
        {"aside": "metadata", "number": 1, "name": "titles"},
        {"aside": "metadata", "number": -1, "name": "titles"},
        {"aside": "metadata", "number": "0", "name": "titles"},
    ],
)
def test_invalid_asides_are_refused(drawn: Drawn, listener: Listener, head: Any) -> None:
    with pytest.raises((WireError, KeyError, TypeError, ValueError, OverflowError)):
        listener.hear(head, None)
    assert listener.reads == set()
    assert drawn.drawings == []


def test_valid_asides_are_heard(drawn: Drawn, listener: Listener) -> None:
    listener.hear(PROGRESS, None)
    listener.hear(PROGRESS | {"done": 3, "total": 9, "message": "x"}, None)
    assert drawn.drawings == [["mine 2/4 "], ["mine 3/9 x"]]
    listener.hear({"aside": "metadata", "number": 0, "name": "titles"}, None)
    assert listener.reads == {"titles"}


def test_an_answer_that_is_not_read_does_not_outlive_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        listener = Listener(ours, lambda *_: {"numbers": np.zeros(10**7)})
        listener.announce(Loaded().metadata)
        with pytest.raises(TimeoutError):
            listener.hear(
                {"aside": "metadata", "number": 0, "name": "titles"}, time.monotonic() + 0.2
            )
