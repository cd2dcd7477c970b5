"""The options of the executor `dask`."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import recbench

pytest.importorskip("distributed", exc_type=ImportError)

from recbench_dask import dask


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 2, "address": "tcp://host:8786"}, "leave out one of the two"),
        ({"workers": 0}, "workers must be 1 or more, not 0"),
        ({"timeout": 0}, "timeout must be above 0, not 0"),
        ({"address": "tcp://host"}, "address must be like tcp://host:8786, not tcp://host"),
        ({"address": "host:port"}, "address must be like tcp://host:8786, not host:port"),
    ],
)
def test_wrong_options_are_refused(options, message) -> None:
    with pytest.raises(recbench.UsageError, match=f"dask: .*{message}"):
        dask(**options)


def test_without_dask_the_error_says_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setattr("recbench_dask.find_spec", lambda name: None)
    with pytest.raises(recbench.RecbenchError, match=r'pip install "recbench-toolkit\[dask\]"'):
        dask()


def test_it_is_offered_with_its_options() -> None:
    offer = recbench.load_plugins().find("executors", "dask")
    assert (
        offer.summary == "Run models with Dask, in processes here or on a cluster that is running."
    )


def test_a_script_without_a_main_guard_works_and_prints_nothing_else(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
            import os
            from recbench_dask import dask
            print("start")
            with dask(workers=1) as executor:
                future = executor.submit(os.getpid)
            print(future.done(), future.result() != os.getpid())
        """)
    )
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert (done.stdout, done.stderr) == ("start\nTrue True\n", "")
    assert os.listdir(tmp_path) == ["script.py"]
