"""Explanations: whose weights, checked how, in a frame, a table and on the command line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import plugin

from recbench import RecbenchError, UsageError, explain, load_plugins
from recbench.cli import main
from recbench.commands import cli
from recbench.listings import explanation
from recbench_rules import Rules


class Wrong(Rules):
    """Says what it is told to say."""

    def __init__(self, say: str = "short") -> None:
        super().__init__()
        self.say = say

    def explain(self, history: Any, items: Any) -> Any:
        weights = np.ones((len(items), history.n_events))
        if self.say == "short":
            return weights[:, 1:]
        if self.say == "nan":
            weights[0, 1] = np.nan
        if self.say == "raises":
            raise ZeroDivisionError("here")
        return weights


PLUGINS = load_plugins(mine=plugin(models={"wrong": Wrong}))


def test_weights_are_the_models_and_sum_to_its_scores(tiny: str) -> None:
    told = explain("rules", user="u2", dataset=tiny, k=3)
    assert told.weights.shape == (len(told.found.items), 4)
    assert told.found.scores is not None
    assert np.allclose(told.weights.sum(axis=1), told.found.scores, atol=1e-6)
    assert told.method.startswith("Exact:")
    frame = told.to_frame()
    assert len(frame) == told.weights.size
    first = frame[frame["rank"] == 1]
    assert (first["weight"].abs().diff().dropna() <= 0).all()
    history = [f"i{(2 + t) % 7}" for t in range(4)]
    for row in frame.to_dict("records"):
        assert row["because_item"] == history[-row["event"]]
        assert row["weight"] == told.weights[row["rank"] - 1, 4 - row["event"]]


def test_a_history_typed_by_hand(tiny: str) -> None:
    told = explain("rules", items="i1,i2", dataset=tiny, k=2)
    assert told.weights.shape == (2, 2)
    assert told.to_frame()["because_item"].isin(["i1", "i2"]).all()


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        ("popular", UsageError, "popular cannot explain itself: it has no method explain"),
        ("wrong", RecbenchError, "explain"),
        ("wrong:say=nan", RecbenchError, "gave nan for item number .* event 1"),
        ("wrong:say=raises", RecbenchError, "ZeroDivisionError: here"),
        ("wrung", UsageError, "wrong"),
    ],
)
def test_what_is_wrong_is_said(model: str, error: Any, words: str, tiny: str) -> None:
    with pytest.raises(error, match=words):
        explain(model, user="u2", dataset=tiny, plugins=PLUGINS)


def test_the_table_names_what_counted_most(tiny: str) -> None:
    told = explain("rules", user="u2", dataset=tiny, k=2)
    text = explanation(told)
    best = told.to_frame().iloc[0]
    line = next(line for line in text.splitlines() if line.startswith("1 "))
    assert line.split() == ["1", best["item"], best["because_item"], f"{best['weight']:+.2g}"]
    assert text.count(best["item"]) >= 1
    assert told.method in " ".join(text.split())


def test_the_command_writes_a_picture(tiny: str, tmp_path: Path) -> None:
    for name, magic in (("a.png", b"\x89PNG"), ("b.svg", b"<?xml"), ("c.pdf", b"%PDF")):
        given = ["explain", "rules", "--user", "u2", "--dataset", tiny, "-o", name]
        done = CliRunner().invoke(cli, given)
        assert done.exit_code == 0, done.output
        assert (tmp_path / name).read_bytes().startswith(magic)
        assert "because of" in done.output


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.mp3", "no picture can be written as .mp3"), ("no/a.png", "cannot write")],
)
def test_where_it_cannot_write_is_said_before_anything_is_trained(
    name: str, words: str, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["explain", "rules", "--user", "u2", "--dataset", tiny, "-o", name]
    with pytest.raises(SystemExit) as done:
        main(given)
    assert done.value.code == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
