"""What a forked process shows is sent to the one that forked it, with the name of its model."""

import json
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from recbench import bars
from recbench.checking import made_results
from recbench.jobs.relay import LARGEST, LONGEST, Receiver, Sender, _Lines

if not hasattr(socket, "AF_UNIX"):
    pytest.skip("it needs sockets of Unix", allow_module_level=True)


class Heard:
    """A sender, and what it sends."""

    def __init__(self) -> None:
        self.receiving, self.sending = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.receiving.setblocking(False)
        self.sender = Sender(self.sending, bars.Notebook())

    def all(self) -> list[dict[str, Any]]:
        found = []
        try:
            while True:
                found.append(json.loads(self.receiving.recv(LARGEST)))
        except BlockingIOError:
            return found


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard()
    yield made
    made.sending.close()
    made.receiving.close()


def _log(sender: Sender, text: str) -> None:
    sender.emit(logging.LogRecord("recbench", logging.INFO, "", 0, text, None, None))


def test_messages_name_the_model_that_runs(heard: Heard) -> None:
    _log(heard.sender, "before the first model")
    heard.sender.begin(made_results.made("popular", 1))
    for text in ("popular: epoch 1", "Popular: epoch 2", "popular, seed 1: fitting", "odd", " "):
        _log(heard.sender, text)
    assert [message["text"] for message in heard.all()] == [
        "before the first model",
        "popular, seed 1: epoch 1",
        "popular, seed 1: epoch 2",
        "popular, seed 1: fitting",
        "popular, seed 1: odd",
        " ",
    ]


def test_output_is_sent_in_whole_lines(heard: Heard) -> None:
    heard.sender.begin(made_results.made("popular"))
    stream = _Lines(heard.sender)
    stream.write("one, ")
    assert heard.all() == []
    stream.write("two\nthree\nfour")
    (message,) = heard.all()
    assert message["text"] == "popular: one, two\npopular: three\n"
    stream.write("x" * 2 * LONGEST)
    assert len("".join(message["text"] for message in heard.all())) >= 2 * LONGEST


def test_values_are_sent_with_the_key_of_the_cell(heard: Heard) -> None:
    cell = made_results.made("popular")
    heard.sender.begin(cell)(3, {"loss": 0.5})
    (message,) = heard.all()
    assert (message["key"], message["step"], message["values"]) == (cell.key, 3, {"loss": 0.5})


def test_a_message_that_is_too_large_is_left_out(heard: Heard) -> None:
    heard.sender.begin(made_results.made("popular"))(1, {"x" * LARGEST: 0.5})
    assert heard.all() == []


def test_what_is_sent_is_logged_printed_and_kept(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    receiver = Receiver()
    sender = receiver.sender()
    receiver.start()
    _log(sender, "logged")
    sender.write("printed\n")
    sender.begin(made_results.made("popular"))(1, {"loss": 0.5})
    sender._sending.send(b'{"what": "log"}')  # a message without its parts is left out
    receiver.forget(1)
    while not (reported := receiver.show()):
        pass
    receiver.stop()
    assert "logged" in caplog.messages
    assert capsys.readouterr().err == "printed\n"
    ((_, step, values),) = reported
    assert (step, values) == (1, {"loss": 0.5})
    _log(sender, "nobody listens any more")
