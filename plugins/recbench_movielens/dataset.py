"""Step 1, dataset: what is known of one MovieLens dataset, and how it is loaded."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import recbench

from .download import Download, PackagedCopy, PublishedZip
from .layouts import Layout
from .sources import find_files, is_here

CITATION = (
    "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. "
    "ACM Transactions on Interactive Intelligent Systems (TiiS) 5, 4, Article 19. "
    "https://doi.org/10.1145/2827872"
)


@dataclass(frozen=True)
class MovieLens:
    """A factory for `recbench_datasets`: calling it gives the dataset.

    name, summary: what users type, and the line they read about it.
    counts: users, rated items and ratings, as published.
    archive: the publisher's zip.
    copy: what is downloaded in its place where the publisher cannot be reached.
    changes: the publisher renews it in place, so the counts are only about right.
    """

    name: str
    summary: str
    counts: tuple[int, int, int]
    archive: PublishedZip
    licence: str
    citation: str = CITATION
    copy: PackagedCopy | None = None
    changes: bool = False

    def __post_init__(self) -> None:
        # `recbench datasets` shows a factory's docstring: an instance needs its own.
        object.__setattr__(self, "__doc__", self.summary)

    def __call__(self, data_dir: str | None = None) -> recbench.Dataset:
        """Load it, from the first source that has it.

        data_dir: a folder with one folder a dataset and the publisher's files in it.
        """
        files = find_files(self.name, self.downloads, data_dir)
        dataset, notes = files.layout.read(files.folder)
        return dataclasses.replace(
            dataset,
            name=self.name,
            source=files.origin,
            licence=self.licence,
            citation=self.citation,
            notes=(*dataset.notes, *notes, *self._differences(dataset, files.layout)),
        )

    @property
    def downloads(self) -> tuple[Download, ...]:
        """What can be downloaded, in the order in which it is tried."""
        return (self.archive,) if self.copy is None else (self.archive, self.copy)

    @property
    def size(self) -> str:
        """The counts and the size of the download, for people."""
        about = "about " if self.changes else ""
        users, items, ratings = self.counts
        megabytes = max(1, round(self.archive.size / 1e6))
        return f"{about}{users:,} users, {items:,} items, {ratings:,} ratings, {megabytes} MB"

    def is_here(self, data_dir: str | None = None) -> bool:
        """Can it be loaded without a download?"""
        return is_here(self.name, self.downloads, data_dir)

    def _differences(self, dataset: recbench.Dataset, layout: Layout) -> tuple[str, ...]:
        """Notes on how a file that somebody put there differs from the published one."""
        ratings, published = dataset.interactions.n_interactions, self.counts[2]
        if layout.sha256 and dataset.sha256 != layout.sha256:
            return (f"{layout.ratings} differs from the published file and is used as it is.",)
        if not self.changes and ratings != published:
            counts = f"{ratings:,} ratings where the published file has {published:,}"
            return (f"{layout.ratings} holds {counts}, and is used as it is.",)
        return ()
