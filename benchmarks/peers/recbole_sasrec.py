"""Train RecBole's SASRec with its own trainer, for time_to_quality.py."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recbole.config import Config
from recbole.data import create_dataset
from recbole.data.interaction import Interaction
from recbole.data.utils import get_dataloader
from recbole.model.sequential_recommender import SASRec
from recbole.trainer import Trainer
from recbole.utils import init_seed
from side import Array, Side, latest

DEFAULT_LENGTH, LENGTH = 50, 200
LARGE = 500_000
"""With this number of interactions or more, histories have LENGTH items instead of 50."""


def main() -> None:
    side = Side(str(__doc__))
    sys.argv[1:] = []  # RecBole would read them as its own options
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # RecBole writes its logs to the current folder
        write_log(side, Path(folder, "log", "log.inter"))
        train(side, folder)


def write_log(side: Side, path: Path) -> None:
    """Write the file that RecBole reads, with the validation targets, which it holds out itself.

    Times are positions in the user's sequence, because RecBole stores times in 32 bits.
    """
    path.parent.mkdir()
    with path.open("w") as file:
        file.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, history in enumerate(side.histories):
            for time, item in enumerate([*history, side.targets[user]]):
                file.write(f"{user}\t{item}\t{time}\n")


def settings(side: Side, folder: str) -> dict[str, Any]:
    n_interactions = sum(len(history) for history in side.histories)
    return {
        "data_path": folder,
        "checkpoint_dir": folder,
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "MAX_ITEM_LIST_LENGTH": LENGTH if n_interactions >= LARGE else DEFAULT_LENGTH,
        "loss_type": "CE",
        "train_neg_sample_args": None,  # CE needs no sampled negatives
        "eval_args": {
            "split": {"LS": "valid_only"},
            "order": "TO",
            "group_by": "user",
            "mode": "full",
        },
        "epochs": 1_000_000,
        "show_progress": False,
        "use_gpu": False,
        "seed": side.seed,
    }


def train(side: Side, folder: str) -> None:
    side.begin()
    config = Config(model="SASRec", dataset="log", config_dict=settings(side, folder))
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    part = dataset.build()[0]
    n_targets = sum(max(0, len(history) - 1) for history in side.histories)
    if len(part) != n_targets:
        raise ValueError(f"RecBole trains on {len(part)} targets, expected {n_targets}")
    loader = get_dataloader(config, "train")(config, part, None, shuffle=config["shuffle"])
    model = SASRec(config, part).to(config["device"])

    def score(users: Array) -> Array:
        return score_all(model, dataset, [side.histories[user] for user in users], side.n_items)

    class Judged(Trainer):  # type: ignore[misc]
        """RecBole's trainer, judged after each epoch, and within an epoch that takes long."""

        def _train_epoch(self, train_data: Any, epoch_idx: int, *args: Any, **named: Any) -> Any:
            done = 0

            def step(*_: Any) -> None:
                nonlocal done
                done += 1
                if done < len(train_data):
                    side.step(epoch_idx + done / len(train_data), score)

            hook = self.optimizer.register_step_post_hook(step)
            loss = super()._train_epoch(train_data, epoch_idx, *args, **named)
            hook.remove()
            side.judge(epoch_idx + 1, score)
            return loss

    trainer = Judged(config, model)
    side.begin_epochs(n_targets)
    trainer.fit(loader, saved=False, verbose=False)


@torch.no_grad()
def score_all(model: Any, dataset: Any, histories: list[Array], n_items: int) -> Array:
    """Return RecBole's scores (rows, n_items), in the order of the item numbers in the file."""
    tokens = dataset.field2id_token["item_id"][1:].astype(np.int64)  # after [PAD]
    number = np.zeros(n_items, dtype=np.int64)
    number[tokens] = np.arange(len(tokens)) + 1
    length = model.max_seq_length
    rows = latest([number[history] for history in histories], length)
    lengths = [min(len(history), length) for history in histories]
    model.eval()
    columns = {"item_id_list": torch.from_numpy(rows), "item_length": torch.tensor(lengths)}
    predicted = model.full_sort_predict(Interaction(columns).to(model.device)).cpu().numpy()
    model.train()
    scores = np.full((len(histories), n_items), -np.inf, dtype=np.float32)
    scores[:, tokens] = predicted[:, 1:]
    return scores


if __name__ == "__main__":
    main()
