"""Compute metrics of the same lists with recbench and with other libraries.

    sh benchmarks/peers.sh
    peers/rectools/bin/pip install --no-deps .
    peers/rectools/bin/python benchmarks/metrics.py -o benchmarks/metrics.md

The data are random. The script takes some seconds, and ends with an error if a value differs.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

import recbench
from recbench_metrics import recbench_metrics

PACKAGES = ("numpy", "scipy", "scikit-learn", "rectools", "ranx")
N_USERS, N_ITEMS, N_TARGETS, K = 60, 50, 2, 10
GENRES = ("Action", "Comedy", "Drama", "Horror", "Western")
CLOSE = 1e-9
NOTES = """\
- Serendipity: RecTools gives items of equal popularity the same rank without a gap after it (1, 2,
  2, 3), and recbench their mean rank (1, 2.5, 2.5, 4). Here, all items differ in popularity.
- Entropy: RecBole uses natural logarithms, and divides by the number of recommended items; its
  value is converted.
- APLT: the tail of RecBole are the items with at most so many interactions. The number is that of
  the most popular item of recbench's tail.
- AUC: GAUC of RecBole weights users by their number of targets, which is the same for all here.
- ILD: RecTools averages the distances, which are computed by scikit-learn and SciPy.
- No library has calibration, personalisation or popularity lift. The script computes them user by
  user, with `scipy.stats.entropy`, with the cosines of all pairs of lists of scikit-learn, and with
  means of numpy.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="also write the table to this file")
    parser.add_argument(
        "--peers", type=Path, default=Path("peers"), help="the folder that peers.sh made"
    )
    options = parser.parse_args()
    ranking, split = made()
    peers = {**theirs(ranking, split), **of_recbole(ranking, options.peers)}
    metrics, rows = recbench_metrics(), []
    for (name, arguments, peer), value in peers.items():
        ours = float(np.mean(metrics[name](ranking, K, **arguments)))
        if abs(ours - value) > CLOSE:
            raise SystemExit(f"{name} is {ours}, but that of {peer} is {value}")
        label = recbench.metric_label(name + _text(arguments), K)
        rows.append(f"| {label} | {ours:.9f} | {peer} | {value:.9f} | {abs(ours - value):.0e} |")
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines = [
        "# Metrics",
        "",
        f"    peers/rectools/bin/python {shlex.join(sys.argv)}",
        "",
        f"Python {platform.python_version()}, {versions}, recbole 1.2.1.",
        (
            f"{N_USERS} users with {N_TARGETS} targets each, {N_ITEMS} items, random scores; the "
            "mean over users."
        ),
        "",
        "| metric | recbench | library | its value | difference |",
        "|---|---:|---|---:|---:|",
        *sorted(rows),
        "",
        NOTES.rstrip(),
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def made(seed: int = 0) -> tuple[recbench.Ranking, recbench.Split]:
    """Return the ranking of random scores for random interactions, and the split.

    Item i has i + 1 training interactions, so that no two items are equally popular. No scores are
    tied.
    """
    random = np.random.default_rng(seed)
    users = np.concatenate([random.permutation(N_USERS)[: item + 1] for item in range(N_ITEMS)])
    items = np.repeat(np.arange(N_ITEMS), np.arange(N_ITEMS) + 1)
    log = recbench.Interactions.from_log(users, items, n_users=N_USERS, n_items=N_ITEMS)
    genres = [
        "|".join(sorted(random.permutation(GENRES)[: random.integers(1, 4)]))
        for _ in range(N_ITEMS)
    ]
    dataset = recbench.Dataset(
        "made",
        log,
        np.arange(N_USERS),
        np.arange(N_ITEMS),
        item_features={"genres": genres, "year": random.integers(1950, 2000, N_ITEMS)},
    )
    train = dataset.interactions
    targets = np.concatenate(
        [
            random.permutation(np.setdiff1d(np.arange(N_ITEMS), seen))[:N_TARGETS]
            for seen in train.sequences()
        ]
    )
    split = recbench.Split(train, train, targets, offsets=np.arange(N_USERS + 1) * N_TARGETS)
    model = Scores(random.permuted(np.tile(np.arange(N_ITEMS), (N_USERS, 1)), axis=1))
    return recbench.evaluate(model, split, mask_seen=True, depth=N_ITEMS).ranking, split


class Scores:
    """A model with ready-made scores."""

    def __init__(self, scores: Any) -> None:
        self.scores = scores

    def fit(self, _: recbench.Interactions) -> Scores:
        return self

    def score(self, history: recbench.Interactions) -> Any:
        return self.scores[history.users]


def theirs(
    ranking: recbench.Ranking, split: recbench.Split
) -> dict[tuple[str, Options, str], float]:
    """Return the values of RecTools, ranx, SciPy and scikit-learn: (metric, options, library)."""
    return {
        (name, Options(options), peer): float(np.mean(value))
        for part in (of_rectools, of_ranx, of_scipy)
        for name, options, peer, value in part(ranking, split)
    }


class Options(dict[str, Any]):
    """Keyword arguments that can be a key."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


Values = Iterator[tuple[str, dict[str, Any], str, Any]]


def of_rectools(ranking: recbench.Ranking, split: recbench.Split) -> Values:
    import pandas as pd
    from rectools import metrics
    from rectools.metrics.distances import PairwiseDistanceCalculator

    lists, targets = ranking.lists, ranking.targets.reshape(N_USERS, N_TARGETS)
    case, place = np.nonzero(lists[:, :K] >= 0)
    reco = pd.DataFrame({"user_id": case, "item_id": lists[case, place], "rank": place + 1})
    truth = pd.DataFrame(
        {"user_id": np.repeat(np.arange(N_USERS), N_TARGETS), "item_id": targets.ravel()}
    )
    before = pd.DataFrame(
        {
            "user_id": np.repeat(split.train.users, split.train.lengths),
            "item_id": split.train.items,
        }
    )

    class Given(PairwiseDistanceCalculator):
        def __init__(self, distances: Any) -> None:
            self.distances = distances

        def _get_distances_for_item_pairs(self, items_0: Any, items_1: Any) -> Any:
            return self.distances[np.asarray(items_0), np.asarray(items_1)]

    everything, peer = np.arange(N_ITEMS), "RecTools"
    yield "precision", {}, peer, metrics.Precision(K).calc(reco, truth)
    yield "f1", {}, peer, metrics.F1Beta(K).calc(reco, truth)
    yield "recall", {}, peer, metrics.Recall(K).calc(reco, truth)
    yield "popularity", {}, peer, metrics.AvgRecPopularity(K).calc(reco, before)
    yield "serendipity", {}, peer, metrics.Serendipity(K).calc(reco, truth, before, everything)
    for options, distances in distances_of(split):
        value = metrics.IntraListDiversity(K, Given(distances)).calc(reco)
        yield "ild", options, peer, value


def distances_of(split: recbench.Split) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield the options of ILD, with all distances of two items by SciPy and scikit-learn."""
    from scipy.spatial.distance import pdist, squareform
    from sklearn.metrics.pairwise import cosine_distances

    yield {}, cosine_distances(split.train.matrix().T.astype(np.float64))
    genres = np.array(
        [
            [genre in text.split("|") for genre in GENRES]
            for text in split.train.item_features["genres"]
        ]
    )
    yield {"by": "genres"}, squareform(pdist(genres, "jaccard"))
    years = split.train.item_features["year"].astype(np.float64)[:, None]
    yield {"by": "year"}, squareform(pdist(years, "cityblock")) / np.ptp(years)


def of_ranx(ranking: recbench.Ranking, _: recbench.Split) -> Values:
    from ranx import Qrels, Run, evaluate

    targets = ranking.targets.reshape(N_USERS, N_TARGETS)
    qrels = Qrels({f"u{u}": {f"i{i}": 1 for i in row} for u, row in enumerate(targets)})
    run = Run(
        {
            f"u{u}": {f"i{i}": float(-place) for place, i in enumerate(row) if i >= 0}
            for u, row in enumerate(ranking.lists)
        }
    )
    top = Run(
        {
            f"u{u}": {f"i{i}": float(-place) for place, i in enumerate(row[:K]) if i >= 0}
            for u, row in enumerate(ranking.lists)
        }
    )
    for name, ours, options, of_run in (
        (f"precision@{K}", "precision", {}, run),
        (f"f1@{K}", "f1", {}, run),
        ("r-precision", "r-precision", {}, run),
        ("rbp.80", "rbp", {}, top),
        ("rbp.95", "rbp", {"persistence": 0.95}, top),
        (f"ndcg@{K}", "ndcg", {}, run),
        (f"map@{K}", "map", {}, run),
    ):
        yield ours, options, "ranx", evaluate(qrels, of_run, name)


def of_scipy(ranking: recbench.Ranking, split: recbench.Split) -> Values:
    """Yield metrics that no library has as such, computed user by user."""
    from scipy.stats import entropy
    from sklearn.metrics import roc_auc_score
    from sklearn.metrics.pairwise import cosine_similarity

    top = ranking.lists[:, :K]
    histories = list(split.train.sequences())
    counts = split.train.popularity
    held = np.zeros((N_USERS, N_ITEMS))
    held[np.nonzero(top >= 0)[0], top[top >= 0]] = 1
    pairs = np.array(list(combinations(range(N_USERS), 2))).T
    overlaps = cosine_similarity(held)[pairs[0], pairs[1]]
    yield "personalisation", {}, "scikit-learn", 1 - overlaps.mean()
    yield "entropy", {}, "SciPy", entropy(held.sum(axis=0), base=2)
    lift = [
        counts[row[row >= 0]].mean() / counts[seen].mean() - 1
        for row, seen in zip(top, histories, strict=True)
    ]
    yield "popularity-lift", {}, "numpy", lift
    genres = np.array(
        [
            [genre in text.split("|") for genre in GENRES]
            for text in split.train.item_features["genres"]
        ],
        dtype=np.float64,
    )
    genres /= genres.sum(axis=1, keepdims=True)
    divergences = []
    for row, seen in zip(top, histories, strict=True):
        p, q = genres[seen].mean(axis=0), genres[row[row >= 0]].mean(axis=0)
        divergences.append(entropy(p, 0.99 * q + 0.01 * p, base=2))
    yield "calibration", {}, "SciPy", divergences
    areas = []
    for row, items in zip(ranking.lists, ranking.targets.reshape(N_USERS, -1), strict=True):
        ranked = row[row >= 0]
        areas.append(roc_auc_score(np.isin(ranked, items), -np.arange(len(ranked))))
    yield "auc", {}, "scikit-learn", areas


def of_recbole(ranking: recbench.Ranking, peers: Path) -> dict[tuple[str, Options, str], float]:
    """Return the values of RecBole, which needs an environment of its own."""
    counts = ranking.popularity
    in_tail = np.array([_in_tail(ranking, item) for item in range(N_ITEMS)])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "lists.npz")
        np.savez(
            file,
            lists=ranking.lists[:, :K],
            counts=counts,
            tail=counts[in_tail].max(),
            rank_sums=ranking.sum(ranking.above + 1),
            n_ranked=ranking.n_ranked,
            n_targets=ranking.n_targets,
        )
        script = Path(__file__).with_name("peers") / "recbole_metrics.py"
        command = [str(peers / "recbole" / "bin" / "python"), str(script), str(file)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    found = json.loads(done.stdout.splitlines()[-1])
    return {(name, Options(), "RecBole"): value for name, value in found.items()}


def _in_tail(ranking: recbench.Ranking, item: int) -> bool:
    """Whether recbench counts an item as one of the tail."""
    alone = recbench.Ranking([0], [1], lists=np.array([[item]]), popularity=ranking.popularity)
    aplt: Callable[..., Any] = recbench_metrics()["aplt"]
    return bool(aplt(alone, 1)[0])


def _text(arguments: dict[str, Any]) -> str:
    """Return options as they are typed behind a name."""
    return ":" * bool(arguments) + ",".join(f"{name}={value}" for name, value in arguments.items())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
