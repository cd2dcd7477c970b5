"""Where jobs run: on a SLURM cluster, or on this machine. submitit starts them."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import submitit
import submitit.slurm.slurm

import recbench

from .call import Call

logging.getLogger("submitit").setLevel(logging.CRITICAL + 1)  # what matters becomes an exception


class _Cluster:
    """The folder of a run, with the files of its jobs."""

    at_once = math.inf  # how many jobs may have been submitted and not ended
    gather = 0.0  # seconds in which jobs are collected and then submitted together
    poll = 0.1  # seconds between two looks at the jobs

    def __init__(self, folder: str, minutes: float) -> None:
        parent = Path(folder).expanduser().absolute()
        self._minutes, self._is_new, self._keep = minutes, not parent.exists(), False
        parent.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=parent))
        self._executor: Any = None

    def submit(self, calls: Sequence[Call]) -> Sequence[Any]:
        """Return the jobs that run these calls; on SLURM, several are an array."""
        jobs: Sequence[Any] = self._executor.submit_array(calls)
        return jobs

    def has_ended(self, job: Any) -> bool:
        """Return whether a job has a result, or will not have one."""
        return bool(job.done())

    def result(self, job: Any) -> Any:
        """Return what a call returned in a job that has ended."""
        if not job.paths.result_pickle.exists():  # submitit would wait for it
            raise FileNotFoundError(job.paths.result_pickle)
        return job.result()

    def why_failed(self, job: Any) -> str:
        """Return one line on why a job ended without a result. Its files are kept."""
        self._keep = True
        lines = (job.stderr() or "").strip().splitlines()
        last = f" ({lines[-1].strip()})" if lines else ""
        return f"job {job.job_id} {self._how_ended(job)}{last}; its files are in {self._folder}"

    def remove(self, job: Any) -> None:
        """Remove the files of a job."""
        for file in self._folder.glob(f"{job.job_id}_*"):
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder, unless it has files of jobs that failed."""
        if not self._keep:
            shutil.rmtree(self._folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # others are in it
                if self._is_new:
                    self._folder.parent.rmdir()

    def _how_ended(self, job: Any) -> str:
        raise NotImplementedError


class Slurm(_Cluster):
    """A SLURM cluster."""

    gather, poll = 0.5, 1.0

    def __init__(
        self,
        folder: str,
        minutes: float,
        gpus: int,
        cpus: int,
        at_once: int | None,
        memory: float | None,
        partition: str | None,
        account: str | None,
        qos: str | None,
    ) -> None:
        super().__init__(folder, minutes)
        self._executor = submitit.SlurmExecutor(
            self._folder, python=_python(recbench.job_environment(1, cpus))
        )
        given = {
            "job_name": "recbench",
            "time": math.ceil(minutes),
            "gpus_per_node": gpus or None,
            "cpus_per_task": cpus,
            "srun_args": [f"--cpus-per-task={cpus}"],  # srun does not take it from the job
            "array_parallelism": at_once,
            "mem": memory and f"{math.ceil(memory * 1024)}MB",
            "partition": partition,
            "account": account,
            "qos": qos,
        }
        self._executor.update_parameters(**{k: v for k, v in given.items() if v is not None})
        # the states of jobs; submitit itself would ask every ten minutes
        watcher = submitit.slurm.slurm.SlurmInfoWatcher(delay_s=30)
        submitit.slurm.slurm.SlurmJob.watcher = watcher
        self._completed: dict[str, float] = {}

    def has_ended(self, job: Any) -> bool:
        """Return whether a job has a result, or will not have one."""
        if not job.done() or job.paths.result_pickle.exists():
            return bool(job.done())
        if self._state(job) != "COMPLETED":
            return True
        # the shared file system may show the result later
        since = self._completed.setdefault(job.job_id, time.monotonic())
        return time.monotonic() - since > 15

    def cancel(self, jobs: Sequence[Any]) -> None:
        """Cancel jobs."""
        command = ["scancel", *(job.job_id for job in jobs)]
        subprocess.run(command, capture_output=True, check=False)  # noqa: S603

    def _state(self, job: Any) -> str:
        return str(job.watcher.get_state(job.job_id, mode="cache"))

    def _how_ended(self, job: Any) -> str:
        state = self._state(job)
        if state == "TIMEOUT":
            return f"passed its {math.ceil(self._minutes)} minutes"
        return f"ended with the state {state} and without a result"


class Local(_Cluster):
    """Processes of this machine."""

    def __init__(self, folder: str, minutes: float, gpus: int, cpus: int, at_once: int) -> None:
        super().__init__(folder, minutes)
        self.at_once = at_once
        variables = recbench.job_environment(at_once, cpus)
        self._executor = submitit.LocalExecutor(self._folder, python=_python(variables))
        self._executor.update_parameters(timeout_min=minutes, gpus_per_node=gpus, signal_delay_s=0)
        self._started: dict[str, float] = {}

    def submit(self, calls: Sequence[Call]) -> Sequence[Any]:
        """Return the jobs that run these calls."""
        # jobs would get Ctrl-C too, and end with a traceback; the mask is for this thread
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        jobs = super().submit([dataclasses.replace(call, owner=os.getpid()) for call in calls])
        self._started |= {job.job_id: time.monotonic() for job in jobs}
        return jobs

    def cancel(self, jobs: Sequence[Any]) -> None:
        """Kill jobs, and wait until their processes are gone."""
        ids = {job.job_id for job in jobs}
        processes = [process for process in psutil.process_iter() if self._job_of(process) in ids]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        deadline = time.monotonic() + 10
        while not all(map(_has_ended, processes)) and time.monotonic() < deadline:
            time.sleep(0.01)
        for job in jobs:
            job.done()  # takes note of the end, so that no zombie is left

    def why_failed(self, job: Any) -> str:
        """Return one line on why a job ended without a result. Its files are kept."""
        self.cancel([job])  # what it started may still run
        return super().why_failed(job)

    def _job_of(self, process: psutil.Process) -> str | None:
        """Return the id of the job that a process belongs to."""
        with contextlib.suppress(psutil.Error):
            variables = process.environ()
            if str(self._folder) in variables.get("SUBMITIT_LOCAL_COMMAND", ""):
                return variables.get("SUBMITIT_LOCAL_JOB_ID", str(process.pid))
        return None

    def _how_ended(self, job: Any) -> str:
        if time.monotonic() - self._started[job.job_id] >= 60 * self._minutes:
            return f"passed its {self._minutes:g} minutes"
        return "was killed"


def _has_ended(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return True


def _python(variables: Mapping[str, str]) -> str:
    """Return the command that starts Python in a job, where the same modules can be imported."""
    variables = {
        **variables,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONSAFEPATH": "1",  # a file of the current folder must not stand in for a module
    }
    return shlex.join(
        ["env", *(f"{name}={value}" for name, value in variables.items()), sys.executable]
    )
