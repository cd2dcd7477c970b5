"""Bars of another process: what is sent of them, and what is drawn."""

import threading
from typing import Any

import pytest

from recbench import bars
from recbench.bar_relay import DrawnBars, SentBars
from recbench.progress import Bar


class Shown:
    """A screen that records what it is told."""

    def __init__(self) -> None:
        self.bars: list[bars.State] = []
        self.ended: list[tuple[str, int, bool]] = []

    def open(self, bar: bars.State) -> None:
        self.bars.append(bar)

    def update(self, bar: bars.State) -> None:
        assert bar in self.bars

    def close(self, bar: bars.State) -> None:
        self.bars.remove(bar)
        self.ended.append((bar.label, bar.done, bar.stays))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    made = Shown()
    monkeypatch.setattr("recbench.progress.screen", lambda: made)
    return made


def _state(**changed: Any) -> dict[str, Any]:
    return {
        "bar": 7,
        "label": "mine",
        "total": 4,
        "unit": "step",
        "done": 1,
        "message": "",
        "stays": True,
        "ended": False,
        **changed,
    }


def test_a_bar_is_drawn_as_it_is_sent(shown: Shown) -> None:
    drawn, sent = DrawnBars(), []
    sending = SentBars(lambda state: (sent.append(dict(state)), drawn.draw(state)))  # type: ignore[func-returns-value]
    bar = bars.State("mine", 4)
    sending.open(bar)
    assert [each.label for each in shown.bars] == ["mine"]
    bar.done, bar.message = 3, "nearly"
    sending.update(bar)
    assert (shown.bars[0].done, shown.bars[0].message) == (3, "nearly")
    sending.close(bar)
    assert shown.ended == [("mine", 3, False)]
    assert [state["ended"] for state in sent] == [False, False, True]


def test_bars_are_not_sent_too_often() -> None:
    sent: list[Any] = []
    sending, bar = SentBars(sent.append), bars.State("mine", 10**6)
    sending.open(bar)
    for _ in range(1000):
        bar.done += 1
        sending.update(bar)
    assert len(sent) < 500
    sending.close(bar)
    assert sent[-1]["ended"]
    assert sent[-1]["done"] == 1000


def test_nothing_is_sent_while_nobody_listens() -> None:
    sent: list[Any] = []
    sending, bar = SentBars(sent.append, is_heard=lambda: False), bars.State("mine")
    sending.open(bar)
    sending.update(bar)
    sending.close(bar)
    assert sent == []


def test_threads_can_send() -> None:
    sent: list[Any] = []
    sending = SentBars(sent.append)

    def show() -> None:
        bar = bars.State("mine", 1)
        sending.open(bar)
        sending.close(bar)

    threads = [threading.Thread(target=show) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 6


@pytest.mark.parametrize(
    "changed",
    [
        {"bar": "7"},
        {"total": 1.5},
        {"done": True},
        {"done": 2**63},
        {"label": 1},
        {"message": None},
    ],
)
def test_states_of_other_types_are_refused(changed: dict[str, Any], shown: Shown) -> None:
    with pytest.raises(ValueError, match="invalid"):
        DrawnBars().draw(_state(**changed))
    assert shown.bars == []


def test_a_part_that_is_missing_is_refused() -> None:
    state = _state()
    del state["unit"]
    with pytest.raises(KeyError):
        DrawnBars().draw(state)


def test_only_so_many_bars_are_drawn_and_all_are_removed(shown: Shown) -> None:
    drawn = DrawnBars()
    for number in range(bars.MOST + 5):
        drawn.draw(_state(bar=number))
    assert len(shown.bars) == bars.MOST
    drawn.draw(_state(bar=10**6, ended=True))  # unknown: nothing to end
    drawn.close()
    assert shown.bars == []
    assert isinstance(Bar("mine"), bars.State)
