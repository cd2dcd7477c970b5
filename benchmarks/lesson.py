"""Fit a transformer on MovieLens 100K and draw the pictures of its README from that fit.

python benchmarks/lesson.py

The pictures go to plugins/recbench_transformer/pictures, and the numbers that its README quotes to
lesson.json beside this script. Training runs on one thread, so on one machine a second run draws
the same pictures.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lesson_pictures as pictures
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

import recbench
from recbench_metrics.ranks import ndcg
from recbench_popular import Popular
from recbench_rules import Rules
from recbench_rules.combination import Weights
from recbench_rules.counts import count_followers
from recbench_transformer import Transformer
from recbench_transformer.network import Causal, apply_rotary, causal_mask, rotary_positions
from recbench_transformer.presets import size_to_data
from recbench_transformer.validation import hold_out
from recbench_transformer.warm_start import cooccurrence_embeddings, window_for

Array = npt.NDArray[Any]
FOLDER = Path(__file__).parents[1] / "plugins" / "recbench_transformer" / "pictures"
NUMBERS = Path(__file__).with_suffix(".json")
FILMS = ("Star Wars (1977)", "Aladdin (1992)", "Scream (1996)")
"""The films whose nearest neighbours are drawn."""
LAYER, HEAD = 0, 1
"""The head whose attention is drawn."""
SHOWN = 25
"""Maximum number of films in a picture: the latest ones of the history."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--user", default="575", help="user whose history is drawn (default: 575)")
    parser.add_argument("--epochs", type=int, help="epochs of training (default: 12)")
    parser.add_argument("--data-dir", help="folder with one sub-folder per dataset")
    parser.add_argument(
        "-o", "--output", type=Path, default=FOLDER, help="folder to write the pictures to"
    )
    parser.add_argument(
        "--numbers", type=Path, default=NUMBERS, help="file to write the numbers to"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.perf_counter()
    lesson = Lesson.fit(options.user, options.epochs, options.data_dir)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, picture in draw(lesson).items():
        (options.output / f"{name}.png").write_bytes(picture)
        print(f"{options.output / f'{name}.png'}: {len(picture) / 1000:.0f} kB")
    options.numbers.write_text(json.dumps(numbers(lesson), indent=1) + "\n")
    print(f"done in {time.perf_counter() - started:.0f} s")


@dataclass
class Lesson:
    """Everything that the pictures show: a fitted model, its initial state, and its training.

    user: the user's number. random: (n_items, dim) item embeddings drawn at random. start: the
    network after the warm start, before any training. ndcg: "transformer" (the complete model) or
    "network" (its network without the counts) -> NDCG@10 over all users before training and after
    each epoch. ranks: the same for the rank of each user's held-out film. levels: NDCG@10 of
    `popular` and `rules`.
    """

    dataset: recbench.Dataset
    split: recbench.Split
    user: int
    model: Transformer
    random: Tensor
    start: Causal
    ndcg: dict[str, list[float]] = field(default_factory=dict)
    ranks: dict[str, list[Array]] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)

    @classmethod
    def fit(cls, user: str, epochs: int | None, data_dir: str | None) -> Lesson:
        dataset = recbench.load_dataset("ml-100k", data_dir)
        split = recbench.split(dataset)
        model = Transformer(networks=1, epochs=epochs, device="cpu", seed=0)
        random, start = before_training(model, split.train)
        lesson = cls(dataset, split, dataset.user(user), model, random, start)
        for name, other in (("popular", Popular()), ("rules", Rules())):
            lesson.levels[name] = mean_ndcg(other.fit(split.train), split)[0]
        for nth, epoch in enumerate(model.fit_epochs(split.train)):
            if nth == 0:  # counts are made by now, so the initial state can be judged with them
                trained, model.network_ = model.network_, start
                lesson.judge()
                model.network_ = trained
            if epoch.n_interactions:
                lesson.judge()
                print(f"epoch {nth + 1}: test NDCG@10 {lesson.ndcg['transformer'][-1]:.4f}")
        return lesson

    def judge(self) -> None:
        """Evaluate the model as it is now, and its network alone."""
        weights = self.model.evidence_.weights
        alone = np.eye(1, len(weights.parts), dtype=np.float32)[0]
        for name, used in (("transformer", weights), ("network", Weights(alone, weights.repeats))):
            self.model.evidence_.weights = used
            value, ranks = mean_ndcg(self.model, self.split)
            self.ndcg.setdefault(name, []).append(value)
            self.ranks.setdefault(name, []).append(ranks)
        self.model.evidence_.weights = weights

    @property
    def network(self) -> Causal:
        return self.model.network_

    @property
    def history(self) -> recbench.Interactions:
        return self.split.history.take([self.user])

    @property
    def target(self) -> int:
        return int(self.split.targets[self.user])

    def titles(self, items: Iterable[int]) -> list[str]:
        return [pictures.short(self.dataset.title(int(item))) for item in items]


def before_training(model: Transformer, train: recbench.Interactions) -> tuple[Tensor, Causal]:
    """Return the random item embeddings, and the network from which training starts.

    The steps and the seed are those of `training.py`.
    """
    settings = size_to_data(model.settings, train.lengths, train.n_items)
    rest, _, _ = hold_out(train, settings, np.random.default_rng(model.seed))
    with torch.random.fork_rng():
        torch.manual_seed(model.seed)
        network = Causal(settings, train.n_items, train.n_users, embed_users=False)
    random = network.items.weight.detach().clone()
    followers = count_followers(rest, window_for(train))
    embeddings = cooccurrence_embeddings(followers, settings.width, model.seed)
    network.init_from_counts(torch.from_numpy(rest.popularity), embeddings)
    return random, network.eval()


def mean_ndcg(model: Any, split: recbench.Split) -> tuple[float, Array]:
    """Return NDCG@10 over all users, and the expected rank of each user's held-out film."""
    ranking = recbench.evaluate(model, split, mask_seen=True).ranking
    return float(ndcg(ranking, 10).mean()), ranking.above + (ranking.tied + 1) / 2


@torch.no_grad()
def draw(lesson: Lesson) -> dict[str, bytes]:
    """Return every picture of the README, by name, as a PNG."""
    return {
        "ids": draw_ids(lesson),
        "neighbours": draw_neighbours(lesson),
        "positions": draw_positions(lesson),
        "attention": draw_attention(lesson),
        "causality": draw_causality(lesson),
        "blocks": draw_blocks(lesson),
        "scores": draw_scores(lesson),
        "rules": draw_rules(lesson),
        "loss": draw_loss(lesson),
        "curve": draw_curve(lesson),
        "rank": draw_rank(lesson),
    }


def draw_ids(lesson: Lesson) -> bytes:
    items = lesson.history.items[-6:]
    rows = lesson.network.items.weight[torch.from_numpy(items.astype(np.int64))]
    return pictures.lookup(rows.numpy(), lesson.titles(items), items.tolist())


def draw_neighbours(lesson: Lesson) -> bytes:
    stages = {
        "drawn at random": lesson.random,
        "after the warm start": lesson.start.items.weight,
        "after training": lesson.network.items.weight,
    }
    titles = {title: nth for nth, title in enumerate(lesson.dataset.titles.tolist())}
    lists = {
        film: [
            [pictures.short(lesson.dataset.title(item)) for item in nearest(table, titles[film], 4)]
            for table in stages.values()
        ]
        for film in FILMS
    }
    return pictures.lists(lists, list(stages))


def nearest(table: Tensor, item: int, count: int) -> list[int]:
    """Return the items whose embeddings have the smallest angles to this item's."""
    vectors = functional.normalize(table, dim=1)
    likeness = vectors @ vectors[item]
    likeness[item] = -1
    return likeness.topk(count).indices.tolist()


def draw_positions(lesson: Lesson) -> bytes:
    q, k = queries_and_keys(lesson.network, history_row(lesson), LAYER)
    half = q.shape[-1] // 2
    turns = rotary_positions(6, 2 * half, q.device).angle()  # (time, pairs)
    pairs = [0, half // 4, half // 2]
    angles = {f"pair {pair + 1}": turns[:, pair].numpy() for pair in pairs}
    distance = 30
    rotary = rotary_positions(distance + 1, 2 * half, q.device)
    products = {}
    for head in range(q.shape[1]):
        query = q[:, head : head + 1, -1:].expand(-1, -1, distance + 1, -1)
        key = k[:, head : head + 1, -1:].expand(-1, -1, distance + 1, -1)
        now, past = apply_rotary(query, rotary)[..., -1, :], apply_rotary(key, rotary)
        product = (past @ now[..., None])[0, 0, :, 0] / (2 * half) ** 0.5
        products[f"head {head + 1}"] = product.flip(0).numpy()
    return pictures.rotations(angles, products, lesson.titles(lesson.history.items[-1:])[0])


def draw_attention(lesson: Lesson) -> bytes:
    weights = lesson.model.attention(lesson.history)[LAYER, HEAD, -SHOWN:, -SHOWN:]
    titles = lesson.titles(lesson.history.items[-SHOWN:])
    return pictures.attention(weights, titles, f"layer {LAYER + 1}, head {HEAD + 1}")


def draw_causality(lesson: Lesson) -> bytes:
    row = history_row(lesson)[:, -5:]
    q, k = queries_and_keys(lesson.network, row, LAYER)
    rotary = rotary_positions(row.shape[1], q.shape[-1], q.device)
    q, k = apply_rotary(q, rotary)[0, HEAD], apply_rotary(k, rotary)[0, HEAD]
    products = q @ k.t() / q.shape[-1] ** 0.5
    future = causal_mask(row.shape[1], row.device)
    masked = products.masked_fill(future, -torch.inf)
    return pictures.mask(
        products.numpy(), masked.softmax(dim=1).numpy(), lesson.titles(row[0].tolist())
    )


def draw_blocks(lesson: Lesson) -> bytes:
    stages = scores_by_block(lesson)
    names = ["the last film's embedding", *(f"after block {n}" for n in range(1, len(stages)))]
    heads = [
        f"{name}:\nheld-out film ranks {rank_of(lesson.target, scores):,}"
        for name, scores in zip(names, stages, strict=True)
    ]
    best = [lesson.titles(scores.topk(5).indices.tolist()) for scores in stages]
    return pictures.lists({"": best}, heads)


def scores_by_block(lesson: Lesson) -> list[Tensor]:
    """Return the network's scores if it stopped before its first block, after it, and so on.

    This is called the logit lens. Films of the history score minus infinity.
    """
    network, row = lesson.network, history_row(lesson)
    rotary = rotary_positions(row.shape[1], network.rotary_dim, row.device)
    vectors = [network.items(row)]
    for block in network.blocks:
        vectors.append(block(vectors[-1], rotary))
    stages = [functional.linear(network.norm(x)[0, -1], *network.output()) for x in vectors]
    for scores in stages:
        scores[row[0]] = -torch.inf
    return stages


def rank_of(item: int, scores: Tensor) -> int:
    return 1 + int((scores > scores[item]).sum())


def draw_scores(lesson: Lesson) -> bytes:
    network, row = lesson.network, history_row(lesson)
    items = candidates(lesson)
    hidden = network(row, torch.zeros(1, dtype=torch.long))[0, -1]
    weight, bias = network.output()
    parts = {
        "dot product with the film's embedding": (weight[items] @ hidden).numpy(),
        "bias of the film": bias[items].numpy(),
    }
    return pictures.parts(
        parts,
        lesson.titles(items),
        items.index(lesson.target),
        "score of the network = dot product + bias",
    )


def draw_rules(lesson: Lesson) -> bytes:
    items, (network, counts) = candidates(lesson), score_parts(lesson)
    return pictures.parts(
        {"network": network[items], "counts": counts[items]},
        lesson.titles(items),
        items.index(lesson.target),
        "score above that of the average film",
    )


def score_parts(lesson: Lesson) -> tuple[Array, Array]:
    """Return (n_items,) each: how far network and counts lift a film above the average film."""
    parts = lesson.model.score_parts(lesson.history)
    network = parts.pop("network")[0]
    counts = np.sum([scores[0] for scores in parts.values()], axis=0)
    unseen = np.setdiff1d(np.arange(len(network)), lesson.history.items)
    return network - network[unseen].mean(), counts - counts[unseen].mean()


def candidates(lesson: Lesson) -> list[int]:
    """Return the model's top five, the held-out, the most popular unseen and a rare film."""
    network, counts = score_parts(lesson)
    total, popularity = network + counts, lesson.split.train.popularity.astype(float)
    for values in (total, popularity):
        values[lesson.history.items] = -np.inf
    rare = int(np.flatnonzero(popularity == 5)[0])
    best = np.argsort(-total, kind="stable")[:5].tolist()
    return list(dict.fromkeys([*best, lesson.target, int(popularity.argmax()), rare]))


def draw_loss(lesson: Lesson) -> bytes:
    row, surprises = history_row(lesson), {}
    networks = {"before training": lesson.start, "after training": lesson.network}
    for name, network in networks.items():
        hidden = network(row[:, :-1], torch.zeros(1, dtype=torch.long))[0]
        scores = functional.linear(hidden, *network.output())
        losses = functional.cross_entropy(scores, row[0, 1:], reduction="none")
        surprises[name] = losses[-SHOWN:].numpy()
    titles = lesson.titles(row[0, 1:][-SHOWN:].tolist())
    return pictures.surprise(surprises, titles, np.log(lesson.split.train.n_items))


def draw_curve(lesson: Lesson) -> bytes:
    return pictures.curve(lesson.ndcg, lesson.levels)


def draw_rank(lesson: Lesson) -> bytes:
    ranks = {name: np.array(epochs) for name, epochs in lesson.ranks.items()}
    return pictures.ranks(
        {name: epochs[:, lesson.user] for name, epochs in ranks.items()},
        np.quantile(ranks["transformer"], [0.25, 0.5, 0.75], axis=1),
    )


def history_row(lesson: Lesson) -> Tensor:
    """Return (1, time): the part of the user's history that the network reads."""
    items = lesson.history.items[-lesson.model.sized_.length :]
    return torch.from_numpy(items.astype(np.int64))[None]


def queries_and_keys(network: Causal, items: Tensor, layer: int) -> tuple[Tensor, Tensor]:
    """Return queries and keys, (1, heads, time, dim / heads) each, before they are rotated."""
    rotary = rotary_positions(items.shape[1], network.rotary_dim, items.device)
    x = network.items(items)
    for block in network.blocks[:layer]:
        x = block(x, rotary)
    block = network.blocks[layer]
    qkv = block.query_key_value(block.norm1(x)).view(1, items.shape[1], 3, block.heads, -1)
    q, k, _ = qkv.permute(2, 0, 3, 1, 4)
    return q, k


@torch.no_grad()
def numbers(lesson: Lesson) -> dict[str, Any]:
    """Return the numbers of the fit that the README quotes."""
    return {
        "user": str(lesson.dataset.user_ids[lesson.user]),
        "films in the history": int(lesson.history.n_interactions),
        "held out": lesson.dataset.title(lesson.target),
        "NDCG@10": {
            **{name: round(value, 4) for name, value in lesson.levels.items()},
            **{name: [round(value, 4) for value in line] for name, line in lesson.ndcg.items()},
        },
        "rank of the held-out film": {
            name: [float(ranks[lesson.user]) for ranks in epochs]
            for name, epochs in lesson.ranks.items()
        },
        "median rank over users": [
            float(np.median(ranks)) for ranks in lesson.ranks["transformer"]
        ],
        "rank after each block": [
            rank_of(lesson.target, scores) for scores in scores_by_block(lesson)
        ],
    }


if __name__ == "__main__":
    main()
