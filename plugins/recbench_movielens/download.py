"""Step 1, dataset: the publisher's zip, downloaded, checked and unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import recbench

from .unpack import unpack

_SECONDS = (10, 30)
"""How long to wait for a connection, and for the next bytes: without a network, fail soon."""


@dataclass(frozen=True)
class Archive:
    """The publisher's zip: its address, its size in bytes and its checksum as `kind:hex`."""

    address: str
    size: int
    checksum: str = ""

    def fetch(self, members: Mapping[str, str], work: Path, into: Path) -> None:
        """Download into `work`, and unpack members into `into` under the names they map to."""
        file = work / self.address.rpartition("/")[2]
        self._download(file)
        self._check(file)
        unpack(file, members, into)

    def _download(self, file: Path) -> None:
        import pooch

        with recbench.Progress(file.stem, total=self.size, unit="byte") as progress:
            download = pooch.HTTPDownloader(
                progressbar=_Bytes(progress), chunk_size=2**16, timeout=_SECONDS
            )
            try:
                download(self.address, str(file), None)
            except OSError as error:
                raise _unreachable(error) from error

    def _check(self, file: Path) -> None:
        import pooch

        if not zipfile.is_zipfile(file):
            size = file.stat().st_size
            raise recbench.RecbenchError(
                f"{size:,} bytes came that are no zip: a web page, or a download cut off"
            )
        kind, _, wanted = self.checksum.partition(":")
        if wanted and pooch.file_hash(str(file), alg=kind) != wanted:
            raise recbench.RecbenchError(
                f"the zip's {kind} is not the published one, {wanted[:12]}..., so it is not used"
            )


class _Bytes:
    """What pooch wants of a progress bar, done by recbench's own."""

    def __init__(self, progress: recbench.Progress) -> None:
        self.progress, self.total, self.seen = progress, 0, 0

    def reset(self) -> None:
        self.seen = 0

    def update(self, n: int) -> None:
        """Go on by n bytes; pooch counts whole chunks, and then all again from 0."""
        self.seen += n
        new = min(self.seen, self.total or self.seen) - self.progress.done
        if new > 0:
            self.progress.step(new)

    def close(self) -> None:
        pass


def _unreachable(error: OSError) -> OSError | recbench.RecbenchError:
    """A failure of the network in few words; other failures, such as a full disk, as they are."""
    response = getattr(error, "response", None)
    if response is not None:
        return recbench.RecbenchError(f"the server answered {response.status_code}")
    if hasattr(error, "request"):  # every exception of requests has it
        kind = type(error).__name__
        if "Timeout" in kind or "timed out" in str(error):
            return recbench.RecbenchError("no answer in time")
        said = "the download was cut off" if "Chunked" in kind else "it cannot be reached"
        return recbench.RecbenchError(said)
    return error
