"""The model: its contract, its rules, its files, and its docstring."""

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import docstring_parser
import numpy as np
import pytest
from made_transformer import SMALL, log_of

from recbench import RecbenchError
from recbench.testing import check_model, example
from recbench_splitters import Windows
from recbench_transformer import Transformer, training
from recbench_transformer.presets import DEFAULT, PRESETS, SHORT, size_to_data


@pytest.mark.parametrize(
    "options",
    [
        *({"preset": preset} for preset in PRESETS),
        {"negatives": 7},
        {"rules": False, "warm": False, "repeats": False, "recent": False, "mask": False},
        {"loss": "bce", "negatives": 3, "calibration": 0.5},
        {"preset": "sasrec", "warm": True, "rules": True, "tied": False},
    ],
)
def test_contract(options: dict[str, Any]) -> None:
    check_model(Transformer, **{**SMALL, **options})


@pytest.mark.parametrize("options", [{"rules": False}, *({"preset": preset} for preset in PRESETS)])
def test_load_restores_what_save_wrote(options: dict[str, Any], tmp_path: Path) -> None:
    train, options = Windows().split(example()).train, {**SMALL, **options}
    model = Transformer(**options).fit(train)
    model.save(tmp_path)
    loaded = Transformer(**options).load(tmp_path)
    assert np.array_equal(model.score(train), loaded.score(train))
    assert loaded.n_parameters == model.n_parameters
    history, items = train.take([0]), np.array([0, 3])
    assert np.array_equal(model.explain(history, items), loaded.explain(history, items))
    assert np.array_equal(model.attention(history), loaded.attention(history))
    with pytest.raises(RecbenchError, match="fitted on 32 items, but the history has 12"):
        loaded.score(log_of([[1]]))


def test_saved_files_follow_the_umask(tmp_path: Path) -> None:
    Transformer(**{**SMALL, "epochs": 1}).fit(example()).save(tmp_path)
    (tmp_path / "usual").touch()
    modes = {file.stat().st_mode for file in tmp_path.iterdir()}
    assert modes == {(tmp_path / "usual").stat().st_mode}


def test_broken_files_are_refused(tmp_path: Path) -> None:
    options = {**SMALL, "epochs": 1}
    Transformer(**options).fit(example()).save(tmp_path)
    with pytest.raises(RecbenchError, match="saved with dim=16, not 32"):
        Transformer(**{**options, "dim": 32}).load(tmp_path)
    with pytest.raises(RecbenchError, match="saved with rules=True, not False"):
        Transformer(**options, rules=False).load(tmp_path)
    weights, sizes = tmp_path / "transformer.safetensors", tmp_path / "transformer.json"
    whole, text = weights.read_bytes(), sizes.read_text()
    for broken in (whole[:-8], whole[:20], b""):
        weights.write_bytes(broken)
        with pytest.raises(RecbenchError, match="has no complete saved transformer"):
            Transformer(**options).load(tmp_path)
    weights.write_bytes(whole)
    for wrong in (text[:40], "[]", json.dumps({**json.loads(text), "n_items": 5})):
        sizes.write_text(wrong)
        with pytest.raises(RecbenchError, match="has no complete saved transformer"):
            Transformer(**options).load(tmp_path)
    with pytest.raises(RecbenchError, match="has no complete saved transformer"):
        Transformer(**options).load(tmp_path / "nowhere")
    sizes.write_text(text)
    assert Transformer(**options).load(tmp_path).n_items_ == 32
    (tmp_path / "evidence.safetensors").unlink()
    with pytest.raises(RecbenchError, match="has no complete saved transformer"):
        Transformer(**options).load(tmp_path)


def test_an_untrained_model_is_an_error(tmp_path: Path) -> None:
    for method in (
        lambda: Transformer().score(example()),
        lambda: Transformer().save(tmp_path),
        lambda: Transformer().n_parameters,
        lambda: Transformer().explain(example().take([0]), np.array([0])),
        lambda: Transformer().attention(example().take([0])),
    ):
        with pytest.raises(RecbenchError, match="call fit or load"):
            method()


def test_importing_the_plugin_does_not_import_torch() -> None:
    code = "import recbench_transformer as t, sys; t.Transformer(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_docstring_states_the_real_defaults() -> None:
    parsed = docstring_parser.parse(Transformer.__doc__ or "")
    stated = {parameter.arg_name: parameter.default for parameter in parsed.params}
    signature = inspect.signature(Transformer)
    assert list(stated) == list(signature.parameters)
    real = {name: getattr(DEFAULT, name, None) for name in stated}
    small, large = (size_to_data(DEFAULT, np.array([n]), 9) for n in (0, 10**9))
    for n, sized in ((200_000, small), (1_000_000, large)):
        assert size_to_data(DEFAULT, np.array([n]), 9).dropout == pytest.approx(sized.dropout)
    assert size_to_data(DEFAULT, np.array([500_000]), 9).dim == small.dim
    assert size_to_data(DEFAULT, np.array([500_001]), 9).dim == large.dim
    assert size_to_data(DEFAULT, np.array([64, 64 * 4999]), 9).batch == 5000
    for n, sized in ((200_000, small), (700_000, large)):
        assert size_to_data(DEFAULT, np.array([n]), 9).networks == sized.networks
    real["networks"] = (
        f"{small.networks} up to about 200,000 interactions, {large.networks} from about 700,000"
    )
    real["dim"] = f"{small.dim} up to 500,000 interactions, {large.dim} above"
    real["epochs"] = f"{small.epochs} up to 500,000 interactions, {large.epochs} above"
    real["dropout"] = (
        f"{small.dropout} up to 200,000 interactions, {large.dropout:.1f} from 1,000,000"
    )
    real["batch"] = f"1/64 of the interactions, from {small.batch:,} to {large.batch:,}"
    short = size_to_data(DEFAULT, np.array([0, 2 * SHORT - 1]), 9)
    assert not short.mask
    assert size_to_data(DEFAULT, np.array([0, 2 * SHORT]), 9).mask
    assert not size_to_data(DEFAULT, np.array([0, 2 * SHORT]), 9, repeats=True).mask
    real["mask"] = (
        f"{short.mask} below {SHORT} interactions per sequence or with repeats, True otherwise"
    )
    real["horizon"] = "future for one cut in time, else next"
    limit, drawn = training.MAX_FULL_SOFTMAX, training.DEFAULT_NEGATIVES
    real["negatives"] = f"0 up to {limit:,} items, {drawn:,} above"
    for name in ("preset", "loss", "seed", "device"):
        default = signature.parameters[name].default
        default = real[name] if default is None else default
        real[name] = f'"{default}"' if isinstance(default, str) else default
    assert stated == {name: str(value) for name, value in real.items()}


def test_every_option_is_described_and_in_one_group() -> None:
    parsed = docstring_parser.parse(Transformer.__doc__ or "")
    for parameter in parsed.params:
        sentence = (parameter.description or "").partition(". ")[0]
        assert 20 < len(sentence) <= 90, parameter.arg_name
    grouped = [name for names in Transformer.option_groups.values() for name in names]
    assert sorted(grouped) == sorted(inspect.signature(Transformer).parameters)
