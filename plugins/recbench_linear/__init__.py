"""The models `item-knn`, `user-knn`, `ease` and `slim`: linear models of the user's history."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .ease import Ease
from .item_knn import ItemKNN
from .slim import Slim
from .user_knn import UserKNN

__all__ = ["Ease", "ItemKNN", "Slim", "UserKNN"]


@recbench.hookimpl
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    return {"ease": Ease, "item-knn": ItemKNN, "slim": Slim, "user-knn": UserKNN}
