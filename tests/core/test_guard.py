"""Calls of plugin code: what runs is noted for other processes, and errors name the plugin."""

import os
import signal

import pytest

from recbench import RecbenchError, UsageError, guard


@pytest.fixture(autouse=True)
def _no_note() -> None:
    guard.write(guard.Note())


def test_notes_are_nested_and_end_with_their_block() -> None:
    with guard.noted("the import of plugin a", importing="a"):
        assert guard.read() == guard.Note("the import of plugin a", "a")
        with guard.noted("metric b"):
            assert guard.read() == guard.Note("metric b")
        assert guard.read() == guard.Note("the import of plugin a", "a")
    assert guard.read() == guard.Note()


def test_a_note_ends_with_an_error_but_stays_after_ctrl_c() -> None:
    with pytest.raises(ValueError, match="no"), guard.noted("metric a"):
        raise ValueError("no")
    assert guard.read().where == ""
    with pytest.raises(KeyboardInterrupt), guard.noted("metric a"):
        raise KeyboardInterrupt
    assert guard.read().where == "metric a"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that share memory")
def test_a_note_is_read_after_the_end_of_the_process_that_wrote_it() -> None:
    guard.write(guard.Note("something longer than the next note"))
    child = os.fork()
    if child == 0:
        with guard.noted("metric é\0"):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert guard.read() == guard.Note("metric é\0")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SystemExit(0), "SystemExit: 0"),
        (GeneratorExit(), "GeneratorExit"),
        (StopIteration(), "StopIteration"),
        (BaseException("odd"), "BaseException: odd"),
        (ValueError("no"), "ValueError: no"),
    ],
)
def test_whatever_a_plugin_raises_becomes_an_error_that_names_it(
    error: BaseException, reason: str
) -> None:
    with (
        pytest.raises(RecbenchError, match=rf"^table a \(plugin b\) failed: {reason} \(test_guard"),
        guard.guarded("table a (plugin b)"),
    ):
        raise error
    assert guard.read() == guard.Note()


@pytest.mark.parametrize("error", [UsageError("x"), RecbenchError("y"), KeyboardInterrupt()])
def test_errors_for_users_and_ctrl_c_stay_as_they_are(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, guard.guarded("table a (plugin b)"):
        raise error
    assert raised.value is error


def test_the_note_stays_until_the_text_of_an_error_is_known() -> None:
    notes = []

    class OwnError(Exception):
        def __str__(self) -> str:
            notes.append(guard.read())  # it might also end the process
            return "mine"

    with pytest.raises(OwnError), guard.noted("table a (plugin b)"):
        raise OwnError
    assert notes == [guard.Note("table a (plugin b)")]
    assert guard.read() == guard.Note()
