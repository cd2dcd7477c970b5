"""Models that misbehave: they raise, exit, write to their input or return wrong answers."""

import _thread
import atexit
import ctypes
import gc
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import recbench

MODELS: dict[str, Callable[..., Any]] = {}
LIBC = ctypes.CDLL(None)


class Fits:
    """The `fit` of all models here: count the interactions with each item."""

    def fit(self, train: Any) -> Any:
        self.counts_ = np.bincount(train.items, minlength=train.n_items)
        return self


class Counts(Fits):
    """A correct model that the models below modify."""

    def score(self, history: Any) -> Any:
        return np.tile(self.counts_.astype(np.float64), (len(history), 1))


class Lists(Fits):
    """A correct model that returns lists."""

    def recommend(self, history: Any, k: int) -> Any:
        order = np.argsort(-self.counts_, kind="stable")
        lists = np.full((len(history), k), -1)
        for row, items in enumerate(history.sequences()):
            best = order[~np.isin(order, items)][:k]
            lists[row, : len(best)] = best
        return lists


def fits(name: str) -> Callable[[Any], Any]:
    """Register a model that calls a function at the start of `fit`."""

    def model(act: Callable[[Any, Any], None]) -> Any:
        class Model(Counts):
            def fit(self, train: Any) -> Any:
                act(self, train)
                return super().fit(train)

        MODELS[name] = Model
        return act

    return model


def scores(name: str) -> Callable[[Any], Any]:
    """Register a model that passes its scores through a function."""

    def model(act: Callable[[Any, Any, Any], Any]) -> Any:
        class Model(Counts):
            calls = 0

            def fit(self, train: Any) -> Any:
                self.train = train
                return super().fit(train)

            def score(self, history: Any) -> Any:
                self.calls += 1
                return act(self, history, super().score(history))

        MODELS[name] = Model
        return act

    return model


def lists(name: str) -> Callable[[Any], Any]:
    """Register a model that passes its lists through a function."""

    def model(act: Callable[[Any, Any], Any]) -> Any:
        class Model(Lists):
            def recommend(self, history: Any, k: int) -> Any:
                return act(history, super().recommend(history, k))

        MODELS[name] = Model
        return act

    return model


def makes(name: str) -> Callable[[Any], Any]:
    """Register a factory that calls a function first."""

    def model(act: Callable[[], Any]) -> Any:
        def factory() -> Any:
            act()
            return Counts()

        MODELS[name] = factory
        return act

    return model


def raising(name: str, error: BaseException) -> None:
    """Register models that raise: in the factory, in fit, and in score for one batch only."""

    def act(*_: Any) -> None:
        raise error

    def once(model: Any, history: Any, answer: Any) -> Any:
        if model.calls == 2:
            raise error
        return answer

    makes(f"factory-{name}")(act)
    fits(f"fit-{name}")(act)
    scores(f"score-{name}")(once)


class Own(BaseException):
    """An exception that is not an Exception."""


class UnspeakableError(Exception):
    """An exception that cannot be converted to text."""

    def __str__(self) -> str:
        raise ValueError("no words")


for _name, _error in {
    "raises": ZeroDivisionError("on purpose"),
    "exit": SystemExit(7),
    "interrupt": KeyboardInterrupt(),
    "generator": GeneratorExit(),
    "stop": StopIteration(),
    "memoryerror": MemoryError(),
    "own": Own("of mine"),
    "unspeakable": UnspeakableError(),
    "endless-words": ValueError("word " * 10**6),
    "surrogate": ValueError("\udcff"),
}.items():
    raising(_name, _error)

for _where, _name in ((makes, "factory"), (fits, "fit"), (scores, "score")):
    _where(f"{_name}-os-exit")(lambda *_: os._exit(3))
    _where(f"{_name}-abort")(lambda *_: os.abort())
    _where(f"{_name}-hangs")(lambda *_: time.sleep(1000))


# wrong answers


def _with(answer: Any, value: Any) -> Any:
    answer[1, 2] = value
    return answer


scores("nan")(lambda _model, _history, answer: _with(answer, np.nan))
scores("inf")(lambda _model, _history, answer: _with(answer, np.inf))
scores("transposed")(lambda _model, _history, answer: answer.T)
scores("row-less")(lambda _model, _history, answer: answer[:-1])
scores("column-less")(lambda _model, _history, answer: answer[:, :-1])
scores("too-wide")(lambda _model, _history, answer: np.tile(answer, 5))
scores("one-number")(lambda *_: 3.0)
scores("strings")(lambda _model, _history, answer: answer.astype(str))
scores("objects")(lambda _model, _history, answer: answer.astype(object))
scores("complex")(lambda _model, _history, answer: answer * 1j)
scores("bools")(lambda _model, _history, answer: answer > 0)
scores("nothing")(lambda *_: None)
scores("ragged")(lambda *_: [[1.0], [1.0, 2.0]])
lists("duplicates")(lambda _, answer: answer[:, [0] * answer.shape[1]])
lists("above-range")(lambda _, answer: answer + 10**6)
lists("below-range")(lambda _, answer: answer * 0 - 2)
lists("too-short")(lambda _, answer: answer[:, :-1])
lists("too-long")(lambda _, answer: np.tile(answer, 9))
lists("words")(lambda _, answer: answer.astype(str))
lists("floats")(lambda _, answer: answer.astype(float))
lists("gap")(lambda _, answer: np.where(np.arange(answer.shape[1]) == 0, -1, answer))


@lists("seen")
def _seen(history: Any, answer: Any) -> Any:
    first = history.items[history.offsets[:-1], None]
    return np.where(np.arange(answer.shape[1]) == 0, first, -1)


scores("batch-mean")(lambda _model, _history, answer: answer + np.arange(len(answer))[:, None] % 7)
scores("batch-size")(lambda _model, history, answer: answer * len(history))


@scores("first-in-batch")
def _first(_model: Any, _history: Any, answer: Any) -> Any:
    answer[0] = answer[0][::-1]
    return answer


@scores("batch-neighbours")
def _neighbours(_model: Any, history: Any, answer: Any) -> Any:
    return answer + np.bincount(history.items, minlength=history.n_items)


# writing to the input


@fits("writes-train")
def _writes_train(_: Any, train: Any) -> None:
    train.items[0] = 1


@fits("sorts-train")
def _sorts_train(_: Any, train: Any) -> None:
    train.items.sort()


@fits("flag")
def _flag(_: Any, train: Any) -> None:
    train.items.flags.writeable = True


@fits("setflags")
def _setflags(_: Any, train: Any) -> None:
    train.users.setflags(write=True)


@fits("setattr")
def _setattr(_: Any, train: Any) -> None:
    object.__setattr__(train, "items", train.items.copy())


@fits("strides")
def _strides(_: Any, train: Any) -> None:
    np.lib.stride_tricks.as_strided(train.items, writeable=True)[0] = 1


@fits("interface")
def _interface(_: Any, train: Any) -> None:
    class Forged:
        __array_interface__: ClassVar = {
            **train.items.__array_interface__,
            "data": (train.items.ctypes.data, False),
        }

    np.asarray(Forged())[0] = 1


@fits("address")
def _address(_: Any, train: Any) -> None:
    ctypes.memset(train.items.ctypes.data, 1, 4)


@fits("mprotect")
def _mprotect(_: Any, train: Any) -> None:
    page = train.items.ctypes.data & ~(mmap.PAGESIZE - 1)
    LIBC.mprotect(ctypes.c_void_p(page), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE)
    ctypes.memset(train.items.ctypes.data, 1, 4)


@scores("writes-history")
def _writes_history(_model: Any, history: Any, answer: Any) -> Any:
    history.items[0] = 1
    return answer


@scores("history-flag")
def _history_flag(_model: Any, history: Any, answer: Any) -> Any:
    history.items.flags.writeable = True
    return answer


@scores("history-base")
def _history_base(_model: Any, history: Any, answer: Any) -> Any:
    base = history.items
    while getattr(base, "base", None) is not None:
        base = base.base
    memoryview(base)[0:1] = b"1"
    return answer


@scores("history-address")
def _history_address(_model: Any, history: Any, answer: Any) -> Any:
    ctypes.memset(history.items.ctypes.data, 1, 4)
    return answer


@scores("history-setattr")
def _history_setattr(_model: Any, history: Any, answer: Any) -> Any:
    object.__setattr__(history, "users", history.users.copy())
    return answer


@scores("keeps-train")
def _keeps_train(model: Any, _history: Any, answer: Any) -> Any:
    model.train.items[0] = 1
    return answer


@scores("keeps-history")
def _keeps_history(model: Any, history: Any, answer: Any) -> Any:
    if model.calls > 1:
        model.kept.items[0] = 1
    model.kept = history
    return answer


@fits("thread-writes")
def _thread_writes(_: Any, train: Any) -> None:
    def write() -> None:
        time.sleep(0.1)
        train.items[0] = 1

    threading.Thread(target=write).start()


# ending a process


fits("segfault")(lambda *_: ctypes.string_at(0))
fits("kills-itself")(lambda *_: os.kill(os.getpid(), signal.SIGKILL))
fits("kills-parent")(lambda *_: (os.kill(os.getppid(), signal.SIGKILL), time.sleep(1000)))


@fits("kills-grandparent")
def _kills_grandparent(*_: Any) -> None:
    stat = Path(f"/proc/{os.getppid()}/stat").read_text()
    os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGKILL)
    time.sleep(1000)


@fits("alarm")
def _alarm(*_: Any) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(1000)


@fits("recursion")
def _recursion(*_: Any) -> None:
    _recursion()


@fits("stack-overflow")
def _stack_overflow(*_: Any) -> None:
    sys.setrecursionlimit(10**9)

    def deeper(_: Any) -> Any:
        return list(map(deeper, [0]))

    deeper(0)


@fits("eats-memory")
def _eats_memory(*_: Any) -> None:
    kept = []
    while True:
        kept.append(np.ones(10**6))
        time.sleep(0.001)


@fits("eats-shared-memory")
def _eats_shared_memory(*_: Any) -> None:
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 8 * 10**6))
        kept[-1].write(b"1" * 8 * 10**6)
        time.sleep(0.001)


@fits("child-eats-memory")
def _child_eats_memory(*_: Any) -> None:
    if os.fork() == 0:
        _eats_memory()
    time.sleep(1000)


# printing


@fits("prints")
def _prints(*_: Any) -> None:
    for _ in range(1024):
        print("x" * 2**20)


@fits("writes-stdout")
def _writes_stdout(*_: Any) -> None:
    for _ in range(1024):
        os.write(1, b"x" * 2**20)


@fits("child-prints")
def _child_prints(*_: Any) -> None:
    subprocess.run(["head", "-c", "1000000000", "/dev/zero"])


# leaving threads and processes behind


fits("leaves-thread")(lambda *_: threading.Thread(target=time.sleep, args=(1000,)).start())
fits("leaves-process")(lambda *_: subprocess.Popen(["sleep", "1000"]))


@fits("leaves-nameless-thread")
def _leaves_nameless_thread(*_: Any) -> None:
    count = _thread._count()
    _thread.start_new_thread(time.sleep, (1000,))
    while _thread._count() == count:  # until the thread runs
        time.sleep(0.001)


@fits("leaves-daemon-thread")
def _leaves_daemon_thread(*_: Any) -> None:
    threading.Thread(target=time.sleep, args=(1000,), daemon=True, name="mine").start()


@fits("leaves-stubborn-process")
def _leaves_stubborn_process(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # inherited by children
    subprocess.Popen(["sleep", "1000"], start_new_session=True, restore_signals=False)


@fits("leaves-fork")
def _leaves_fork(*_: Any) -> None:
    if os.fork() == 0:
        time.sleep(1000)


@fits("leaves-daemon")
def _leaves_daemon(*_: Any) -> None:
    _daemon()


def _daemon() -> None:
    first = os.fork()
    if first == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in range(256):
                try:
                    os.close(fd)
                except OSError:
                    continue
            time.sleep(1000)
        os._exit(0)
    os.waitpid(first, 0)


@fits("daemon-and-kills-parent")
def _daemon_and_kills_parent(*_: Any) -> None:
    _daemon()
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(1000)


# files and sockets


fits("closes-all")(lambda *_: os.closerange(0, 1024))
fits("closes-all-and-hangs")(lambda *_: (os.closerange(0, 1024), time.sleep(1000)))


@fits("garbage")
def _garbage(*_: Any) -> None:
    for fd in range(3, 256):
        try:
            os.write(fd, b"\xff" * 64)
        except OSError:
            continue


def _send_all(text: bytes) -> None:
    for fd in range(3, 256):
        try:
            with socket.socket(fileno=os.dup(fd)) as connection:
                connection.send(struct.pack("<Q", len(text)) + text)
        except OSError:
            continue


fits("forges")(lambda *_: _send_all(b'{"arrays": {}}'))
fits("forges-types")(lambda *_: _send_all(b'{"resumed": [], "n_parameters": "x", "arrays": {}}'))
fits("forges-arrays")(lambda *_: _send_all(b'{"arrays": {"answer": ["<f8", [1000000]]}}'))
fits("forges-nesting")(lambda *_: _send_all(b"[" * 10**5))


# unusual, but allowed

fits("good-stops-parent")(lambda *_: os.kill(os.getppid(), signal.SIGSTOP))


@fits("good-slow")
def _slow(*_: Any) -> None:
    time.sleep(0.5)


@fits("good-fork-returns")
def _fork_returns(*_: Any) -> None:
    os.fork()


@fits("good-ended-process")
def _ended_process(*_: Any) -> None:
    subprocess.Popen(["true"])


@fits("good-ending-process")
def _ending_process(*_: Any) -> None:
    subprocess.Popen(["sleep", "0.3"])


@fits("good-ending-thread")
def _ending_thread(*_: Any) -> None:
    threading.Thread(target=time.sleep, args=(0.3,)).start()


@fits("good-pool")
def _pool(model: Any, _: Any) -> None:
    model.pool = ThreadPoolExecutor(2)
    list(model.pool.map(len, ["a", "b"]))


@fits("good-shared-memory")
def _shared_memory(model: Any, _: Any) -> None:
    model.memory = shared_memory.SharedMemory(create=True, size=1000)
    model.memory.unlink()


@fits("good-joblib")
def _joblib(*_: Any) -> None:
    import joblib

    joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(number) for number in (-1, -2))


@fits("good-copies-share-memory")
def _copies_share_memory(*_: Any) -> None:
    kept = np.ones(10**7)
    for _ in range(6):
        if os.fork() == 0:
            time.sleep(0.5)
            os._exit(int(kept[0]))
    for _ in range(6):
        os.wait()


@fits("good-stdout")
def _stdout(*_: Any) -> None:
    print("to be seen", end="")
    sys.stdout.close()
    sys.stderr = None


@fits("good-atexit")
def _atexit(*_: Any) -> None:
    atexit.register(time.sleep, 1000)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


class Answers(Counts):
    """A model that has every attribute."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "save":
            raise AttributeError(name)
        return self


class Refuses(Counts):
    """Raises KeyError for missing attributes."""

    def __getattr__(self, name: str) -> Any:
        if name in ("save", "load"):
            raise AttributeError(name)
        raise KeyError(name)


MODELS["good-answers"], MODELS["good-refuses"], MODELS["good-lists"] = Answers, Refuses, Lists
MODELS["good"] = Counts


# spies


KEY = 0x5A


def hidden(pattern: bytes) -> str:
    """Encode a pattern for `Spy`, so that the text does not contain it."""
    return bytes(byte ^ KEY for byte in pattern).hex()


class Spy(Counts):
    """Search this process for the targets; `plants` puts them there first, to test the search."""

    def __init__(self, pattern: str = "", plants: bool = False) -> None:
        self.pattern, self.plants = bytes.fromhex(pattern), plants

    def fit(self, train: Any) -> Any:
        self.planted = np.array(list(self.pattern), np.uint8) ^ KEY if self.plants else None
        self.look()
        return super().fit(train)

    def score(self, history: Any) -> Any:
        self.look()
        return super().score(history)

    def look(self) -> None:
        frame = sys._getframe()
        seen = list(gc.get_objects())
        while frame is not None:
            seen += [*frame.f_locals.values(), *frame.f_globals.values()]
            frame = frame.f_back
        for thing in seen:
            if type(thing).__name__ in ("Split", "Dataset", "Experiment", "Trial"):
                raise LookupError(f"found a {type(thing).__name__}")
        with Path("/proc/self/mem").open("rb", buffering=0) as memory:
            for line in Path("/proc/self/maps").read_text().splitlines():
                span, rights, _, _, _, *file = line.split()
                start, stop = (int(address, 16) for address in span.split("-"))
                if rights[0] == "r" and not (file and file[0].startswith(("/usr", "[v"))):
                    memory.seek(start)
                    try:
                        raw = np.frombuffer(memory.read(min(stop - start, 2**28)), np.uint8)
                    except OSError:
                        continue
                    if self.is_in(raw):
                        raise LookupError(f"found the targets in {line}")

    def is_in(self, raw: Any) -> bool:
        raw = raw[: max(0, len(raw))]
        found = np.flatnonzero(raw[: -len(self.pattern)] == self.pattern[0] ^ KEY)
        for place, byte in enumerate(self.pattern):
            found = found[raw[found + place] == byte ^ KEY]
        return len(found) > 0


MODELS["spy"] = Spy


@recbench.hookimpl
def recbench_models() -> Any:
    return MODELS
