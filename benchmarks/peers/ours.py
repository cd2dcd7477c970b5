"""Train recbench's transformer with its default options, for time_to_quality.py."""

from __future__ import annotations

import numpy as np
from side import Array, Side

from recbench import Interactions
from recbench_transformer import Transformer


def main() -> None:
    side = Side(str(__doc__))
    train = interactions(side, np.arange(len(side.histories)))
    side.begin()
    model = Transformer(seed=side.seed)
    side.begin_epochs(int((train.lengths - 1).clip(0).sum()))  # preparation counts too
    for epoch, _ in enumerate(model.fit_epochs(train), 1):
        side.judge(epoch, lambda users: model.score(interactions(side, users)))


def interactions(side: Side, users: Array) -> Interactions:
    histories = [side.histories[user] for user in users]
    return Interactions(
        users=users,
        items=np.concatenate(histories),
        offsets=np.cumsum([0, *map(len, histories)]),
        n_users=len(side.histories),
        n_items=side.n_items,
    )


if __name__ == "__main__":
    main()
