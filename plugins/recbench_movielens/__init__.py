"""Step 1, dataset: the MovieLens datasets, as published by GroupLens."""

from __future__ import annotations

from collections.abc import Mapping

import recbench

from .dataset import MovieLens
from .download import PackagedCopy, PublishedZip
from .layouts import CSV, DAT, INTER, UDATA

__all__ = ["MOVIELENS", "MovieLens", "recbench_datasets"]

_FOLDER = "https://files.grouplens.org/datasets/movielens"
_NO_REDISTRIBUTION = (
    "research use with citation; no redistribution, and no commercial use without permission"
)
_REDISTRIBUTION = (
    "research use with citation; redistribution under the same terms, and no commercial use "
    "without permission"
)

MOVIELENS = (
    MovieLens(
        "ml-100k",
        "MovieLens 100K: ratings from 1997 and 1998",
        (943, 1_682, 100_000),
        PublishedZip(
            UDATA,
            f"{_FOLDER}/ml-100k.zip",
            4_924_029,
            "sha256:50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
        ),
        _NO_REDISTRIBUTION,
        copy=PackagedCopy(INTER, "recbole==1.2.1", "recbole/dataset_example/ml-100k"),
    ),
    MovieLens(
        "ml-1m",
        "MovieLens 1M: ratings of users who joined in 2000",
        (6_040, 3_706, 1_000_209),
        PublishedZip(
            DAT,
            f"{_FOLDER}/ml-1m.zip",
            5_917_549,
            "sha256:a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
        ),
        _NO_REDISTRIBUTION,
    ),
    MovieLens(
        "ml-latest-small",
        "MovieLens latest, small: of September 2018; it may change, so publish no results on it",
        (610, 9_724, 100_836),
        PublishedZip(
            CSV,
            f"{_FOLDER}/ml-latest-small.zip",
            978_202,
            "sha256:696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
        ),
        _REDISTRIBUTION,
    ),
    MovieLens(
        "ml-20m",
        "MovieLens 20M: ratings from 1995 to 2015",
        (138_493, 26_744, 20_000_263),
        PublishedZip(
            CSV,
            f"{_FOLDER}/ml-20m.zip",
            198_702_078,
            "sha256:96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
        ),
        _REDISTRIBUTION,
    ),
    MovieLens(
        "ml-25m",
        "MovieLens 25M: ratings from 1995 to 2019",
        (162_541, 59_047, 25_000_095),
        PublishedZip(
            CSV,
            f"{_FOLDER}/ml-25m.zip",
            261_978_986,
            "sha256:8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa",
        ),
        _REDISTRIBUTION,
    ),
    MovieLens(
        "ml-32m",
        "MovieLens 32M: ratings from 1995 to 2023",
        (200_948, 84_432, 32_000_204),
        PublishedZip(
            CSV,
            f"{_FOLDER}/ml-32m.zip",
            238_950_008,
            "md5:d472be332d4daa821edc399621853b57",
        ),
        _REDISTRIBUTION,
    ),
)


@recbench.hookimpl
def recbench_datasets() -> Mapping[str, MovieLens]:
    return {dataset.name: dataset for dataset in MOVIELENS}
