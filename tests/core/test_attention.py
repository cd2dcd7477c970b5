"""Attention of a model over one history: checks of answers, tables, summaries and pictures."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench.report.report
from recbench import Dataset, Interactions, RecbenchError, UsageError, load_plugins, recommend
from recbench.attention import Attention, attention
from recbench.models.in_process import traits_of


class Looks:
    """A model with two layers of three heads that attend to the latest 30 interactions."""

    def fit(self, train: Any) -> Any:
        Path("fitted").touch()
        return self

    def score(self, history: Any) -> Any:
        return np.tile(np.arange(history.n_items), (len(history), 1))

    def attention(self, history: Any) -> Any:
        n = min(30, history.n_interactions)
        weights = np.tril(np.random.default_rng(0).random((2, 3, n, n)))
        return weights / weights.sum(axis=3, keepdims=True)


class BothWays(Looks):
    """A model whose attention is not causal."""

    def attention(self, history: Any) -> Any:
        n = history.n_interactions
        return np.full((1, 1, n, n), 1 / n, dtype=np.float32)


class Flat(Looks):
    def attention(self, history: Any) -> Any:
        return super().attention(history)[0]


class Longer(Looks):
    def attention(self, history: Any) -> Any:
        return np.eye(history.n_interactions + 1)[None, None]


class NoLayers(Looks):
    def attention(self, history: Any) -> Any:
        return np.zeros((0, 1, 1, 1))


class Logits(Looks):
    def attention(self, history: Any) -> Any:
        return super().attention(history) * 2


class Negative(Looks):
    def attention(self, history: Any) -> Any:
        weights = super().attention(history)
        weights[1, 2, -1, :2] += [-2, 2]
        return weights


class Infinite(Looks):
    def attention(self, history: Any) -> Any:
        weights = super().attention(history)
        weights[0, 1, 2, 0] = np.nan
        return weights


class Raises(Looks):
    def attention(self, history: Any) -> Any:
        raise ZeroDivisionError("here")


class Words(Looks):
    def attention(self, history: Any) -> Any:
        return [[[["all"]]]]


class HoldsALayer(Looks):
    """A model that has an attribute of this name, as torch modules may, but not the method."""

    attention = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.attention = lambda q, k, v: q


class TakesQueries(Looks):
    def attention(self, q: Any, k: Any = None, v: Any = None) -> Any:  # type: ignore[override]
        return q


def _long() -> Dataset:
    log = Interactions.from_log(np.repeat([0, 1], 40), np.tile(np.arange(40), 2), n_items=120)
    titles = np.array([f"A film with a title of some length, part {nth}" for nth in range(120)])
    return Dataset("long", log, np.arange(2), np.arange(120) + 1000, titles)


KINDS = (Looks, BothWays, Flat, Longer, NoLayers, Logits, Negative, Infinite, Raises, Words)
MODELS = {kind.__name__.lower(): kind for kind in (*KINDS, HoldsALayer, TakesQueries)}
PLUGINS = load_plugins(mine=plugin(models=MODELS, datasets={"long": _long}))


def _attention(model: str, dataset: str, **more: Any) -> Attention:
    return attention(model, dataset=dataset, plugins=PLUGINS, **more)


def test_weights_are_from_the_model_and_items_are_the_latest_of_the_history() -> None:
    found = _attention("looks", "long", user=0, k=3)
    same = recommend("looks", user=0, k=3, dataset="long", plugins=PLUGINS)
    assert found.recommendation.items.tolist() == same.items.tolist()
    assert found.items.tolist() == same.history[-30:].tolist() == list(range(10, 40))
    assert (found.weights.shape, found.weights.dtype) == ((2, 3, 30, 30), np.float64)
    assert found.weights.sum(axis=3) == pytest.approx(1)
    assert found.model == "looks"


def test_the_frame_has_a_row_per_layer_head_and_pair_of_positions() -> None:
    found = _attention("looks", "long", user=0)
    frame = found.to_frame()
    assert list(frame)[:5] == ["layer", "head", "position", "item", "title"]
    assert list(frame)[5:] == ["from_position", "from_item", "from_title", "weight"]
    assert len(frame) == found.weights.size
    row = frame[(frame["layer"] == 2) & (frame["head"] == 1)]
    row = row[(row["position"] == 40) & (row["from_position"] == 11)].iloc[0]
    assert (row["item"], row["from_item"]) == (1039, 1010)
    assert row["title"].endswith("part 39")
    assert row["from_title"].endswith("part 10")
    assert row["weight"] == found.weights[1, 0, 29, 0]


def test_leading_positions_have_the_largest_weights_of_the_last_row() -> None:
    found = _attention("looks", "long", user=0)
    last = found.weights[1, 2, -1]
    assert found.leading(2, 3).tolist() == np.argsort(-last, kind="stable")[:3].tolist()
    assert len(found.leading(1, 1, 99)) == 30
    for layer, head, match in ((3, 1, "no layer 3.*1 to 2"), (1, 0, "no head 0.*1 to 3")):
        with pytest.raises(UsageError, match=match):
            found.leading(layer, head)


def test_the_text_has_a_line_per_layer_and_head(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _attention("looks", "long", user=0)
    monkeypatch.setattr(recbench.report.report, "terminal", lambda: 0)
    monkeypatch.setattr(recbench.report.text, "terminal", lambda: 400)
    heading, how, empty, *lines = str(found).splitlines()
    assert heading == "Attention of looks on long for user 0"
    assert "the last position, A film with a title of some length, part 39" in how
    assert empty == ""
    assert [line.partition(":")[0] for line in lines] == [
        f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2, 3)
    ]
    place = found.leading(1, 1)[0]
    assert lines[0].startswith(f"layer 1, head 1: {found.weights[0, 0, -1, place]:.2f} A film")
    assert lines[0].count("A film") == 3
    monkeypatch.setattr(recbench.report.text, "terminal", lambda: 60)
    lines = str(found).splitlines()
    assert max(map(len, lines)) <= 60
    assert {line[:2] for line in lines[6:]} == {"la", "  "}


@pytest.mark.parametrize("model", ["holdsalayer", "takesqueries", "popular"])
def test_a_model_without_the_method_is_an_error_before_training(tiny: str, model: str) -> None:
    match = rf"{model} .* cannot show attention: it has no method attention\(history\)"
    with pytest.raises(UsageError, match=match):
        _attention(model, tiny, user="u0")
    assert not Path("fitted").exists()
    assert traits_of(Looks()).attends


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        ("flat", r"attention returned an array of shape \(3, 4, 4\); the shape must be \(layers"),
        ("longer", r"shape \(1, 1, 5, 5\); .* with n from 1 to the history's 4 interactions"),
        ("nolayers", r"shape \(0, 1, 1, 1\)"),
        ("logits", r"weights must sum to 1 over each row; row 1 of layer 1, head 1 sums to 2"),
        ("negative", r"weights must not be negative; row 4 of layer 2, head 3"),
        ("infinite", r"weights must be finite; row 3 of layer 1, head 2"),
        ("raises", "attention raised ZeroDivisionError: here"),
        ("words", r"attention returned an array of type <U3"),
    ],
)
def test_an_invalid_answer_is_an_error_that_names_rule_plugin_and_user(
    tiny: str, model: str, rule: str
) -> None:
    with pytest.raises(RecbenchError, match=rf"{model} \(plugin mine\): .*{rule}.*user u0"):
        _attention(model, tiny, user="u0")


def _drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    drawn: dict[str, Any] = {}

    def keep(values: Any, names: Any, rows: Any, columns: Any, **more: Any) -> bytes:
        drawn.update(more, values=values, names=names, rows=rows, columns=columns)
        return b""

    monkeypatch.setattr(sys.modules["recbench.attention"], "heatmap_panels", keep)
    return drawn


def test_the_picture_shows_the_latest_items_and_the_weight_of_earlier_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn, found = _drawn(monkeypatch), _attention("looks", "long", user=0)
    found.picture()
    assert drawn["values"].shape == (2, 3, 20, 20)
    assert np.isnan(drawn["values"][0, 0]).sum() == 190, "later items must be grey"
    assert drawn["names"][1] == [f"layer 2, head {head}" for head in (1, 2, 3)]
    assert [label.split()[-1] for label in drawn["rows"]] == [str(n) for n in range(20, 40)]
    assert drawn["rows"] == drawn["columns"]
    earlier = found.weights[1, 2, 29, :10].sum()
    assert drawn["notes"][1, 2, 19] == f"{earlier:.2f}"
    assert np.nansum(drawn["values"][1, 2, 19]) + earlier == pytest.approx(1)
    for words in ("looks on long: attention for user 0", "latest 30 of 40", "latest 20 of 30"):
        assert words in drawn["title"]


def test_the_picture_of_one_layer_or_head(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, found = _drawn(monkeypatch), _attention("looks", "long", user=0)
    found.picture(layer=2, head=3)
    assert drawn["names"] == [["layer 2, head 3"]]
    assert np.nanmax(drawn["values"]) == found.weights[1, 2, -20:, -20:].max()
    found.picture(head=1)
    assert drawn["names"] == [["layer 1, head 1"], ["layer 2, head 1"]]
    with pytest.raises(UsageError, match=r"no head 4\. Choose a head from 1 to 3"):
        found.picture(head=4)


def test_many_panels_show_fewer_items_and_short_histories_are_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn, found = _drawn(monkeypatch), _attention("looks", "long", user=0)
    Attention(found.recommendation, np.tile(found.weights, (2, 1, 1, 1)), "looks").picture()
    assert drawn["values"].shape == (4, 3, 10, 10)
    _attention("bothways", "long", items=[1003, 1005]).picture()
    assert drawn["values"].tolist() == [[[[0.5, 0.5]] * 2]], "nothing must be grey"
    assert drawn["notes"] is None
    assert "latest" not in drawn["title"]
    assert "Grey" not in drawn["title"]


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
@pytest.mark.parametrize("query", [{"user": 0}, {"items": [1003]}])
def test_pictures_are_drawn_without_a_warning(form: str, query: dict[str, Any]) -> None:
    found = _attention("looks", "long", **query)
    found.draw(f"picture.{form}")
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[form]
    assert Path(f"picture.{form}").read_bytes().startswith(start)
    with pytest.raises(UsageError, match=r"Use \.png, \.svg"):
        found.draw("picture.txt")


def test_a_notebook_shows_the_leading_items_and_the_picture() -> None:
    html = _attention("looks", "long", user=0)._repr_html_()
    assert html.count("layer ") == 2 * 3
    assert html.count('src="data:image/png;base64,iVBOR') == 1
