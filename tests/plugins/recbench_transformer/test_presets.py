"""Options: presets, values that depend on the data, and invalid values."""

import math
from typing import Any

import pytest

from recbench import UsageError
from recbench_transformer import Transformer
from recbench_transformer.presets import DEFAULT, NOTEBOOK, size_to_data


@pytest.mark.parametrize(
    ("n_interactions", "dropout", "batch"),
    [(0, 0.2, 2048), (300_000, 0.2, 4687), (300_001, 0.1, 4687), (10**6, 0.1, 8192)],
)
def test_options_that_are_not_given_depend_on_the_data(
    n_interactions: int, dropout: float, batch: int
) -> None:
    sized = size_to_data(DEFAULT, n_interactions)
    assert (sized.dropout, sized.batch) == (dropout, batch)
    given = Transformer(dropout=0.0, batch=7).settings
    assert size_to_data(given, n_interactions) == given


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": "large"}, r"preset=large is not a preset\. Available: default, notebook"),
        ({"dim": 10, "heads": 3}, r"dim=10 must be a multiple of 6 \(2 x heads"),
        ({"dim": 0}, "dim=0 must be 1 or more"),
        ({"epochs": 0}, "epochs=0"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"lr": math.nan}, "lr=nan"),
        ({"dim": 6}, r"dim=6 must be a multiple of 4 \(2 x heads, for rotary positions\)"),
        ({"batch": 0}, "batch=0 must be 1 or more"),
        ({"patience": 0}, "patience=0 must be 1 or more"),
        ({"rules": -0.1}, r"rules=-0\.1 must be 0 or more, and finite"),
        ({"rules": math.inf}, "rules=inf must be 0 or more, and finite"),
        ({"finish": 1.0}, r"finish=1\.0 must be at least 0 and below 1"),
        ({"finish": -0.1}, r"finish=-0\.1 must be at least 0"),
        ({"negatives": -1}, "negatives=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"device": "tpu"}, "device=tpu is not a device"),
    ],
)
def test_invalid_options_are_errors(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Transformer(**options)


def test_options_override_the_preset() -> None:
    assert Transformer().settings == DEFAULT
    assert Transformer(preset="notebook").settings == NOTEBOOK
    changed = Transformer(preset="notebook", dim=32, dropout=0.0).settings
    assert (changed.dim, changed.dropout, changed.lr) == (32, 0.0, NOTEBOOK.lr)
    none = Transformer(rules=0, warm=False, finish=0, rotary=False, bfloat16=False).settings
    assert not any((none.rules, none.warm, none.finish, none.rotary, none.bfloat16))
    assert Transformer(dim=6, rotary=False).settings.dim == 6
