"""The Transformer: its contract, its network's rules, its training, its files."""

import json
import logging
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbench import Interactions, RecbenchError, UsageError, evaluate
from recbench.testing import check_model, example
from recbench_splitters import LeaveLastOut, Windows
from recbench_transformer import Transformer, device, loss, network, training, windows
from recbench_transformer.presets import DEFAULT, NOTEBOOK, PRESETS

SMALL: dict[str, Any] = {
    "dim": 16, "heads": 2, "feedforward": 16, "length": 8, "epochs": 2, "device": "cpu"
}  # fmt: skip


def of(sequences: list[list[int]], n_items: int = 12, users: list[int] | None = None):
    lengths = np.array([len(one) for one in sequences])
    return Interactions(
        users=np.arange(len(sequences)) if users is None else np.array(users),
        items=np.array([item for one in sequences for item in one]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        n_users=40,
        n_items=n_items,
    )


def built(preset: str = "default", *, remember: bool = False, n_items: int = 12):
    torch.manual_seed(0)
    s = Transformer(preset=preset, **{**SMALL, "layers": 2}).settings
    made = network.build(s, n_items, 4, remember=remember)
    if remember:
        torch.nn.init.normal_(made.users.weight)
    return made.eval()


@pytest.mark.parametrize("options", [{}, {"preset": "notebook"}, {"negatives": 7}])
def test_contract(options: dict[str, Any]) -> None:
    check_model(Transformer, **{**SMALL, **options})


@pytest.mark.parametrize("preset", PRESETS)
def test_later_items_change_nothing_before_them(preset: str) -> None:
    net, users = built(preset, remember=True), torch.tensor([0])
    one, other = torch.tensor([[1, 2, 3, 4, 5]]), torch.tensor([[1, 2, 3, 9, 8]])
    with torch.no_grad():
        before, after = net(one, users), net(other, users)
    assert torch.allclose(before[:, :3], after[:, :3], atol=1e-6)
    assert not torch.allclose(before[:, 3:], after[:, 3:], atol=1e-2)


@pytest.mark.parametrize("preset", PRESETS)
def test_order_matters(preset: str) -> None:
    net, users = built(preset), torch.tensor([0])
    with torch.no_grad():
        one, other = net(torch.tensor([[1, 2, 3]]), users), net(torch.tensor([[2, 1, 3]]), users)
    assert not torch.allclose(one[:, -1], other[:, -1], atol=1e-3)


@pytest.mark.parametrize("preset", PRESETS)
def test_rows_alone_score_as_together_and_only_the_latest_items_count(preset: str) -> None:
    model = Transformer(preset=preset, **{**SMALL, "epochs": 1}).fit(example(items=10))
    history = of(
        [[1], [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 3], [2, 5], [3, 4, 5, 6, 7, 8, 9, 0], [], [7]]
    )
    together = model.score(history)
    assert together.shape == (6, 12)
    assert together.dtype == np.float32
    for row, alone in enumerate(history.batches(1)):
        assert np.allclose(model.score(alone)[0], together[row], atol=1e-4)
    assert not np.allclose(together[0], together[5], atol=1e-3)
    assert model.score(history.take([])).shape == (0, 12)
    same = of([[4, 5, 6, 7, 8, 9, 0, 3]], users=[1])
    assert np.allclose(model.score(same)[0], together[1], atol=1e-4)


@pytest.mark.parametrize("preset", PRESETS)
def test_unknown_people_are_all_the_same(preset: str) -> None:
    """On windows both presets embed users; one who had no window is as unknown as -1."""
    log = example(items=10)
    known = log.take(np.repeat(np.arange(30), 2))
    model = Transformer(preset=preset, **SMALL).fit(known)
    assert model.network_.users is not None
    history = Interactions(np.array([-1, 35, 39, 0]), np.tile([1, 2], 4), np.arange(5) * 2, 40, 12)
    scores = model.score(history)
    assert np.allclose(scores[0], scores[1:3], atol=1e-5)
    assert not np.allclose(scores[0], scores[3], atol=1e-5)
    if preset == "notebook":
        table = model.network_.users.weight
        assert torch.allclose(table[-1], table[:30].mean(dim=0), atol=1e-6)


def test_one_row_a_user_needs_no_memory_of_users() -> None:
    assert Transformer(**SMALL).fit(example()).network_.users is None


def test_same_seed_same_weights_and_the_callers_generators_are_left_alone() -> None:
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    wanted = torch.rand(3), np.random.rand(3)  # noqa: NPY002
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    one, again, other = (Transformer(**SMALL, seed=s).fit(example()) for s in (1, 1, 2))
    found = torch.rand(3), np.random.rand(3)  # noqa: NPY002
    assert torch.equal(wanted[0], found[0])
    assert np.array_equal(wanted[1], found[1])
    scores = [model.score(example()) for model in (one, again, other)]
    assert np.array_equal(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2], atol=1e-3)


def test_it_learns_what_is_certain() -> None:
    """Items in a cycle of 30, each user from another start, so the next is always certain."""
    split = LeaveLastOut().split(example(users=300))
    model = Transformer(epochs=30, patience=30, batch=256, device="cpu").fit(split.train)
    ranking = evaluate(model, split, mask_seen=False).ranking
    assert ranking.expectation(1 / np.log2(np.arange(10) + 2)).mean() > 0.95


def test_a_sampled_softmax_learns_it_too() -> None:
    split = LeaveLastOut().split(example(users=300))
    options = {"epochs": 30, "patience": 30, "batch": 256, "device": "cpu"}
    model = Transformer(negatives=8, **options).fit(split.train)
    ranking = evaluate(model, split, mask_seen=False).ranking
    assert ranking.expectation(1 / np.log2(np.arange(10) + 2)).mean() > 0.9


def test_notebook_learns_on_windows() -> None:
    split = Windows().split(example(users=300))
    model = Transformer(preset="notebook", batch=96, device="cpu").fit(split.train)
    ranking = evaluate(model, split, mask_seen=False).ranking
    assert ranking.expectation(1 / np.log2(np.arange(10) + 2)).mean() > 0.6


def test_windows_cover_every_event_once() -> None:
    lengths = np.array([0, 1, 2, 4, 5, 6, 9, 23, 8])
    for seed in range(20):
        row, start, inputs = windows.cut(lengths, 4, np.random.default_rng(seed))
        assert (inputs >= 1).all()
        assert (inputs <= 4).all()
        found = [
            (r, s + 1 + i)
            for r, s, n in zip(row.tolist(), start.tolist(), inputs.tolist(), strict=True)
            for i in range(n)
        ]
        wanted = [(r, event) for r, length in enumerate(lengths) for event in range(1, length)]
        assert sorted(found) == wanted


def test_batches_hold_what_follows_what_within_the_budget() -> None:
    log = of([list(range(n)) for n in (0, 1, 2, 3, 5, 7, 11, 12)])
    targets = []
    for batch in windows.batches(log, 6, 12, np.random.default_rng(0)):
        assert batch.items.size <= 12
        for items, wanted, length in zip(batch.items, batch.targets, batch.lengths, strict=True):
            assert np.array_equal(wanted[:length], items[:length] + 1)
            targets += wanted[:length].tolist()
    assert sorted(targets) == sorted(log.items[log.items > 0].tolist())


def test_chunks_change_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    hidden, targets = torch.randn(10, 4), torch.arange(10) % 6
    found = []
    for scores in (10**6, 18):  # 18 scores are 3 events of 6 items
        monkeypatch.setattr(loss, "SCORES", scores)
        torch.manual_seed(1)
        start = hidden.clone().requires_grad_()
        weight, bias = torch.randn(6, 4, requires_grad=True), torch.randn(6, requires_grad=True)
        value = loss.backward(start * 2, targets, (weight, bias), 0)
        assert value == pytest.approx(loss.mean(start.detach() * 2, targets, (weight, bias)))
        found.append((start.grad, weight.grad, bias.grad))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_sampled_softmax_aims_at_the_full_one() -> None:
    """Its sum of exp(score), averaged over many draws, is that of the whole catalogue."""
    torch.manual_seed(0)
    hidden, weight, bias = torch.randn(1, 4), torch.randn(50, 4), torch.randn(50)
    scores = torch.nn.functional.linear(hidden, weight, bias)[0]
    sums = [
        math.exp(float(loss.sampled(hidden, torch.tensor([3]), (weight, bias), drawn) + scores[3]))
        for drawn in torch.randint(50, (4000, 16))
    ]
    assert np.mean(sums) == pytest.approx(float(scores.exp().sum()), rel=0.05)


def test_big_catalogues_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(training, "FULL", 20)
    monkeypatch.setattr(training, "NEGATIVES", 5)
    monkeypatch.setattr(
        loss, "backward", lambda h, t, o, n: asked.append(n) or float(h.detach().sum() * 0)
    )
    Transformer(**SMALL).fit(example())
    Transformer(**SMALL, negatives=0).fit(example())
    assert set(asked) == {0, 5}


@pytest.mark.parametrize("held", ["last", "rows"])
def test_what_is_held_out_is_not_trained_on(held: str) -> None:
    log = example(users=100)
    s = PRESETS["default" if held == "last" else "notebook"]
    rest, out = training.hold_out(log, s, np.random.default_rng(0))
    assert len(rest) == len(log)
    assert len(out) == (50 if held == "last" else 10)
    missing = 50 if held == "last" else out.n_events
    assert rest.n_events == log.n_events - missing
    for user in out.users:
        assert rest.lengths[user] == (log.lengths[user] - 1 if held == "last" else 0)


def test_the_best_epoch_is_kept_and_patience_ends_training(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    losses, seen = iter([5.0, 4.0, 4.5, 4.4, 1.0]), []

    def validate(net, held, s):
        seen.append(net.items.weight.detach().clone())
        return next(losses)

    monkeypatch.setattr(training, "validate", validate)
    caplog.set_level(logging.INFO, logger="recbench")
    model = Transformer(**{**SMALL, "epochs": 9, "patience": 2}).fit(example())
    assert len(seen) == 4
    assert torch.equal(model.network_.items.weight, seen[1])
    assert not torch.equal(seen[3], seen[1])
    assert len(caplog.messages) == 4
    assert "epoch 2/9" in caplog.messages[1]
    for word in ("loss", "perplexity", "validation loss 4.000", "events/s"):
        assert word in caplog.messages[1]


def test_rows_too_short_to_validate_on_still_train() -> None:
    model = Transformer(**SMALL).fit(of([[1, 2], [3], [], [2, 3]]))
    assert np.isfinite(model.score(of([[1]], users=[-1]))).all()


@pytest.mark.parametrize("sequences", [[], [[1], []]])
def test_nothing_to_learn_is_an_error(sequences: list[list[int]]) -> None:
    with pytest.raises(RecbenchError, match="nothing to learn"):
        Transformer(**SMALL).fit(of(sequences))


def test_a_training_that_diverges_is_an_error() -> None:
    with pytest.raises(RecbenchError, match=r"diverged in epoch \d: .* lower lr"):
        Transformer(preset="notebook", lr=1e30, device="cpu").fit(Windows().split(example()).train)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": "large"}, "preset=large is unknown; use one of: default, notebook"),
        ({"dim": 10, "heads": 3}, "dim=10 must be a multiple of heads=3"),
        ({"dim": 0}, "dim=0 must be 1 or more"),
        ({"epochs": 0}, "epochs=0"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"lr": math.nan}, "lr=nan"),
        ({"negatives": -1}, "negatives=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"device": "tpu"}, "device=tpu is unknown"),
    ],
)
def test_wrong_options_are_refused_at_once(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Transformer(**options)


def test_options_stand_above_the_preset() -> None:
    assert Transformer().settings == DEFAULT
    assert Transformer(preset="notebook").settings == NOTEBOOK
    changed = Transformer(preset="notebook", dim=32, dropout=0.0).settings
    assert (changed.dim, changed.dropout, changed.lr) == (32, 0.0, NOTEBOOK.lr)


def test_devices() -> None:
    assert device.choose("cpu") == torch.device("cpu")
    assert device.choose("auto").type in ("cpu", "cuda", "mps")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no device cuda:1"):
            device.choose("cuda:1")


@pytest.mark.parametrize("preset", PRESETS)
def test_load_gives_back_what_save_wrote(preset: str, tmp_path: Path) -> None:
    train = Windows().split(example()).train
    model = Transformer(preset=preset, **SMALL).fit(train)
    model.save(tmp_path)
    loaded = Transformer(preset=preset, **SMALL).load(tmp_path)
    assert np.array_equal(model.score(train), loaded.score(train))
    with pytest.raises(RecbenchError, match="knows 32 items and the history 12"):
        loaded.score(of([[1]]))


def test_broken_files_are_refused(tmp_path: Path) -> None:
    options = {**SMALL, "epochs": 1}
    Transformer(**options).fit(example()).save(tmp_path)
    with pytest.raises(RecbenchError, match="saved with dim=16, not 32"):
        Transformer(**{**options, "dim": 32}).load(tmp_path)
    weights, sizes = tmp_path / "transformer.safetensors", tmp_path / "transformer.json"
    whole, told = weights.read_bytes(), sizes.read_text()
    for broken in (whole[:-8], whole[:20], b""):
        weights.write_bytes(broken)
        with pytest.raises(RecbenchError, match="holds no whole saved transformer"):
            Transformer(**options).load(tmp_path)
    weights.write_bytes(whole)
    for wrong in (told[:40], "[]", json.dumps({**json.loads(told), "n_items": 5})):
        sizes.write_text(wrong)
        with pytest.raises(RecbenchError, match="holds no whole saved transformer"):
            Transformer(**options).load(tmp_path)
    with pytest.raises(RecbenchError, match="holds no whole saved transformer"):
        Transformer(**options).load(tmp_path / "nowhere")


def test_it_says_when_it_has_learned_nothing(tmp_path: Path) -> None:
    with pytest.raises(RecbenchError, match="call fit or load"):
        Transformer().score(example())
    with pytest.raises(RecbenchError, match="call fit or load"):
        Transformer().save(tmp_path)


def test_importing_it_imports_no_torch() -> None:
    code = "import recbench_transformer as t, sys; t.Transformer(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
