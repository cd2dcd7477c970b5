"""Notebooks: classes and DataFrames made in cells, progress, interruptions, in a real kernel."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import psutil
import pytest

from recbench.isolation.runner import AVAILABLE

manager = pytest.importorskip("jupyter_client.manager")

pytestmark = [
    pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux"),
    # of the kernel's own connection
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning"),
]

SECONDS = 120
"""How long a test waits for a message or a state before it fails."""

START = """
import os, time
import numpy as np
import pandas as pd
import recbench

rng = np.random.default_rng(0)
log = pd.DataFrame({
    "user": [f"u{n:02}" for n in rng.integers(0, 40, 1500)],
    "item": [f"{n:04}" for n in rng.integers(0, 30, 1500) * rng.integers(0, 2, 1500)],
    "time": pd.date_range("2024-01-01", periods=1500, freq="h"),
})

class Mine:
    sign = 1
    def fit(self, train):
        self.counts = np.bincount(train.items, minlength=train.n_items)
        return self
    def score(self, history):
        return self.sign * np.tile(self.counts, (len(history), 1))
"""


@dataclass
class Cell:
    """The messages that a cell has sent: pairs of type and content."""

    messages: list[tuple[str, dict[str, Any]]]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [content for kind, content in self.messages if kind in kinds]

    @property
    def printed(self) -> str:
        return "".join(content["text"] for content in self.of("stream"))

    @property
    def result(self) -> dict[str, str]:
        (content,) = self.of("execute_result")
        data: dict[str, str] = content["data"]
        return data

    @property
    def errors(self) -> list[str]:
        return [f"{content['ename']}: {content['evalue']}" for content in self.of("error")]

    @property
    def bars(self) -> list[str]:
        shown = self.of("display_data", "update_display_data")
        assert all("text/html" in content["data"] for content in shown)
        return [content["data"]["text/plain"] for content in shown]


class Kernel:
    """The kernel of a notebook, in which a test runs cells."""

    def __init__(self, folder: Path) -> None:
        self.manager, self._client = manager.start_new_kernel(cwd=str(folder))
        self.pid: int = self.manager.provisioner.pid

    def begin(self, code: str) -> str:
        """Send a cell, and return the id of this request."""
        identity: str = self._client.execute(code)
        return identity

    def end(self, identity: str) -> Cell:
        """Wait until a cell has ended."""
        messages = []
        while True:
            message = self._client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != identity:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return Cell(messages)
            messages.append((kind, content))

    def fails(self, code: str) -> Cell:
        """Run a cell."""
        return self.end(self.begin(code))

    def run(self, code: str) -> Cell:
        """Run a cell that must not fail."""
        cell = self.fails(code)
        assert cell.errors == []
        return cell

    def stop(self) -> None:
        self._client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Return a kernel that all tests of this file share, as a long session does."""
    started = Kernel(tmp_path_factory.mktemp("notebook"))
    try:
        started.run(START)
        yield started
    finally:
        started.stop()


@pytest.fixture(autouse=True)
def _in_a_folder(kernel: Kernel, tmp_path: Path) -> Iterator[None]:
    kernel.run(f"os.chdir({str(tmp_path)!r})")
    yield
    _wait(lambda: psutil.Process(kernel.pid).children(recursive=True) == [])


def _wait(reached: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.02)


def _files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if path.name != ".lock"}


def test_a_class_and_a_frame_of_cells_give_a_table_with_moving_bars(kernel: Kernel) -> None:
    cell = kernel.run('results = recbench.run({"mine": Mine, "popular": "popular"}, log)\nresults')
    assert cell.result["text/plain"].startswith(kernel.run("print(results)").printed.strip()[:60])
    assert "<table" in cell.result["text/html"]
    assert ">mine" in cell.result["text/html"]
    assert [text for text in cell.bars if "scoring" not in text] == [
        "models  0/2",
        *["models  0/2  mine"] * 2,
        "models  1/2  mine",
        *["models  1/2  popular"] * 2,
        "models  2/2  popular",
        "",
    ]
    assert len([text for text in cell.bars if "scoring  40/40" in text]) == 2
    assert "fitting" not in cell.printed
    equal = kernel.run("results[0].values == results[1].values")
    assert equal.result["text/plain"] == "True"


def test_the_progress_and_the_output_of_a_model_are_shown_in_the_cell(kernel: Kernel) -> None:
    cell = kernel.run("""
class Slow(Mine):
    def fit(self, train):
        print("out of the model")
        with recbench.Progress("slow", total=3, unit="epoch") as progress:
            for epoch in range(3):
                progress.step(message=f"loss {epoch}")
        return super().fit(train)

recbench.run({"slow": Slow}, log)
""")
    states = [text.splitlines()[-1] for text in cell.bars if "slow  " in text]
    assert [state for state in states if state.startswith("slow  ")] == [
        "slow  0/3",
        "slow  1/3  loss 0",
        "slow  2/3  loss 1",
        *["slow  3/3  loss 2"] * (states.count("slow  3/3  loss 2")),
    ]
    assert cell.bars[-1] == "slow  3/3  loss 2"
    assert "out of the model" in cell.printed


def test_a_class_that_is_typed_again_is_run_again(kernel: Kernel) -> None:
    first = kernel.run('a = recbench.run({"mine": Mine}, log)\na[0].value("ndcg", 3).mean')
    again = """
class Mine(Mine):
    sign = -1

b = recbench.run({"mine": Mine}, log)
b[0].value("ndcg", 3).mean
"""
    second = kernel.run(again)
    kernel.run("Mine = Mine.__base__")
    assert float(first.result["text/plain"]) != float(second.result["text/plain"])
    third = kernel.run('recbench.run({"mine": Mine}, log)[0].value("ndcg", 3).mean')
    assert third.result == first.result


def test_an_interrupted_run_leaves_the_store_whole_and_can_be_run_again(
    kernel: Kernel, tmp_path: Path
) -> None:
    kernel.run("""
class Waits(Mine):
    def fit(self, train):
        open("began", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        return super().fit(train)

models = {"mine": Mine, "waits": Waits, "popular": "popular"}
""")
    began = kernel.begin("recbench.run(models, log)")
    _wait(lambda: Path("began").exists())
    before = _files(tmp_path / "results")
    kernel.manager.interrupt_kernel()
    cell = kernel.end(began)
    assert [error.partition(":")[0] for error in cell.errors] == ["KeyboardInterrupt"]
    assert cell.bars[-1] == ""
    _wait(lambda: psutil.Process(kernel.pid).children(recursive=True) == [])
    assert _files(tmp_path / "results") == before
    assert sorted(Path(name).suffix for name in before) == [".json", ".parquet"]
    stored = kernel.run('[r.model for r in recbench.Store("results").all()]')
    assert stored.result["text/plain"] == "['mine']"
    Path("go").touch()
    done = kernel.run("[result.status for result in recbench.run(models, log)]")
    assert done.result["text/plain"] == "['ok', 'ok', 'ok']"


def test_a_model_that_crashes_is_a_failed_row_and_the_kernel_lives(kernel: Kernel) -> None:
    cell = kernel.run("""
class Exits(Mine):
    def fit(self, train):
        os._exit(3)

class Crashes(Mine):
    def score(self, history):
        import ctypes
        ctypes.string_at(0)

results = recbench.run({"exits": Exits, "crashes": Crashes, "mine": Mine}, log)
print([result.status[:6] for result in results])
results
""")
    assert "['failed', 'failed', 'ok']" in cell.printed
    for words in ("exited with code 3 during fit", "killed by SIGSEGV during score"):
        assert words in cell.printed
        assert words in cell.result["text/html"]


def test_a_model_can_use_torch(kernel: Kernel) -> None:
    cell = kernel.run("""
class Torch(Mine):
    def fit(self, train):
        import torch
        super().fit(train)
        self.weights = torch.nn.Parameter(torch.tensor(self.counts, dtype=torch.float32))
        return self
    def score(self, history):
        return self.weights.detach().expand(len(history), -1).numpy()

results = recbench.run({"torch": Torch, "mine": Mine}, log)
results[0].values == results[1].values
""")
    assert cell.result["text/plain"] == "True", cell.printed


def test_a_file_that_is_run_in_a_notebook(kernel: Kernel, tmp_path: Path) -> None:
    code = 'results = recbench.run({"mine": Mine}, log)\nprint(results[0].status, len(results))\n'
    (tmp_path / "script.py").write_text(START + code)
    assert "ok 1\n" in kernel.run("%run script.py").printed


def test_a_run_in_a_cell_that_awaits(kernel: Kernel) -> None:
    cell = kernel.run("""
import asyncio

async def compare():
    await asyncio.sleep(0)
    return recbench.run({"mine": Mine}, log)

(await compare())[0].status
""")
    assert cell.result["text/plain"] == "'ok'"


def test_a_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    cells = [
        START,
        'results = recbench.run({"mine": Mine, "popular": "popular"}, log)',
        "results",
        'recbench.run([Mine, "popular"], log)',
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells]
    )
    client = nbclient.NotebookClient(
        notebook, timeout=SECONDS, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute(env={**os.environ})
    tables = [
        output["data"]["text/html"]
        for cell in notebook.cells
        for output in cell.outputs
        if output.output_type == "execute_result"
    ]
    assert len(tables) == 2
    assert all("<table" in table and "NDCG@3" in table for table in tables)
