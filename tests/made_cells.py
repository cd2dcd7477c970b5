"""What tests of cells on real executors share: models in files, and what becomes of them there."""

from pathlib import Path
from typing import Any

import recbench
from recbench import Results, Store

DATA = "synthetic:users=40,items=30,interactions=500"

HOSTILE = Path(__file__).parent / "hostile" / "recbench_hostile.py"

WORST = {
    "eats-memory": "used more memory than the limit of 300 MB (--memory)",
    "score-hangs": "the time limit of 4 s (--timeout) ran out during score",
    "segfault": "its process was killed by SIGSEGV during fit",
    "kills-grandparent": "fit killed the process that monitors it",
    "leaves-daemon": "it left processes running",
}
"""The worst models of the hostile suite -> why they fail."""

KILLS = '''
"""Trains in three epochs. After the second, it kills the process that runs it, but only once."""

import os
import signal
import time
from pathlib import Path

import recbench
from recbench_popular import Popular


def parent(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("PPid:"))


class Kills(Popular):
    def __init__(self, file: str = ""):
        super().__init__()
        self.file = Path(file)

    def fit(self, train, checkpoint=None):
        begun = recbench.read_checkpoint(checkpoint)
        with self.file.open("a") as file:
            file.write(f"from {begun.decode() if begun else 0}\\n")
        with recbench.Progress("kills", 3, "epoch", int(begun or 0)) as progress:
            for epoch in range(int(begun or 0) + 1, 4):
                progress.step(values={"loss": 1 / epoch})
                recbench.write_checkpoint(checkpoint, str(epoch).encode())
                if epoch == 2 and not begun:
                    os.kill(parent(parent(parent(os.getpid()))), signal.SIGKILL)
                    time.sleep(1000)
        return super().fit(train)
'''


def values(results: Any) -> dict[str, Any]:
    """Return the values of each result by its label."""
    return {result.label: dict(result.values) for result in results}


def run_worst(executor: Any) -> Results:
    """Run the worst models of the hostile suite and a good one, with limits."""
    models = [f"{HOSTILE}:{name}" for name in WORST]
    return recbench.run(
        [*models, "popular"], DATA, executor=executor, timeout=4, memory=300, results="worst"
    )


def check_worst(results: Results) -> None:
    """Check that each is a failed row with its reason, and that the good one has a result."""
    found = {result.model: result.status for result in results}
    for name, reason in WORST.items():
        assert reason in found[name], found[name]
    assert found["popular"] == "ok"
    assert len(Store("worst").all()) == len(WORST) + 1


def run_killed(executor: Any, folder: Path, **more: Any) -> list[str]:
    """Run a model whose worker is killed in the middle; return from where each try has begun."""
    (folder / "kills.py").write_text(KILLS)
    tries = folder / "tries"
    models = [f"{folder / 'kills.py'}:Kills:file={tries}", "popular"]
    results = recbench.run(models, DATA, executor=executor, **{"results": "killed", **more})
    assert [result.ok for result in results] == [True, True], [each.status for each in results]
    assert [step for step, _, _ in results[0].curves["loss"]][-1] == 3
    return tries.read_text().splitlines()
