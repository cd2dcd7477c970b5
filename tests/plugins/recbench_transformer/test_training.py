"""Training: what it learns, its schedule, early stopping, final epochs, and errors."""

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from made_transformer import (
    SMALL,
    log_of,
    ndcg_at_10,
    script_validation,
    small_network,
    watch_epochs,
)

from recbench import RecbenchError
from recbench.reported import received_by
from recbench.testing import example
from recbench_rules.counts import count_followers
from recbench_splitters import LeaveLastOut, Windows
from recbench_transformer import Transformer, binary, loss, training, validation
from recbench_transformer.presets import DEFAULT, NOTEBOOK, PRESETS
from recbench_transformer.warm_start import cooccurrence_embeddings

NETWORK_ALONE = {
    "epochs": 4,
    "patience": 4,
    "batch": 256,
    "device": "cpu",
    "rules": False,
    "repeats": False,
    "dropout": 0.1,
    "warm": False,
}
"""The network alone, with random initial embeddings."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_deterministic_pattern_is_learned(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items form a cycle of 30 with a random start per user, so the next item is certain."""
    monkeypatch.setattr(training, "matmul_dtype", lambda device: dtype)
    split = LeaveLastOut().split(example(users=300))
    model = Transformer(**NETWORK_ALONE).fit(split.train)
    assert ndcg_at_10(model, split) > 0.95
    off = Transformer(**{**NETWORK_ALONE, "epochs": 1}, bfloat16=False).fit(split.train)
    on = Transformer(**{**NETWORK_ALONE, "epochs": 1}).fit(split.train)
    same = np.array_equal(off.score(split.history), on.score(split.history))
    assert same == (dtype == torch.float32)


def test_the_pattern_is_learned_with_a_sampled_softmax() -> None:
    split = LeaveLastOut().split(example(users=300))
    assert ndcg_at_10(Transformer(negatives=8, **NETWORK_ALONE).fit(split.train), split) > 0.9


def test_the_pattern_is_learned_sooner_with_rules() -> None:
    split = LeaveLastOut().split(example(users=300))
    options = {**NETWORK_ALONE, "epochs": 2, "batch": 4096}
    alone = ndcg_at_10(Transformer(**options).fit(split.train), split)
    assert ndcg_at_10(Transformer(**{**options, "rules": 1}).fit(split.train), split) > alone + 0.05


def test_the_pattern_is_learned_from_windows_by_the_notebook_preset() -> None:
    split = Windows().split(example(users=300))
    model = Transformer(preset="notebook", batch=96, epochs=6, device="cpu").fit(split.train)
    assert ndcg_at_10(model, split) > 0.6


@pytest.mark.parametrize("preset", PRESETS)
def test_a_catalogue_of_one_item_trains(preset: str) -> None:
    log = log_of([[0, 0, 0], [0, 0]], n_items=1)
    assert np.isfinite(Transformer(preset=preset, **SMALL).fit(log).score(log)).all()


@pytest.mark.parametrize(
    "options",
    [{"preset": "sasrec"}, {"preset": "sasrec-bce"}, {"preset": "gsasrec", "negatives": 4}],
)
def test_the_pattern_is_learned_by_the_published_presets(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="recbench")
    split = LeaveLastOut().split(example(users=300))
    training = {"epochs": 12, "lr": 0.02, "dropout": 0.0, "batch": 256, "dim": 32, "device": "cpu"}
    model = Transformer(**training, **options).fit(split.train)
    assert ndcg_at_10(model, split) > 0.5
    assert ("perplexity" in caplog.text) == (model.settings.loss == "softmax")


def test_negatives_are_drawn_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of sasrec-bce do not occur in the row that is trained on; gsasrec's may."""
    log, collected = log_of([[0, 1, 2, 3, 4], [7, 8, 9, 10, 11, 0]]), []

    def backward(hidden: Any, targets: Any, _: Any, negatives: Any, rows: Any, *rest: Any) -> float:
        drawn = negatives.draw(rows, targets)
        seen = [log.take([row]).items[:-1] for row in rows]  # the last item is held out
        unseen = all(not np.isin(*pair).any() for pair in zip(drawn.numpy(), seen, strict=True))
        collected.append((drawn.shape[1], unseen, rest[0]))
        return float(hidden.detach().sum() * 0)

    monkeypatch.setattr(binary, "backward", backward)
    for options in ({"preset": "sasrec-bce"}, {"preset": "gsasrec"}, {"loss": "bce"}):
        Transformer(**{**SMALL, "epochs": 1, "finish": 0}, **options).fit(log)
    assert collected == [(1, True, 0.0), (256, False, 0.75), (1, collected[2][1], 0.0)]


def test_published_presets_use_adam_with_a_constant_learning_rate() -> None:
    trainer = training.Trainer(
        small_network("sasrec"),
        PRESETS["sasrec"],
        torch.ones(12),
        np.random.default_rng(0),
        repeats=False,
    )
    assert type(trainer.optimiser) is torch.optim.Adam
    (group,) = trainer.optimiser.param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-3, (0.9, 0.999), 0)
    assert {training.lr_factor(PRESETS["sasrec"], epoch) for epoch in (0, 1, 50, 100)} == {1.0}


def test_embeddings_start_from_co_occurrences_unless_warm_is_false(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained, log = watch_epochs(monkeypatch), example()
    for warm in (True, False):
        Transformer(**{**SMALL, "epochs": 1}, warm=warm, seed=3).fit(log)
    rest, _, _ = validation.hold_out(log, DEFAULT, np.random.default_rng(3))
    embeddings = cooccurrence_embeddings(count_followers(rest, 10), 16, 3)
    assert torch.equal(trained[0][1], embeddings)
    assert not torch.allclose(trained[1][1], embeddings, atol=0.1)


def test_the_same_seed_gives_the_same_weights_and_global_generators_are_restored() -> None:
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    expected = torch.rand(3), np.random.rand(3)  # noqa: NPY002
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    model, again, reseeded = (Transformer(**SMALL, seed=s).fit(example()) for s in (1, 1, 2))
    drawn = torch.rand(3), np.random.rand(3)  # noqa: NPY002
    assert torch.equal(expected[0], drawn[0])
    assert np.array_equal(expected[1], drawn[1])
    scores = [fitted.score(example()) for fitted in (model, again, reseeded)]
    assert np.array_equal(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2], atol=1e-3)


def test_with_one_row_per_user_no_users_are_embedded() -> None:
    assert Transformer(**SMALL).fit(example()).network_.users is None


@pytest.mark.parametrize("horizon", ["next", "future"])
def test_batches_have_the_targets_of_the_horizon(
    horizon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bool] = []
    real = training.make_batches
    monkeypatch.setattr(
        training, "make_batches", lambda *a, **k: made.append(k["future"]) or real(*a, **k)
    )
    model = Transformer(**SMALL, horizon=horizon).fit(example())
    assert set(made) == {horizon == "future"}
    assert model.sized_.horizon == horizon


def test_validation_masks_seen_items_unless_they_are_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collected = []
    monkeypatch.setattr(
        training,
        "validate",
        lambda *_, mask_seen: collected.append(mask_seen) or (torch.zeros(1), 1.0),
    )
    for log in (log_of([[1, 2, 3], [3, 2, 4]]), log_of([[1, 2, 3], [3, 2, 3]])):
        for mask in (True, False):
            Transformer(**{**SMALL, "epochs": 1, "finish": 0}, mask=mask).fit(log)
        for options in ({"loss": "bce"}, {"negatives": 4}):  # these never leave seen items out
            Transformer(**{**SMALL, "epochs": 1, "finish": 0}, **options).fit(log)
    assert collected == [True, True, True, True, True, False, False, False]


def test_large_catalogues_use_a_sampled_softmax(monkeypatch: pytest.MonkeyPatch) -> None:
    collected = []
    monkeypatch.setattr(training, "MAX_FULL_SOFTMAX", 20)
    monkeypatch.setattr(training, "DEFAULT_NEGATIVES", 5)
    monkeypatch.setattr(
        loss,
        "backward",
        lambda h, t, o, sampler, d, s: (
            collected.append((sampler, s)) or float(h.detach().sum() * 0)
        ),
    )
    Transformer(**SMALL).fit(example())
    assert {(sampler.number, seen) for sampler, seen in collected} == {(5, None)}
    collected.clear()
    Transformer(**SMALL, negatives=0).fit(example())
    assert {sampler for sampler, _ in collected} == {None}


def test_without_final_epochs_patience_ends_training_with_the_best_epoch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = script_validation(monkeypatch, [0.1, 0.3, 0.2, 0.29, 0.9])
    caplog.set_level(logging.INFO, logger="recbench")
    model = Transformer(**{**SMALL, "epochs": 9, "patience": 2, "finish": 0}).fit(example())
    assert len(seen) == 4
    assert torch.equal(model.network_.items.weight, seen[1])
    assert not torch.equal(seen[3], seen[1])
    assert len(caplog.messages) == 4
    assert "epoch 2/9" in caplog.messages[1]
    for word in ("loss", "(perplexity", "validation NDCG@10 0.3000 (loss 4.000)", "interactions/s"):
        assert word in caplog.messages[1]


@pytest.mark.parametrize(
    ("ndcg", "epochs", "best"),
    [
        ([0.1, 0.3, 0.2, 0.29], [0, 1, 2, 3, 6, 7], 1),  # patience ends after 4; two are left out
        ([0.1, 0.3, 0.2, 0.4, 0.3, 0.5], [0, 1, 2, 3, 4, 5, 6, 7], 5),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.4], [0, 1, 2, 3, 4, 5, 6, 7], 4),
    ],
)
def test_final_epochs_continue_from_the_best_epoch_on_all_data(
    ndcg: list[float], epochs: list[int], best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, trained, log = script_validation(monkeypatch, ndcg), watch_epochs(monkeypatch), example()
    model = Transformer(**{**SMALL, "epochs": 8, "patience": 2, "finish": 0.25})
    learned = [epoch.n_interactions for epoch in model.fit_epochs(log)]
    n_all = int((log.lengths - 1).sum())
    assert learned == [n_all - 20] * len(ndcg) + [n_all] * 2 + [
        0
    ]  # 20 of 40 sequences are validated
    assert [epoch for epoch, _ in trained] == epochs
    assert torch.equal(trained[-2][1], seen[best])
    assert best == len(ndcg) - 1 or not torch.equal(seen[-1], seen[best])
    assert not torch.equal(model.network_.items.weight, seen[best])


@pytest.mark.parametrize(("finish", "patience"), [(0, 9), (0.5, 9), (0, 2)])
def test_the_ndcg_of_each_validated_epoch_is_reported(
    finish: float, patience: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_validation(monkeypatch, [0.3, 0.2, 0.1, 0.4])
    reported: list[tuple[float, int]] = []
    losses: list[int] = []

    def receive(step: int, values: Mapping[str, float]) -> None:
        assert values["loss"] > 0
        losses.append(step)
        if "validation" in values:
            reported.append((values["validation"], step))
            assert values["validation loss"] > 0

    options = {**SMALL, "epochs": 4, "finish": finish, "patience": patience}
    with received_by(receive):
        Transformer(**options).fit(example())
    n_validated = 4 if patience == 9 and not finish else 3 if patience == 2 else 2
    assert reported == [(0.3, 1), (0.2, 2), (0.1, 3), (0.4, 4)][:n_validated]
    assert losses == sorted(set(losses))
    assert len(losses) >= n_validated


def test_a_training_that_is_ended_after_an_epoch_trains_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script_validation(monkeypatch, [0.3, 0.2, 0.1, 0.4])
    trained = watch_epochs(monkeypatch)

    def end(step: int, values: Mapping[str, float]) -> None:
        if step == 2:
            raise RecbenchError(f"ended at {values['validation']}")

    with received_by(end), pytest.raises(RecbenchError, match=r"ended at 0\.2"):
        Transformer(**{**SMALL, "epochs": 4, "finish": 0}).fit(example())
    assert [epoch for epoch, _ in trained] == [0, 1]


def test_the_model_can_score_after_each_epoch() -> None:
    log, options = example(), {**SMALL, "epochs": 3}
    model = Transformer(**options)
    scores = [model.score(log) for _ in model.fit_epochs(log)]
    assert len(scores) == 4
    assert not np.allclose(scores[0], scores[1], atol=1e-3)
    assert np.array_equal(scores[-1], Transformer(**options).fit(log).score(log))


def test_the_learning_rate_rises_and_falls_to_zero() -> None:
    settings = dataclasses.replace(DEFAULT, epochs=7)
    rates = [training.lr_factor(settings, 7 * share / 100) for share in range(101)]
    assert rates[0] == rates[100] == pytest.approx(0)
    assert max(rates) == rates[5] > 0.98
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert training.lr_factor(NOTEBOOK, 2.5) == pytest.approx(0.95**2)


def test_sequences_too_short_for_validation_are_trained_on() -> None:
    model = Transformer(**SMALL).fit(log_of([[1, 2], [3], [], [2, 3]]))
    assert np.isfinite(model.score(log_of([[1]], users=[-1]))).all()


def test_the_largest_seed_is_accepted() -> None:
    model = Transformer(**{**SMALL, "networks": 2}, seed=2**63 - 1).fit(example())
    assert np.isfinite(model.score(example())).all()


@pytest.mark.parametrize("sequences", [[], [[1], []]])
def test_training_data_without_two_items_in_a_sequence_is_an_error(
    sequences: list[list[int]],
) -> None:
    with pytest.raises(RecbenchError, match="nothing to learn"):
        Transformer(**SMALL).fit(log_of(sequences))
    log = example()
    with pytest.raises(RecbenchError, match="nothing to learn"):
        Transformer(**SMALL).fit(log.keep(np.zeros(log.n_interactions, dtype=bool)))


def test_training_that_diverges_is_an_error() -> None:
    with pytest.raises(RecbenchError, match=r"diverged in epoch \d: .* below lr="):
        Transformer(preset="notebook", lr=1e30, device="cpu").fit(Windows().split(example()).train)
