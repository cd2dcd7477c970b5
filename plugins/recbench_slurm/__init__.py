"""The executor `slurm`: models as jobs of a SLURM cluster, or of this machine, by submitit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from importlib.util import find_spec

import recbench

__all__ = ["slurm"]

COMMANDS = ("sbatch", "srun", "sacct", "scancel")
"""The commands of SLURM that are used."""


@recbench.hookimpl
def recbench_executors() -> Mapping[str, Callable[..., Executor]]:
    return {"slurm": slurm}


def slurm(
    partition: str | None = None,
    gpus: int = 0,
    cpus: int = 1,
    memory: float | None = None,
    minutes: float = 60,
    account: str | None = None,
    qos: str | None = None,
    cluster: str = "slurm",
    at_once: int | None = None,
    folder: str = "recbench-slurm",
) -> Executor:
    """Run models as jobs of a SLURM cluster, or as processes of this machine.

    Parameters
    ----------
    partition : str, default: that of the cluster
        Partition of the cluster.
    gpus : int, default: 0
        Number of GPUs of each job. With cluster=local, all jobs share the first ones.
    cpus : int, default: 1
        Number of cores of each job.
    memory : float, default: that of the cluster
        Memory of each job, in GB.
    minutes : float, default: 60
        Time limit of each job. It includes loading the data.
    account : str, default: that of the user
        Account that is charged.
    qos : str, default: that of the user
        Quality of service.
    cluster : str, default: "slurm"
        Where jobs run: "slurm", or "local" for this machine.
    at_once : int, default: 256, or as many as there are cores for with cluster=local
        How many jobs run at the same time at most. On SLURM, this holds for each job array: for the
        jobs that are submitted together.
    folder : str, default: "recbench-slurm"
        Folder for the files of jobs, on a file system that all nodes share. The files of jobs that
        ended well are removed.

    Returns
    -------
    concurrent.futures.Executor
        Runs functions as jobs. Its `shutdown` cancels jobs that have not ended.

    Raises
    ------
    recbench.UsageError
        If an option has a wrong value.
    recbench.RecbenchError
        If submitit is not installed, or there is no SLURM on this machine.

    Notes
    -----
    To install submitit: `pip install "recbench-toolkit[slurm]"`. The nodes need the same Python
    environment, in the same place. The states of jobs come from `sacct`, so the cluster needs
    accounting.
    """
    is_local = cluster == "local"
    recbench.check_options(
        "slurm",
        ("gpus", gpus, gpus >= 0, "0 or more"),
        ("cpus", cpus, cpus >= 1, "1 or more"),
        ("memory", memory, memory is None or 0 < memory < float("inf"), "above 0"),
        ("minutes", minutes, 0 < minutes < float("inf"), "above 0"),
        ("cluster", cluster, cluster in ("slurm", "local"), "slurm or local"),
        ("at_once", at_once, at_once is None or at_once >= 1, "1 or more"),
        ("folder", folder, bool(folder) and "%" not in folder, "a path without %"),
    )
    requested = {"partition": partition, "account": account, "qos": qos, "memory": memory}
    for option, value in requested.items():
        if is_local and value is not None:
            raise recbench.UsageError(
                f"slurm: {option}={value} needs a SLURM cluster; leave it out with cluster=local"
            )
    if find_spec("submitit") is None:
        raise recbench.RecbenchError(
            "slurm needs the library submitit, which is not installed; run "
            'pip install "recbench-toolkit[slurm]"'
        )
    for command in () if is_local else COMMANDS:
        if shutil.which(command) is None:
            raise recbench.RecbenchError(
                f"slurm: there is no `{command}` on this machine; run recbench on a login node of "
                "the cluster, or use slurm:cluster=local"
            )
    from .clusters import Local, Slurm
    from .executor import JobExecutor

    if is_local:
        at_once = at_once or max(1, recbench.usable_cores() // cpus)
        return JobExecutor(Local(folder, minutes, gpus, cpus, at_once))
    return JobExecutor(Slurm(folder, minutes, gpus, cpus, at_once, memory, partition, account, qos))
