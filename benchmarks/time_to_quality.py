"""Time how long recbench and other libraries train until validation NDCG@10 reaches given levels.

    sh benchmarks/peers.sh
    python benchmarks/time_to_quality.py sasrec-ml-1m.txt --sides ours,rectools_sasrec \
        -o benchmarks/time_to_quality.md --curves curves.json

The first argument is a dataset: a name or a path, as in `recbench run --dataset`. The script first
removes each user's last item, which is the test target, and never uses it. The item before it is
the validation target. Each side is a script in benchmarks/peers/ and runs in its own process, one
after the other. A side that does not reach the highest level trains for `--limit` seconds, plus the
time for judging.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import recbench

HERE = Path(__file__).parent
OURS = "recbench"
SIDES = {
    OURS: ("ours", None, ("recbench-toolkit", "torch")),
    "RecTools SASRec": ("rectools_sasrec", "rectools", ("rectools", "pytorch-lightning", "torch")),
    "RecBole SASRec": ("recbole_sasrec", "recbole", ("recbole", "torch")),
    "the notebook's loop": ("notebook_loop", "rectools", ("torch",)),
}
"""Side -> its script, its environment (None: this one) and the packages to list."""


@dataclass
class Run:
    """One training: (seconds, NDCG@10) of each evaluation, its speed, and how it ended."""

    curve: list[tuple[float, float]] = field(default_factory=list)
    interactions_per_second: float = 0.0
    n_users: int = 0
    end: str = "interrupted"

    def seconds_to(self, level: float) -> float:
        """Return the seconds of training until the level was reached, inf if it was not."""
        return next((seconds for seconds, ndcg in self.curve if ndcg >= level), math.inf)

    @property
    def seconds(self) -> float:
        return self.curve[-1][0]

    @property
    def best(self) -> float:
        return max(ndcg for _, ndcg in self.curve)


def main() -> None:
    options = parse_arguments()
    runs: dict[str, list[Run]] = {}
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "validation.txt")
        about = write_problem(options.data, data)
        print(about, flush=True)
        try:
            for name in options.sides:
                train_side(name, data, options, runs.setdefault(name, []), versions)
        except KeyboardInterrupt:
            print("interrupted; the table has the results so far", flush=True)
    if options.curves:
        curves = {
            name: median_run(tried).curve for name, tried in runs.items() if with_curve(tried)
        }
        options.curves.write_text(json.dumps(curves) + "\n")
    # the table names data and peers without their folders, which differ between machines
    own_paths = (options.data, str(options.peers))
    command = [Path(word).name if word in own_paths else word for word in sys.argv]
    lines = [
        "# Time to quality",
        "",
        f"    python {shlex.join(command)}",
        "",
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}.",
        "",
        about,
        "",
        *table(runs, versions, options.levels),
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="dataset: a name or a path, as in `recbench run --dataset`")
    parser.add_argument(
        "--peers", type=Path, default=Path("peers"), help="folder that peers.sh made"
    )
    parser.add_argument(
        "--sides",
        type=parse_sides,
        default=list(SIDES),
        help="scripts in benchmarks/peers/ to run, separated by commas",
    )
    parser.add_argument(
        "--levels", type=parse_levels, default="0.15,0.17,0.18", help="levels of NDCG@10"
    )
    parser.add_argument(
        "--limit", type=float, default=3600, help="maximum seconds of training per run"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of recbench, one seed each")
    parser.add_argument("--peer-runs", type=int, default=1, help="runs of each other side")
    parser.add_argument("-o", "--output", type=Path, help="also write the table to this file")
    parser.add_argument("--curves", type=Path, help="write the learning curves to this JSON file")
    return parser.parse_args()


def parse_sides(text: str) -> list[str]:
    """Return the names of the sides with these scripts, which are separated by commas."""
    scripts = {script: name for name, (script, _, _) in SIDES.items()}
    for script in text.split(","):
        if script not in scripts:
            raise argparse.ArgumentTypeError(
                f"there is no script {script!r}; available: {', '.join(scripts)}"
            )
    return [scripts[script] for script in text.split(",")]


def parse_levels(text: str) -> list[float]:
    return sorted(float(level) for level in text.split(","))


def write_problem(data: str, path: Path) -> str:
    """Write one `user item` pair per line, with ids from 1, and return a description."""
    log = recbench.load_dataset(data)
    n_users = n_interactions = 0
    with path.open("w") as file:
        for user, items in enumerate(log.interactions.sequences(), 1):
            file.writelines(f"{user} {item + 1}\n" for item in items[:-1])
            n_users += len(items) > 1
            n_interactions += len(items[:-1])
    return (
        f"{log.name} without each user's last interaction, which is the test target: "
        f"{n_users:,} users and {n_interactions:,} interactions. Each user's last one of these is "
        "the validation target."
    )


def train_side(
    name: str, data: Path, options: argparse.Namespace, runs: list[Run], versions: dict[str, str]
) -> None:
    """Append each training of a side to `runs`, also one that is interrupted."""
    script, environment, packages = SIDES[name]
    python = sys.executable
    if environment:
        python = str(options.peers.absolute() / environment / "bin" / "python")
        if not os.access(python, os.X_OK):
            make = shlex.join(["sh", "benchmarks/peers.sh", str(options.peers)])
            print(f"{name}: {options.peers} has no folder {environment}; run `{make}`", flush=True)
            return
    versions[name] = package_versions(python, packages)
    for seed in range(options.peer_runs if environment else options.runs):
        run = Run()
        runs.append(run)
        levels = ",".join(str(level) for level in options.levels)
        command = [python, str(HERE / "peers" / f"{script}.py"), str(data)]
        command += ["--levels", levels, "--limit", str(options.limit), "--seed", str(seed)]
        for line in read_lines(command, run):
            print(f"{name}, run {seed + 1}: {json.dumps(line)}", flush=True)
            if "done" in line:
                run.end = line["done"]
            else:
                run.curve.append((line["seconds"], line["ndcg"]))
                run.interactions_per_second = line["interactions_per_second"]
                run.n_users = line.get("users", 0)
        if run.end not in ("reached", "limit"):
            print(f"{name}, run {seed + 1}: {run.end}", flush=True)
            return


def package_versions(python: str, packages: tuple[str, ...]) -> str:
    code = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    command = [python, "-c", code, *packages]
    printed = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    pairs = zip(packages, printed.stdout.split(), strict=True)
    return ", ".join(f"{package} {version}" for package, version in pairs)


def read_lines(command: list[str], run: Run) -> Iterator[dict[str, Any]]:
    """Yield the JSON lines of a side as they arrive; a failure is described in `run.end`."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)  # noqa: S603
        try:
            for line in process.stdout or ():
                yield json.loads(line)
            code = process.wait()
        finally:  # stop the training, also after Ctrl-C
            process.kill()
            process.wait()
        if code:
            errors.seek(0)
            last = [line for line in errors.read().splitlines() if line.strip()][-1:]
            run.end = f"failed with exit code {code}: {' '.join(last)}"


def with_curve(runs: list[Run]) -> list[Run]:
    return [run for run in runs if run.curve]


def median_run(runs: list[Run]) -> Run:
    """Return the run with the median time to the highest level that all runs reached."""
    judged = with_curve(runs)
    common = min(run.best for run in judged)
    return sorted(judged, key=lambda run: run.seconds_to(common))[(len(judged) - 1) // 2]


def median_seconds(runs: list[Run], level: float) -> float:
    """Return the median, or the higher of the two middle values, as these may be inf."""
    return statistics.median_high([run.seconds_to(level) for run in runs])


def table(runs: dict[str, list[Run]], versions: dict[str, str], levels: list[float]) -> list[str]:
    """Return a Markdown table with one row per side, and notes on the sides."""
    ours = with_curve(runs.get(OURS, []))
    reached = [level for level in levels if ours and median_seconds(ours, level) < math.inf]
    head = [f"seconds to {level:g}" for level in levels]
    ratio = f"relative to recbench, to {reached[-1]:g}" if reached else "relative to recbench"
    rows = [
        f"| side | {' | '.join(head)} | targets per second | {ratio} | runs |",
        f"|---|{'---:|' * (len(head) + 3)}",
    ]
    notes = []
    for name, tried in runs.items():
        judged = with_curve(tried)
        notes += [f"- {name}: {run.end}." for run in tried if run.end not in ("reached", "limit")]
        if not judged:
            notes.append(f"- {name}: no result.")
            continue
        cells = [seconds_cell(judged, level) for level in levels]
        speed = statistics.median(run.interactions_per_second for run in judged)
        times = ratio_cell(judged, ours, reached[-1]) if reached else ""
        rows.append(f"| {name} | {' | '.join(cells)} | {speed:,.0f} | {times} | {len(judged)} |")
        missed = [f"{level:g}" for level in levels if median_seconds(judged, level) == math.inf]
        if missed:
            words = f"did not reach {', '.join(missed)} in {judged[0].seconds:,.0f} s of training"
            notes.append(f"- {name} {words}; its best value was {median_best(judged):.4f}.")
        if versions.get(name):
            notes.append(f"- {name}: {versions[name]}.")
    counts = sorted({run.n_users for tried in runs.values() for run in tried if run.n_users})
    n_users = " or ".join(f"{count:,}" for count in counts)
    about = (
        "Seconds of training until NDCG@10 reached the level (full ranking, seen items masked, "
        f"{n_users} users), with the library's own preparation and without our evaluation. Each "
        "side is evaluated after every epoch and, in longer epochs, every minute. Medians over "
        "runs. A target in several overlapping windows counts once per window."
    )
    return [about, "", *rows, "", *notes]


def seconds_cell(runs: list[Run], level: float) -> str:
    seconds = median_seconds(runs, level)
    if seconds < math.inf:
        return f"{seconds:,.1f}"
    spent = statistics.median_high([run.seconds for run in runs])
    return f"not in {spent:,.0f} s; best {median_best(runs):.4f}"


def median_best(runs: list[Run]) -> float:
    return statistics.median(run.best for run in runs)


def ratio_cell(runs: list[Run], ours: list[Run], level: float) -> str:
    """Return the time as a multiple of recbench's; `> ` where the level was not reached."""
    seconds = median_seconds(runs, level)
    spent = statistics.median_low([run.seconds for run in runs])
    least = "" if seconds < math.inf else "> "
    return f"{least}{(spent if least else seconds) / median_seconds(ours, level):,.1f}"


if __name__ == "__main__":
    main()
