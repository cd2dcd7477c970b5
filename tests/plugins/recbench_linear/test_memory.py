"""Catalogues whose square does not fit are refused before anything is allocated."""

from typing import Any

import pytest

import recbench
from recbench import Interactions, RecbenchError
from recbench_linear import Ease, Slim
from recbench_linear.memory import require_memory


@pytest.mark.parametrize(("model", "gigabytes"), [(Ease(), "48.1"), (Slim(), "16.1")])
def test_what_does_not_fit_is_refused(
    model: Any, gigabytes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recbench, "free_memory", lambda: 2_500_000_000)
    train = Interactions.from_log([0, 0], [0, 1], n_items=63_246)
    with pytest.raises(RecbenchError) as raised:
        model.fit(train)
    assert str(raised.value) == (
        f"{model.name} needs {gigabytes} GB for the square of 63,246 items, but 2.5 GB are "
        "available. Leave out rare items with the option min_item_interactions= of the dataset, "
        "or use item-knn"
    )


def test_what_fits_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recbench, "free_memory", lambda: 100_001_200)
    require_memory("ease", 10, 12)
    with pytest.raises(RecbenchError, match=r"ease needs 0\.1 GB for the square of 11 items"):
        require_memory("ease", 11, 12)
