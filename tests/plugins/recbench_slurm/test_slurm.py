"""The options of the executor `slurm`."""

import os

import pytest

import recbench

pytest.importorskip("submitit", exc_type=ImportError)

from recbench_slurm import slurm


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gpus": -1}, "gpus must be 0 or more, not -1"),
        ({"cpus": 0}, "cpus must be 1 or more, not 0"),
        ({"memory": 0}, "memory must be above 0, not 0"),
        ({"minutes": 0}, "minutes must be above 0, not 0"),
        ({"cluster": "pbs"}, "cluster must be slurm or local, not pbs"),
        ({"at_once": 0}, "at_once must be 1 or more, not 0"),
        ({"folder": "%j"}, "folder must be a path without %, not %j"),
        ({"cluster": "local", "partition": "gpu"}, "partition=gpu needs a SLURM cluster"),
    ],
)
def test_wrong_options_are_refused(options, message) -> None:
    with pytest.raises(recbench.UsageError, match=f"slurm: {message}"):
        slurm(**options)


def test_without_submitit_the_error_says_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setattr("recbench_slurm.find_spec", lambda name: None)
    with pytest.raises(recbench.RecbenchError, match=r'pip install "recbench-toolkit\[slurm\]"'):
        slurm(cluster="local")


def test_without_slurm_the_error_names_the_other_way(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(recbench.RecbenchError, match=r"no `sbatch` on this .*slurm:cluster=local"):
        slurm()
    assert os.listdir(tmp_path) == []


def test_it_is_offered_with_its_options() -> None:
    offer = recbench.load_plugins().find("executors", "slurm")
    assert (
        offer.summary == "Run models as jobs of a SLURM cluster, or as processes of this machine."
    )
