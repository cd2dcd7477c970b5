"""Train RecTools' SASRec with its own Lightning trainer, for time_to_quality.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel
from side import Array, Side, latest

LENGTH = 200


def main() -> None:
    side = Side(str(__doc__))
    seed_everything(side.seed)
    lengths = np.array([len(history) for history in side.histories])
    log = pd.DataFrame(
        {
            Columns.User: np.repeat(np.arange(len(lengths)), lengths),
            Columns.Item: np.concatenate(side.histories),
            Columns.Weight: 1.0,
            # only the order of the times counts
            Columns.Datetime: pd.to_datetime(np.arange(lengths.sum()), unit="s"),
        }
    )
    n_targets = int(np.clip(lengths - 1, 0, LENGTH).sum())

    class Judge(Callback):
        """Has no state, because the model trains with a deep copy of its trainer."""

        def on_train_start(self, *_: Any) -> None:
            side.begin_epochs(n_targets)

        def on_train_batch_end(
            self, trainer: Trainer, _: LightningModule, __: Any, ___: Any, batch_idx: int
        ) -> None:
            done = (batch_idx + 1) / int(trainer.num_training_batches)
            if done < 1:  # the end of the epoch is judged below
                side.step(trainer.current_epoch + done, lambda users: score(model, side, users))

        def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
            side.judge(trainer.current_epoch + 1, lambda users: score(model, side, users))

    def trainer() -> Trainer:
        """Return the model's default trainer, without a limit of epochs and with the judge."""
        return Trainer(
            max_epochs=-1,
            enable_progress_bar=False,
            enable_model_summary=False,
            logger=False,
            enable_checkpointing=False,
            devices=1,
            callbacks=[Judge()],
        )

    side.begin()
    model = SASRecModel(
        n_blocks=2,
        n_heads=2,
        n_factors=64,
        session_max_len=LENGTH,
        batch_size=128,
        loss="softmax",
        get_trainer_func=trainer,
    )
    model.fit(Dataset.construct(log))


@torch.no_grad()
def score(model: SASRecModel, side: Side, users: Array) -> Array:
    """Return the products (users, n_items) of the users' sessions and the items' embeddings."""
    network, preparator = model.torch_model, model.data_preparator
    known = preparator.get_known_item_ids().astype(np.int64)
    number = np.full(side.n_items, -1)  # the numbers of the model, which start after its padding
    number[known] = preparator.get_known_items_sorted_internal_ids()
    rows = [number[side.histories[user]] for user in users]
    sessions = latest([row[row >= 0] for row in rows], LENGTH, left=True)
    network.eval()
    embeddings = network.item_model.get_all_embeddings()
    encoded = network.encode_sessions({"x": torch.from_numpy(sessions)}, embeddings)
    scores = np.full((len(users), side.n_items), -np.inf, dtype=np.float32)
    scores[:, known] = (encoded[:, -1] @ embeddings.T).numpy()[:, number[known]]
    network.train()
    return scores


if __name__ == "__main__":
    main()
