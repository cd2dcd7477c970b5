"""Options: presets, and values that depend on the data."""

import numpy as np
import pytest

from recbench_transformer import Transformer
from recbench_transformer.presets import DEFAULT, NOTEBOOK, PRESETS, SASREC, size_to_data


@pytest.mark.parametrize(
    ("n_interactions", "networks", "dropout", "batch"),
    [
        (0, 5, 0.4, 2048),
        (200_000, 5, 0.4, 3125),
        (447_214, 2, 0.25, 6987),
        (700_000, 1, 0.1665, 8192),
        (10**6, 1, 0.1, 8192),
    ],
)
def test_options_that_are_not_given_depend_on_the_data(
    n_interactions: int, networks: int, dropout: float, batch: int
) -> None:
    lengths = np.array([n_interactions])
    sized = size_to_data(DEFAULT, lengths, 9000)
    assert (sized.dropout, sized.batch) == (pytest.approx(dropout, abs=1e-4), batch)
    sizes = sized.networks, sized.dim, sized.epochs
    assert sizes == (networks, *((64, 12) if n_interactions < 500_000 else (128, 10)))
    given = Transformer(networks=2, dim=32, dropout=0.0, mask=False, epochs=3, batch=7).settings
    assert size_to_data(given, lengths, 9) == given


@pytest.mark.parametrize(
    ("n_interactions", "n_items", "networks"),
    [(180_000, 10_000, 5), (180_000, 12_000, 5), (180_000, 20_000, 3), (100_000, 80_000, 1)],
)
def test_fewer_networks_are_trained_for_large_catalogues(
    n_interactions: int, n_items: int, networks: int
) -> None:
    assert size_to_data(DEFAULT, np.array([n_interactions]), n_items).networks == networks


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
