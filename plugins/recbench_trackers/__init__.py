"""Trackers that teams use: results in MLflow, Weights & Biases and TensorBoard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .mlflow_tracker import Mlflow
from .tensorboard_tracker import TensorBoard
from .wandb_tracker import Wandb

__all__ = ["Mlflow", "TensorBoard", "Wandb"]


@recbench.hookimpl
def recbench_trackers() -> Mapping[str, Callable[..., Any]]:
    return {"mlflow": Mlflow, "tensorboard": TensorBoard, "wandb": Wandb}
