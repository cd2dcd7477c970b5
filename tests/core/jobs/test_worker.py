"""The process that runs cells for another one: what it refuses, returns and stores."""

import logging
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_jobs import FIXED

import recbench
from recbench import Store, load_plugins
from recbench.cell import Task
from recbench.experiment import Experiment
from recbench.isolation.runner import AVAILABLE
from recbench.jobs.order import Loading, Order, Storing
from recbench.jobs.worker import WORKER, work, write_files
from recbench.store.format import unpacked


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    WORKER.close()
    WORKER.inherit([])


def _order(model: str = "popular", data: str = FIXED, **storing: Any) -> dict[str, Any]:
    experiment = Experiment.prepare(load_plugins(), data, "leave-last-out")
    task = Task(experiment, experiment.cell(model, 0))
    loaded = {experiment.setting.comparison_key: (None, data)}
    loading = Loading.of(experiment.plugins, loaded, None, ["ndcg"])
    given: dict[str, Any] = {
        "timeout": None,
        "memory": None,
        "force": False,
        "results": None,
        "is_shared": False,
        "token": "",
        **storing,
    }
    return loading.order(task, Storing(ks=(3, 10), **given), logging.INFO).plain()


def test_the_result_is_the_one_of_a_run_here() -> None:
    answer = work(_order())
    assert answer["worker"] == f"{socket.gethostname()}, process {os.getpid()}"
    assert (answer["stored"], answer["model"], answer["messages"]) == (False, {}, [])
    result, columns = unpacked(answer["result"], answer["cases"])
    (here,) = recbench.run("popular", FIXED, ks=(3, 10), results=None)
    assert result.key == here.key
    assert result.values == here.values
    assert len(np.asarray(columns["user"])) == result.setting.n_cases


def test_the_model_is_returned_and_nothing_is_left() -> None:
    results = Path("results").absolute()
    answer = work(_order("rules", results=str(results)))
    store, result = Store("own"), unpacked(answer["result"], answer["cases"])[0]
    folder = store.write_model(result, lambda place: write_files(answer["model"], place))
    assert store.find_model(result, recbench.load_dataset(FIXED).metadata) == folder
    with pytest.raises(ValueError, match="is not a path in the folder of the model"):
        write_files({"../outside": b""}, folder)
    assert not Path("own/outside").exists()
    damaged = {name: data + b" " for name, data in answer["model"].items() if "." not in name[:1]}
    store.write_model(result, lambda place: write_files({**answer["model"], **damaged}, place))
    assert store.find_model(result, recbench.load_dataset(FIXED).metadata) is None
    assert not results.exists()
    kept = [path for path in Path("cache").rglob("*") if path.is_file() and path.name != ".lock"]
    assert kept == []


def test_a_shared_folder_gets_the_result_and_the_model() -> None:
    results = Path("results").absolute()
    results.mkdir()
    (results / "token").touch()
    answer = work(_order("rules", results=str(results), is_shared=True, token="token"))
    assert (answer["stored"], answer["model"]) == (True, {})
    (stored,) = Store(results).all()
    assert stored.key == unpacked(answer["result"], answer["cases"])[0].key
    assert Store(results).model_folder(stored).is_dir()


def test_a_folder_that_is_not_shared_is_refused() -> None:
    order = _order(results=str(Path("results").absolute()), is_shared=True, token="token")
    refused = work(order)["refused"]
    assert "is another one than here; name a folder with --results that all machines" in refused


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recbench": "0.0.1+0ld"}, r"recbench is 0.1.0\+\w{8} there, and 0.0.1\+0ld here"),
        ({"metric_versions": {"ndcg": "9+x"}}, r"metric ndcg is 0.1.0\+\w{8} there, and 9\+x here"),
        ({"metric_versions": {"mine": "1+x"}}, r"metric mine is missing there, and 1\+x here"),
        (
            {"dataset": "nothing.csv", "split": "random"},
            "there is no dataset or file 'nothing.csv'",
        ),
        ({"model": "nothing.py"}, "there is no file 'nothing.py'"),
        ({"log_level": None}, "log_level is None"),
    ],
)
def test_what_differs_is_refused(change: dict[str, Any], words: str) -> None:
    assert re.search(words, work({**_order(), **change})["refused"])


def test_another_version_of_the_plugin_is_refused_with_both() -> None:
    order = _order()
    mine = order["cell"]["model_version"]
    order["cell"]["model_version"] = "0.0.9+00000000"
    refused = work(order)["refused"]
    assert f"plugin popular is {mine} there, and 0.0.9+00000000 here; install the same" in refused


def test_data_that_differ_are_refused_by_their_hash(tiny: str) -> None:
    order = _order(data=tiny)
    path = Path(tiny)
    path.write_text(path.read_text().replace("u0,i0,0,", "u0,i6,0,"))
    refused = work(order)["refused"]
    there = recbench.load_dataset(tiny).fingerprint()
    here = order["cell"]["setting"]["dataset_sha256"]
    assert f"its sha256 is {there[:12]}... there, and {here[:12]}... here; use the same" in refused


def test_a_model_that_fails_is_a_result() -> None:
    answer = work(_order("als:factors=1", timeout=0.001) if AVAILABLE else _order())
    result, _ = unpacked(answer["result"], answer["cases"])
    assert result.ok is not AVAILABLE


def test_warnings_are_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    log = logging.getLogger("recbench")
    run = WORKER.run

    def warn(order: Order) -> dict[str, Any]:
        log.warning("mind the %s", "gap")
        return run(order)

    monkeypatch.setattr(WORKER, "run", warn)
    before = list(log.handlers)
    assert work(_order())["messages"] == [(logging.WARNING, "mind the gap")]
    assert log.handlers == before


def test_the_dataset_and_the_host_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    order = _order("rules")
    work(order)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("it was loaded or started again")

    monkeypatch.setattr("recbench.jobs.worker.find_dataset", refuse)
    monkeypatch.setattr("recbench.jobs.worker.model_host", refuse)
    assert "result" in work(order)
