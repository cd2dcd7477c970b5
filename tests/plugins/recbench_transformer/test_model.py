"""The model: its contract, the rules beside the network, its files."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_transformer import SMALL, log_of

from recbench import RecbenchError
from recbench.testing import check_model, example
from recbench_rules import Rules
from recbench_splitters import Windows
from recbench_transformer import Transformer
from recbench_transformer.model import RULES_DECAY, RULES_FLOOR
from recbench_transformer.warm_start import MAX_WINDOW


@pytest.mark.parametrize(
    "options", [{}, {"preset": "notebook"}, {"negatives": 7}, {"rules": 0, "warm": False}]
)
def test_contract(options: dict[str, Any]) -> None:
    check_model(Transformer, **{**SMALL, **options})


def test_rules_multiply_what_the_network_says() -> None:
    log = example()
    network_alone = Transformer(**SMALL, rules=0).fit(log)
    both = Transformer(**SMALL, rules=0.5).fit(log)
    rules = Rules(MAX_WINDOW, 8, RULES_DECAY).fit(log)
    expected = network_alone.score(log) + 0.5 * np.log(rules.score(log) + RULES_FLOOR)
    assert both.score(log) == pytest.approx(expected, abs=1e-4)
    assert rules.n_parameters > 0
    assert both.n_parameters == network_alone.n_parameters + rules.n_parameters


@pytest.mark.parametrize("options", [{}, {"rules": 0}, {"preset": "notebook"}])
def test_load_gives_back_what_save_wrote(options: dict[str, Any], tmp_path: Path) -> None:
    train, options = Windows().split(example()).train, {**SMALL, **options}
    model = Transformer(**options).fit(train)
    model.save(tmp_path)
    assert (tmp_path / "rules.safetensors").exists() == (model.settings.rules > 0)
    loaded = Transformer(**options).load(tmp_path)
    assert np.array_equal(model.score(train), loaded.score(train))
    assert loaded.n_parameters == model.n_parameters
    history, items = train.take([0]), np.array([0, 3])
    assert np.array_equal(model.explain(history, items), loaded.explain(history, items))
    with pytest.raises(RecbenchError, match="knows 32 items and the history 12"):
        loaded.score(log_of([[1]]))


def test_broken_files_are_refused(tmp_path: Path) -> None:
    options = {**SMALL, "epochs": 1}
    Transformer(**options).fit(example()).save(tmp_path)
    with pytest.raises(RecbenchError, match="saved with dim=16, not 32"):
        Transformer(**{**options, "dim": 32}).load(tmp_path)
    with pytest.raises(RecbenchError, match=r"saved with rules=0\.8, not 0"):
        Transformer(**options, rules=0).load(tmp_path)
    weights, sizes = tmp_path / "transformer.safetensors", tmp_path / "transformer.json"
    whole, text = weights.read_bytes(), sizes.read_text()
    for broken in (whole[:-8], whole[:20], b""):
        weights.write_bytes(broken)
        with pytest.raises(RecbenchError, match="holds no whole saved transformer"):
            Transformer(**options).load(tmp_path)
    weights.write_bytes(whole)
    for wrong in (text[:40], "[]", json.dumps({**json.loads(text), "n_items": 5})):
        sizes.write_text(wrong)
        with pytest.raises(RecbenchError, match="holds no whole saved transformer"):
            Transformer(**options).load(tmp_path)
    with pytest.raises(RecbenchError, match="holds no whole saved transformer"):
        Transformer(**options).load(tmp_path / "nowhere")
    sizes.write_text(text)
    assert Transformer(**options).load(tmp_path).n_items_ == 32
    (tmp_path / "rules.safetensors").unlink()
    with pytest.raises(RecbenchError, match="holds no whole saved rules"):
        Transformer(**options).load(tmp_path)


def test_it_says_when_it_has_learned_nothing(tmp_path: Path) -> None:
    for ask in (
        lambda: Transformer().score(example()),
        lambda: Transformer().save(tmp_path),
        lambda: Transformer().n_parameters,
        lambda: Transformer().explain(example().take([0]), np.array([0])),
    ):
        with pytest.raises(RecbenchError, match="call fit or load"):
            ask()


def test_importing_it_imports_no_torch() -> None:
    code = "import recbench_transformer as t, sys; t.Transformer(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
