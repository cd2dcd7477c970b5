"""Options: presets, values that depend on the data, and invalid values."""

import math
from typing import Any

import numpy as np
import pytest

from recbench import UsageError
from recbench_transformer import Transformer
from recbench_transformer.presets import DEFAULT, NOTEBOOK, PRESETS, SASREC, size_to_data


@pytest.mark.parametrize(
    ("n_interactions", "dropout", "batch"),
    [(0, 0.4, 2048), (200_000, 0.4, 3125), (447_214, 0.25, 6987), (10**6, 0.1, 8192)],
)
def test_options_that_are_not_given_depend_on_the_data(
    n_interactions: int, dropout: float, batch: int
) -> None:
    lengths = np.array([n_interactions])
    sized = size_to_data(DEFAULT, lengths, 20_000)
    assert (sized.dropout, sized.batch) == (pytest.approx(dropout, abs=1e-4), batch)
    sizes = sized.networks, sized.dim, sized.epochs
    assert sizes == ((3, 64, 12) if n_interactions < 500_000 else (1, 128, 10))
    assert size_to_data(DEFAULT, lengths, 10**6).networks == (3 if n_interactions < 10**4 else 1)
    given = Transformer(networks=2, dim=32, dropout=0.0, mask=False, epochs=3, batch=7).settings
    assert size_to_data(given, lengths, 9) == given


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


def test_options_override_the_preset() -> None:
    assert Transformer().settings == DEFAULT
    assert Transformer(preset="notebook").settings == NOTEBOOK
    changed = Transformer(preset="notebook", dim=32, dropout=0.0).settings
    assert (changed.dim, changed.dropout, changed.lr) == (32, 0.0, NOTEBOOK.lr)
    none = Transformer(rules=False, warm=False, finish=0, rotary=False, bfloat16=False).settings
    assert not any((none.rules, none.warm, none.finish, none.rotary, none.bfloat16))
    assert Transformer(dim=6, rotary=False).settings.dim == 6


def test_a_batch_of_a_published_preset_has_room_for_128_rows_of_mean_length() -> None:
    lengths = np.array([1, 0, 11, 301, 31])  # 10, 200 and 30 inputs
    assert size_to_data(SASREC, lengths, 9).batch == 128 * 80
    assert size_to_data(SASREC, np.array([2, 2, 0]), 9).batch == 200, "one row of full length"
    assert size_to_data(SASREC, np.array([1, 0]), 9).batch == 200
    assert size_to_data(Transformer(preset="sasrec", batch=7).settings, lengths, 9).batch == 7


def test_published_presets_have_the_published_sizes() -> None:
    for name, dim, dropout, tied in (
        ("sasrec", 64, 0.1, True),
        ("sasrec-bce", 64, 0.1, True),
        ("gsasrec", 128, 0.5, False),
    ):
        settings = PRESETS[name]
        sizes = (settings.dim, settings.feedforward, settings.dropout, settings.tied)
        assert sizes == (dim, dim, dropout, tied)
        assert (settings.layers, settings.heads, settings.length) == (2, 1, 200)
        assert not any((settings.warm, settings.rules, settings.rotary, settings.finish))
