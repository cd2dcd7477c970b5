"""Checks of the options: every value that is not allowed is an error that says why."""

import math
from typing import Any

import pytest

from recbench import UsageError
from recbench_transformer import Transformer


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": "large"}, r"preset=large is not a preset\. Available: default, accurate, "),
        ({"dim": 10, "heads": 3}, r"dim=10 must be a multiple of 6 \(2 x heads"),
        ({"dim": 0}, "dim=0 must be 1 or more"),
        ({"heads": 3}, "heads=3 does not fit the default dim, 64 or 128; give a dim that is a mul"),
        ({"heads": 64}, "heads=64 does not fit .* a multiple of 128"),
        ({"epochs": 0}, "epochs=0"),
        ({"horizon": "past"}, r"horizon=past is not a horizon\. Available: next, future"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"lr": math.nan}, "lr=nan"),
        ({"dim": 6}, r"dim=6 must be a multiple of 4 \(2 x heads, for rotary positions\)"),
        ({"batch": 0}, "batch=0 must be 1 or more"),
        ({"patience": 0}, "patience=0 must be 1 or more"),
        ({"finish": 1.0}, r"finish=1\.0 must be at least 0 and below 1"),
        ({"finish": -0.1}, r"finish=-0\.1 must be at least 0"),
        ({"negatives": -1}, "negatives=-1 must be 0 or more with loss=softmax"),
        ({"preset": "gsasrec", "negatives": 0}, "negatives=0 must be 1 or more with loss=bce"),
        ({"loss": "hinge"}, r"loss=hinge is not a loss\. Available: softmax, bce"),
        ({"preset": "gsasrec", "calibration": 1.1}, r"calibration=1\.1 must be from 0 to 1"),
        ({"calibration": 0.5}, r"calibration=0\.5 has no effect with loss=softmax"),
        ({"tied": False}, "tied=False is not possible with this preset, whose network has tied=T"),
        ({"preset": "sasrec", "rotary": True}, "rotary=True is not possible with this preset"),
        ({"preset": "notebook", "warm": True}, "warm=True is not possible with this preset"),
        ({"preset": "notebook", "rotary": True}, "rotary=True is not possible"),
        ({"preset": "notebook", "tied": True}, "tied=True is not possible"),
        ({"seed": -1}, "seed=-1"),
        ({"device": "tpu"}, "device=tpu is not a device"),
    ],
)
def test_invalid_options_are_errors(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Transformer(**options)


def test_heads_that_fit_the_default_dim_or_a_given_one_are_accepted() -> None:
    assert Transformer(heads=32).settings.heads == 32
    assert Transformer(heads=3, dim=12).settings.heads == 3
