"""A result: its names, its cut-offs and why it failed."""

import pytest
from made_results import GOOD, failed, result_of


def test_a_result_is_named_with_its_seed() -> None:
    result = result_of("mine", {"ndcg@3": GOOD, "a@b@10": GOOD}, seed=3)
    assert result.label == "mine, seed 3"
    assert result.ks == {3, 10}
    assert result.value("ndcg", 3).mean == pytest.approx(GOOD.mean())
    assert (result.device, result.isolated) == ("", True)


def test_a_failure_names_the_model_once() -> None:
    assert failed("mine", 3).failure == "mine, seed 3 (plugin mine) failed: no"
    assert result_of("mine", {"ndcg@3": GOOD}).failure == ""
