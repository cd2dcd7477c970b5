"""The commands of SLURM that submitit calls, in small: jobs are processes of this machine.

Installed under their names in a folder of PATH. The folder FAKE_SLURM has a file with the state of
each job, and a log of all commands.
"""

import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

SECONDS_PER_MINUTE = float(os.environ.get("FAKE_MINUTE", "60"))
COMMANDS = ("sbatch", "srun", "sacct", "scancel")


def install(folder: Path, state: Path) -> None:
    """Write the commands into a folder."""
    folder.mkdir()
    state.mkdir()
    for name in COMMANDS:
        script = (
            f'#!/bin/sh\nexport FAKE_SLURM={state}\nexec {sys.executable} {__file__} {name} "$@"\n'
        )
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)


def sbatch(state: Path, script: str) -> None:
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", Path(script).read_text(), re.MULTILINE))
    if options.get("partition") == "missing":
        sys.exit("sbatch: error: invalid partition specified: missing")
    number = str(100 + len([*state.glob("*.script")]))
    (state / f"{number}.script").write_text(Path(script).read_text())
    last = re.match(r"'?0-(\d+)", options.get("array", ""))
    for job in [f"{number}_{task}" for task in range(int(last[1]) + 1)] if last else [number]:
        (state / f"{job}.state").write_text("PENDING")
        subprocess.Popen(
            [sys.executable, __file__, "job", job, script, options["time"]],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    print(f"Submitted batch job {number}")


def job(state: Path, name: str, script: str, minutes: str) -> None:
    """Run a job, and write its state."""
    array, _, task = name.partition("_")
    ids = {"SLURM_ARRAY_JOB_ID": array, "SLURM_ARRAY_TASK_ID": task} if task else {}
    process = subprocess.Popen(["bash", script], env={**os.environ, "SLURM_JOB_ID": array, **ids})
    write = (state / f"{name}.state").write_text
    write(f"RUNNING {os.getpgid(0)}")
    signal.signal(signal.SIGTERM, lambda *_: (write("CANCELLED by 0"), os._exit(1)))
    try:
        code = process.wait(timeout=int(minutes) * SECONDS_PER_MINUTE)
    except subprocess.TimeoutExpired:
        write("TIMEOUT")
        os.killpg(0, signal.SIGKILL)
    write("FAILED" if code else "COMPLETED")


def srun(state: Path, *arguments: str) -> None:
    streams = dict(itertools.pairwise(arguments))
    name = "_".join(os.environ.get(f"SLURM_ARRAY_{part}_ID", "") for part in ("JOB", "TASK"))
    name = name if name != "_" else os.environ["SLURM_JOB_ID"]
    for number, option in ((1, "--output"), (2, "--error")):
        path = re.sub("%j|%A_%a", name, streams[option]).replace("%t", "0")
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
    command = arguments[arguments.index("env") :]
    os.execvp(command[0], command)


def sacct(state: Path, *arguments: str) -> None:
    print("JobID|State|NodeList")
    for file in state.glob("*.state"):
        known = file.read_text()
        print(f"{file.stem}|{known if known.startswith('CANC') else known.split()[0]}|here")


def scancel(state: Path, *jobs: str) -> None:
    for name in jobs:
        words = (state / f"{name}.state").read_text().split()
        if words[0] == "RUNNING":
            os.killpg(int(words[1]), signal.SIGTERM)


if __name__ == "__main__":
    folder = Path(os.environ["FAKE_SLURM"])
    command, *rest = sys.argv[1:]
    with (folder / "log").open("a") as log:
        log.write(f"{command} {shlex.join(rest)} {time.time()}\n")
    globals()[command](folder, *rest)
