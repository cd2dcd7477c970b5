"""Step 1, dataset: the facts about a MovieLens dataset, and how to load it."""

from __future__ import annotations

import dataclasses
import textwrap
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


DOCSTRING = """{summary}.

Ratings with times; each film's title, genres and year{people}.
They are read from the first of these sources that has them: the folder given by `--data-dir` or
RECBENCH_DATA, the cache, the publisher{copy}.

Parameters
----------
data_dir : str, default: RECBENCH_DATA, if set
    Folder holding one sub-folder per dataset, with the publisher's files, such as {file}. The
    default is the folder in the environment variable RECBENCH_DATA, if that is set.

Returns
-------
recbench.Dataset

References
----------
{citation}

Examples
--------
>>> import recbench
>>> recbench.load_dataset("{name}")  # doctest: +SKIP
Dataset('{name}', Interactions({users} sequences, {ratings} interactions, {users} users, ...
"""


@dataclass(frozen=True)
class MovieLens:
    """A factory for `recbench_datasets`: calling it loads the dataset.

    name, summary: the name that users type, and the line that describes it.
    counts: users, rated items and ratings, as published.
    archive: the publisher's zip.
    copy: a package to download instead if the publisher cannot be reached.
    """

    name: str
    summary: str
    counts: tuple[int, int, int]
    archive: PublishedZip
    licence: str
    citation: str = CITATION
    copy: PackagedCopy | None = None

    def __post_init__(self) -> None:
        # `recbench datasets NAME` shows the docstring of a factory, so each instance needs its own.
        copy = ", pip's package index" if self.copy else ""
        text = DOCSTRING.format(
            summary=self.summary,
            copy=copy,
            people=", and each user's age, gender and occupation"
            * bool(self.archive.layout.people),
            file=f"{self.name}/{self.archive.layout.ratings}",
            citation=textwrap.fill(self.citation, 96),
            name=self.name,
            users=self.counts[0],
            ratings=self.counts[2],
        )
        object.__setattr__(self, "__doc__", text)

    def __call__(self, data_dir: str | None = None) -> recbench.Dataset:
        """Load the dataset from the first source that has it.

        data_dir: folder holding one sub-folder per dataset, with the publisher's files.
        """
        files = find_files(self.name, self.downloads, data_dir)
        dataset, notes = files.layout.read(files.folder)
        return dataclasses.replace(
            dataset,
            name=self.name,
            source=files.origin,
            licence=self.licence,
            citation=self.citation,
            notes=(*self._differences(dataset, files.layout), *notes, *dataset.notes),
        )

    @property
    def downloads(self) -> tuple[Download, ...]:
        """The possible downloads, in the order in which they are tried."""
        return (self.archive,) if self.copy is None else (self.archive, self.copy)

    @property
    def size(self) -> str:
        """The counts and the size of the download, as text."""
        users, items, ratings = self.counts
        megabytes = max(1, round(self.archive.size / 1e6))
        return f"{users:,} users, {items:,} items, {ratings:,} ratings, {megabytes} MB"

    def is_here(self, data_dir: str | None = None) -> bool:
        """Whether it can be loaded without a download."""
        return is_here(self.name, self.downloads, data_dir)

    def _differences(self, dataset: recbench.Dataset, layout: Layout) -> tuple[str, ...]:
        """Notes on differences between a file of the user and the published one."""
        ratings, published = dataset.interactions.n_interactions, self.counts[2]
        if layout.sha256 and dataset.sha256 != layout.sha256:
            return (
                f"The file {layout.ratings} differs from the published one and is used as it is",
            )
        if ratings != published:
            counts = f"{ratings:,} ratings instead of the published {published:,}"
            return (f"The file {layout.ratings} has {counts} and is used as it is",)
        return ()
