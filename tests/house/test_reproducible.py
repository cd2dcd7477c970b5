"""The same seed and data give the same table, for any number of threads and batch size."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recbench
from recbench import evaluate, load_dataset
from recbench_metrics.ranks import ndcg
from recbench_popular import Popular
from recbench_splitters.leave_last_out import LeaveLastOut
from recbench_transformer.model import Transformer

BOUND = 1e-4
"""How much a mean NDCG may change with the batch size, as stated in the README."""

DATA = "synthetic:users=150,items=80,interactions=3000"


def test_one_and_two_threads_agree(tmp_path: Path) -> None:
    trained = ["transformer:epochs=2,dim=16", "transformer:preset=notebook,epochs=1"]
    with_1, with_2 = (_table(["popular", "random", *trained], tmp_path, n) for n in ("1", "2"))
    assert with_1.keys() == with_2.keys()
    assert len(with_1) > 60
    for key, line in with_1.items():
        if key[0] in ("popular", "random"):
            assert line[:4] == with_2[key][:4], key  # p is that of a test against a trained model
        else:  # training adds in another order; the README allows a standard error
            value, stderr = map(float, line[:2])
            assert abs(value - float(with_2[key][0])) <= stderr, key


def _table(models: list[str], folder: Path, threads: str) -> dict[tuple[str, str, str], list[str]]:
    """Return model, metric and k -> value, stderr, low, high and p as they are printed."""
    env = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    command = [sys.executable, "-m", "recbench", "run", *models, "--dataset", DATA]
    options = ["--results", str(folder / threads), "--metrics", "all", "--format", "csv"]
    done = subprocess.run([*command, *options], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = csv.DictReader(done.stdout.splitlines())
    return {
        (line["model"], line["metric"], line["k"]): [
            line[name] for name in ("value", "stderr", "low", "high", "p")
        ]
        for line in lines
    }


@pytest.mark.parametrize("rows", [1, 7, 64, 10_000])
@pytest.mark.parametrize("kind", ["popular", "transformer"])
def test_batches_of_any_size_agree(kind: str, rows: int, fitted: dict[str, Any]) -> None:
    model, split, whole = fitted[kind]
    memory = rows * split.train.n_items * 10
    ranking = evaluate(model, split, mask_seen=True, memory=memory).ranking
    for k in (3, 5, 10):
        assert abs(ndcg(ranking, k).mean() - ndcg(whole, k).mean()) <= BOUND
    if kind == "popular":
        assert np.array_equal(ranking.above, whole.above)
        assert np.array_equal(ranking.lists, whole.lists)


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    split = LeaveLastOut().split(load_dataset(DATA).interactions)
    models = {
        "popular": Popular().fit(split.train),
        "transformer": Transformer(epochs=2, dim=16, device="cpu").fit(split.train),
    }
    return {
        name: (model, split, evaluate(model, split, mask_seen=True).ranking)
        for name, model in models.items()
    }


def test_a_rerun_has_the_same_values(tmp_path: Path) -> None:
    runs = [
        recbench.run(["popular", "random"], DATA, results=tmp_path / name, seed=(0, 1))
        for name in "ab"
    ]
    assert [result.values for result in runs[0]] == [result.values for result in runs[1]]
