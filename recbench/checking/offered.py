"""Outside the flow: the rules for everything that a plugin offers by name."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from dataclasses import dataclass

from recbench.checking.rule import NotApplicableError, NotRunError, Rule
from recbench.code.python_file import FILES
from recbench.code.raised import BrokenRuleError, require
from recbench.offers import EVENTS, Offer
from recbench.option_docs import factory_docs
from recbench.spec import needed, parameters

HEAVY = {
    *("dask", "distributed", "implicit", "jax", "lightgbm", "mlflow", "pandas", "polars", "ray"),
    *("sklearn", "tensorboard", "tensorflow", "torch", "wandb"),
}
"""Packages that no plugin may import when it is found, however fast the machine is."""

SLOW = 400.0
"""Milliseconds that the import of a plugin and its hooks may take."""

ATTEMPTS = 3
"""How often a slow import is measured; the machine may be busy with something else."""

PATIENCE = 60.0
"""Seconds after which an import is given up."""

FILLED = ("seed", "device", "data_dir", "path")
"""Options that recbench fills in: `path` for the dataset that reads files."""

BEGIN = "recbench begins"

CODE = f"""
import sys, time, json
sys.path[:] = json.loads(sys.argv[2])
import recbench
sys.stdout = sys.stderr
print({BEGIN!r}, file=sys.stderr, flush=True)
began, before = time.perf_counter(), set(sys.modules)
if sys.argv[1].endswith(".py"):
    from recbench.code.python_file import load_file
    module = load_file(sys.argv[1])
else:
    import importlib
    module = importlib.import_module(sys.argv[1])
for name in dir(module):
    if name.startswith("recbench_") and name not in {tuple(EVENTS)}:
        getattr(module, name)()
print(json.dumps([1000 * (time.perf_counter() - began), sorted(set(sys.modules) - before)]),
    file=sys.__stdout__)
"""
"""Imports a module, calls its hooks, and prints the milliseconds and what else was imported."""

LINE = re.compile(r"import time:\s*\d+ \|\s*(\d+) \|\s*(\S+)\s*$")
"""A line of `python -X importtime`."""


@dataclass(frozen=True)
class Discovery:
    """What finding a plugin costs: milliseconds, and those of each package that it imports."""

    total: float
    packages: dict[str, float]

    @property
    def slowest(self) -> str:
        """The package that takes longest; "" if it imports none."""
        return max(self.packages, key=lambda name: self.packages[name], default="")


def is_light(offer: Offer) -> str:
    """A plugin loads fast, and without heavy packages."""
    if not offer.home:
        raise NotApplicableError("its hook is in no module")
    place = str(FILES.get(offer.home, offer.home))
    if offer.home == "__main__":
        raise NotApplicableError("it was typed, and is in no module")
    found = discover(place)
    for _ in range(ATTEMPTS - 1):
        if found.total <= SLOW:
            break
        found = min(found, discover.__wrapped__(place), key=lambda each: each.total)
    heavy = sorted(HEAVY & found.packages.keys(), key=lambda name: -found.packages[name])
    worst = heavy[0] if heavy else found.slowest
    if heavy or (found.total > SLOW and found.packages.get(worst, 0) > SLOW / 2):
        raise BrokenRuleError(
            "the plugin must load fast",
            f"it imports {worst}, which takes {found.packages[worst]:.0f} ms; import it in the "
            "function or method that needs it",
        )
    require(
        found.total <= SLOW,
        "the plugin must load fast",
        f"its import and hooks take {found.total:.0f} ms; do the work in the function or method "
        "that needs it",
    )
    packages = ", ".join(f"{name} {spent:.0f} ms" for name, spent in found.packages.items())
    return f"{found.total:.0f} ms" + (f", of it {packages}" if packages else "")


@functools.cache
def discover(place: str) -> Discovery:
    """Import a module, or load a file, in a new interpreter, and call its hooks."""
    words = [sys.executable, "-X", "importtime", "-c", CODE, place, json.dumps(sys.path)]
    try:
        done = subprocess.run(  # noqa: S603  the interpreter that runs this
            words, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise BrokenRuleError(
            "the plugin must load fast", f"its import takes more than {PATIENCE:.0f} s"
        ) from None
    _, _, log = done.stderr.partition(f"{BEGIN}\n")
    try:
        total, modules = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or ["nothing was printed"])[-1]
        raise NotRunError(f"it cannot be imported in a new process: {last}") from None
    own = place.partition(".")[0]
    packages: dict[str, float] = {}
    for line in log.splitlines():
        found = LINE.match(line)
        name = found[2].partition(".")[0] if found else ""
        if found and name in modules and name != own and not _is_standard(name):
            packages[name] = max(packages.get(name, 0), int(found[1]) / 1000)
    return Discovery(float(total), {name: spent for name, spent in packages.items() if spent >= 1})


def _is_standard(package: str) -> bool:
    return package in sys.stdlib_module_names or package.startswith("recbench")


def has_words(offer: Offer) -> str:
    """Every option has a default and a description, and the factory a summary."""
    require(
        offer.summary.strip() not in ("", "Parameters"),
        "it needs a docstring, whose first line is the summary in listings",
    )
    own = parameters(offer.configured)[0] if offer.kind != "tables" else {}
    options = [option for option in factory_docs(offer.factory).options if option.name in own]
    for option in options:
        require(
            option.description,
            f"option {option.name} has no description; add it to the section Parameters of the "
            "docstring",
        )
    lacking = [name for name in needed(offer.configured) if name in own and name not in FILLED]
    require(not lacking, f"option {lacking[0] if lacking else ''} has no default")
    return ", ".join(f"{each.name}={each.default}" for each in options) or "no options"


RULES = (
    Rule("the plugin loads fast", is_light),
    Rule("options have defaults and descriptions", has_words),
)
"""What holds for everything that a plugin offers by name."""
