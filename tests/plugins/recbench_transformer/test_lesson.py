"""The lesson: its pictures are drawn by one command, and its notebook runs from top to bottom."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "plugins" / "recbench_transformer"
NOTEBOOK = FOLDER / "lesson.ipynb"


@pytest.fixture
def data_dir(real: Callable[[str], Path]) -> Path:
    """Return the folder that contains ml-100k."""
    return real("ml-100k/u.data").parent.parent


def read_notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def outputs_of(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """Return the outputs of each code cell: "stream" or a MIME type, such as "image/png".

    Without what shows progress: stderr, and bars. What a cell prints is one "stream", in however
    many pieces the kernel sent it.
    """
    return [kinds_of(cell) for cell in notebook.cells if cell.cell_type == "code"]


def kinds_of(cell: nbformat.NotebookNode) -> list[str]:
    kinds: list[str] = []
    for output in cell.outputs:
        if output.get("name") == "stderr" or is_bar(output):
            continue
        if output.output_type != "stream":
            kinds += sorted(output.get("data", {output.output_type: ""}))
        elif kinds[-1:] != ["stream"]:
            kinds.append("stream")
    return kinds


def is_bar(output: nbformat.NotebookNode) -> bool:
    """Whether an output is a progress bar, perhaps one that has disappeared."""
    html = output.get("data", {}).get("text/html")
    return (
        output.output_type == "display_data"
        and html is not None
        and (not html or "<progress" in html)
    )


def test_one_command_draws_the_pictures(data_dir: Path, tmp_path: Path) -> None:
    script = ROOT / "benchmarks" / "lesson.py"
    outputs = ["-o", "drawn", "--numbers", "lesson.json"]
    command = [sys.executable, str(script), "--epochs", "1", *outputs]
    done = subprocess.run(
        [*command, "--data-dir", str(data_dir)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    committed = {path.name: path for path in (FOLDER / "pictures").iterdir()}
    drawn = {path.name: path for path in (tmp_path / "drawn").iterdir()}
    assert drawn.keys() == committed.keys()
    for name, path in drawn.items():
        assert path.stat().st_size < 100_000, name
    files = tmp_path / "lesson.json", script.with_suffix(".json")
    read = [json.loads(file.read_text()) for file in files]
    assert read[0].keys() == read[1].keys()
    for key in ("user", "held out", "films in the history"):
        assert read[0][key] == read[1][key]
    for key in ("popular", "rules"):
        assert read[0]["NDCG@10"][key] == read[1]["NDCG@10"][key]
    starts = [numbers["NDCG@10"]["network"][0] for numbers in read]
    assert starts[0] == pytest.approx(starts[1], abs=0.001), (
        "before training, the number of epochs must not matter"
    )


def test_the_notebook_runs_from_top_to_bottom(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECBENCH_DATA", str(data_dir))
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    work = tmp_path / "work"
    work.mkdir()
    notebook = read_notebook()
    committed = outputs_of(notebook)
    text_before = [printed(cell) for cell in notebook.cells]
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(work)}}
    )
    started = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - started
    assert outputs_of(notebook) == committed, (
        "run the notebook again and commit it with its outputs"
    )
    for before, cell in zip(text_before, notebook.cells, strict=True):
        assert shapes(printed(cell)) == shapes(before)
    assert list(work.iterdir()) == [], "the notebook must not write files"
    assert seconds < 120


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.get("outputs", []))


def shapes(text: str) -> list[str]:
    return re.findall(r"\([\d, ]+\)|True|False", text)


def test_the_notebook_is_committed_with_the_outputs_of_one_run() -> None:
    cells = [cell for cell in read_notebook().cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [kind for outputs in outputs_of(read_notebook()) for kind in outputs]
    assert "error" not in kinds
    assert kinds.count("image/png") >= 2
    assert NOTEBOOK.stat().st_size < 1_000_000
    text = NOTEBOOK.read_text()
    for place in ("/work", "/tmp", os.path.expanduser("~/")):
        assert place not in text


def test_the_notebook_has_the_steps_of_the_readme() -> None:
    heading = re.compile(r"^#{2,3} \d+\. (.*)$", re.MULTILINE)
    readme = heading.findall((FOLDER / "README.md").read_text())
    cells = [cell.source for cell in read_notebook().cells if cell.cell_type == "markdown"]
    assert heading.findall("\n".join(cells))[: len(readme)] == readme
