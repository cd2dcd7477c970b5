"""A result: its names, its cut-offs and why it failed."""

import pytest
from made_results import GOOD, columns_of, failed, result_of

from recbench import metric_label
from recbench.results.result import Tuned
from recbench.results.row import Row


def test_a_result_is_named_with_its_seed() -> None:
    result = result_of("mine", {"ndcg@3": GOOD, "a@b@10": GOOD}, seed=3)
    assert result.label == "mine, seed 3"
    assert result.ks == {3, 10}
    assert result.value("ndcg", 3).mean == pytest.approx(GOOD.mean())
    assert (result.device, result.isolated) == ("", True)


def test_a_failure_names_the_model_once() -> None:
    assert failed("mine", 3).failure == "mine, seed 3 (plugin mine) failed: no"
    assert result_of("mine", {"ndcg@3": GOOD}).failure == ""


def test_labels_of_metrics_have_their_options_and_a_cut_off_if_there_is_one() -> None:
    assert metric_label("precision", 10) == "Precision@10"
    assert metric_label("rbp:persistence=0.95", 10) == "RBP:persistence=0.95@10"
    assert metric_label("ild:by=genres") == "ILD:by=genres"
    assert metric_label("auc", 3) == metric_label("auc", 10) == metric_label("auc") == "AUC"
    assert metric_label("r-precision", 10) == "R-Precision"
    assert metric_label("mine:a=1", 3) == "mine:a=1@3"


def test_a_row_says_how_its_options_were_found() -> None:
    tuned, plain = Tuned("key", "ndcg@10", 0.5, n_trials=30, n_options=2), Tuned()
    by_mrr = Tuned("key", "mrr@5", 0.5, n_trials=3, n_options=2)
    assert str(by_mrr) == "tuned by MRR@5: 3 trials"
    labels = {
        Row("mine", (result_of("mine", {"ndcg@3": GOOD}, seed, tuned=how),), columns_of).label
        for seed, how in enumerate([tuned, Tuned(n_trials=1, n_options=1), plain, None])
    }
    assert labels == {
        "mine (tuned: 30 trials)",
        "mine (tuned: 1 trial)",
        "mine (not tuned)",
        "mine",
    }
    seeds = (
        result_of("mine", {"ndcg@3": GOOD}, 0),
        result_of("mine", {"ndcg@3": GOOD}, 1, tuned=tuned),
    )
    assert Row("mine", seeds, columns_of).label == "mine (tuned: 30 trials)"
