"""A model in a file that counts its fits and can be told what else to do, for tests of tuning."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SPACE = "dict(a=recbench.Float(0, 1), n=recbench.Int(1, 5))"

SOURCE = '''
"""A model that mixes popularity and noise."""

import os
import time
from pathlib import Path

import numpy as np

import recbench


class Mine:
    """The larger a is, the more popularity counts; n is the seed of the noise."""

    {space}

    def __init__(self, a: float = 0.5, n: int = 3, seed: int = 0) -> None:
        self.a, self.n, self.seed = a, n, seed

    def fit(self, train):
        with open("{fits}", "a") as file:
            file.write(f"{{self.a}} {{self.n}} {{len(train.items)}} {{self.seed}}\\n")
        count = len(Path("{fits}").read_text().splitlines())
        {lines}
        popular = np.bincount(train.items, minlength=train.n_items)
        noise = np.random.default_rng(self.n).random(train.n_items)
        self.scores_ = self.a * popular / popular.max() + (1 - self.a) * noise
        return self

    def score(self, history):
        return np.tile(self.scores_, (len(history), 1))
'''


def write_model(*lines: str, space: str = SPACE, path: str = "mine.py") -> str:
    """Write the model to a file, and return its path.

    lines: what `fit` does too; `count` is the number of fits so far. space: "" for none.
    """
    Path(path).write_text(
        SOURCE.strip().format(
            space=f"search_space = {space}" if space else "",
            lines="\n        ".join(lines),
            fits=f"{Path(path).stem}.fits",
        )
    )
    return path


def fits(path: str = "mine.py") -> list[str]:
    """Return a line for each fit: its options, the number of interactions, and the seed."""
    file = Path(path).with_suffix(".fits")
    return file.read_text().splitlines() if file.exists() else []


def write_log(path: str = "log.csv", users: int = 40, days: bool = False) -> str:
    """Write a log of users with 10 different items each, out of 30, and return its path.

    days: whether users begin on different days, and pause after every third item.
    """
    rng = np.random.default_rng(3)
    weights = 1 / np.arange(1, 31)
    weights /= weights.sum()
    lines = [
        f"u{user},i{item},{time + (86400 * (user % 7 + 20 * (time // 3)) if days else 0)}"
        for user in range(users)
        for time, item in enumerate(rng.choice(30, 10, replace=False, p=weights))
    ]
    Path(path).write_text("user,item,time\n" + "\n".join(lines) + "\n")
    return path


def start(*args: str) -> "subprocess.Popen[str]":
    """Start a command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "recbench", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end(process: "subprocess.Popen[str]", number: int) -> None:
    """Send a signal to a process and all that it has started."""
    os.killpg(process.pid, number)
    if number == signal.SIGKILL:
        process.communicate()


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until something is true. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.005)
