"""Explanations: exact weights, checks of models, tables and pictures."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench.report.text
from recbench import (
    Dataset,
    Explanation,
    Interactions,
    RecbenchError,
    UsageError,
    explain,
    load_plugins,
    recommend,
)


class Sums:
    """A model whose scores are sums over interactions; older ones have smaller terms."""

    def fit(self, train: Any) -> Any:
        Path("fitted").touch()
        self.terms_ = np.random.default_rng(0).normal(size=(train.n_items, train.n_items))
        return self

    def _terms(self, items: Any) -> Any:
        return self.terms_[items] / np.arange(len(items), 0, -1)[:, None]

    def score(self, history: Any) -> Any:
        return np.array([self._terms(items).sum(axis=0) for items in history.sequences()])

    def explain(self, history: Any, items: Any) -> Any:
        """Exact: each interaction's term of the sum.

        Only the first line is shown.
        """
        return self._terms(history.items)[:, items].T


class Lists(Sums):
    """A model that returns lists and explains them."""

    score = None  # type: ignore[assignment]

    def recommend(self, history: Any, k: int) -> Any:
        scores = Sums.score(self, history)
        for row, items in enumerate(history.sequences()):
            scores[row, items] = -np.inf
        best = np.argsort(-scores, axis=1)[:, :k]
        return np.where(np.take_along_axis(scores, best, axis=1) > -np.inf, best, -1)


class Nothing(Sums):
    def explain(self, history: Any, items: Any) -> Any:
        return np.zeros((len(items), history.n_interactions), dtype=np.int64)


class Transposed(Sums):
    def explain(self, history: Any, items: Any) -> Any:
        return super().explain(history, items).T


class Infinite(Sums):
    def explain(self, history: Any, items: Any) -> Any:
        weights = super().explain(history, items)
        weights[1, 2] = -np.inf
        return weights


class Raises(Sums):
    def explain(self, history: Any, items: Any) -> Any:
        raise ZeroDivisionError("here")


class Writes(Sums):
    def explain(self, history: Any, items: Any) -> Any:
        history.items[:] = 0
        return super().explain(history, items)


class Words(Sums):
    def explain(self, history: Any, items: Any) -> Any:
        return [["much"] * history.n_interactions] * len(items)


class Mute(Sums):
    """A model without a method explain."""

    explain = None  # type: ignore[assignment]


TITLES = ["$5 and $x_2^{$", "漢字 кириллица", "😀 \ud800\n\tend", "a" * 99, "", "\\frac{", "%&#_"]


def _odd() -> Dataset:
    users = np.repeat(np.arange(6), 4)
    items = (users + np.tile(np.arange(4), 6)) % 7
    log = Interactions.from_log(users, items, np.tile(np.arange(4), 6))
    return Dataset("odd", log, np.arange(6), np.arange(7), np.array(TITLES, dtype=object))


def _long() -> Dataset:
    log = Interactions.from_log(np.repeat([0, 1], 40), np.tile(np.arange(40), 2), n_items=120)
    titles = np.array([f"A film with a title of some length, part {nth}" for nth in range(120)])
    return Dataset("long", log, np.arange(2), np.arange(120), titles)


def _named(*kinds: type) -> dict[str, Any]:
    return {kind.__name__.lower(): kind for kind in kinds}


MODELS = _named(Sums, Lists, Nothing, Transposed, Infinite, Raises, Writes, Words, Mute)
PLUGINS = load_plugins(mine=plugin(models=MODELS, datasets={"odd": _odd, "long": _long}))


def _explain(model: str, dataset: str, **more: Any) -> Explanation:
    return explain(model, dataset=dataset, plugins=PLUGINS, **more)


def _width(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    for module in (recbench.report.text, recbench.report.report):
        monkeypatch.setattr(module, "terminal", lambda: columns)


@pytest.mark.parametrize("model", ["sums", "lists"])
def test_weights_are_from_the_model_for_the_items_that_recommend_returns(
    tiny: str, model: str
) -> None:
    found = _explain(model, tiny, user="u0", k=3)
    same = recommend(model, user="u0", k=3, dataset=tiny, plugins=PLUGINS)
    recommendation = found.recommendation
    assert recommendation.items.tolist() == same.items.tolist()
    assert recommendation.history.tolist() == same.history.tolist()
    assert found.weights.shape == (3, 4)
    assert found.weights.dtype == np.float64
    assert (recommendation.scores is None) == (model == "lists")
    if recommendation.scores is not None:
        assert np.allclose(found.weights.sum(axis=1), recommendation.scores)
    assert found.method == "Exact: each interaction's term of the sum."
    assert found.model == model


def test_the_frame_has_a_row_per_recommendation_and_interaction(tiny: str) -> None:
    found = _explain("sums", tiny, items="i2,i0", k=2)
    frame = found.to_frame()
    names = ["rank", "item", "title", "position", "history_item", "history_title", "weight"]
    assert list(frame) == names
    assert frame["rank"].tolist() == [1, 1, 2, 2]
    assert frame["position"].tolist() == [1, 2, 1, 2]
    assert frame["history_item"].tolist() == ["i2", "i0"] * 2
    assert frame["weight"].tolist() == found.weights.ravel().tolist()


def test_leading_is_in_order_of_absolute_weight_and_leaves_out_zeros(tiny: str) -> None:
    fitted = _explain("sums", tiny, user="u0", k=1)
    found = Explanation(fitted.recommendation, np.array([[0.5, -2.0, 0.0, 1.0]]), "", "sums")
    assert found.leading(0, 2).tolist() == [1, 3]
    assert found.leading(0, 9).tolist() == [1, 3, 0]


def test_a_model_without_explain_is_an_error_before_training(tiny: str) -> None:
    match = r"mute \(plugin mine\) cannot explain its recommendations: it has no method explain\("
    with pytest.raises(UsageError, match=match):
        _explain("mute", tiny, user="u0")
    assert not Path("fitted").exists()
    with pytest.raises(UsageError, match=r"popular .* cannot explain its recommendations"):
        _explain("popular", tiny, user="u0")


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        ("transposed", r"explain .* shape \(4, 3\); .* = \(3, 4\)"),
        (
            "infinite",
            r"explain returned -inf for item number \d and interaction 3 of 4; weights must be",
        ),
        ("raises", "explain raised ZeroDivisionError: here"),
        ("writes", "explain raised ValueError.*read-only"),
        ("words", r"explain returned an array of type <U4; it must return numbers"),
    ],
)
def test_an_invalid_answer_is_an_error_that_names_rule_plugin_and_user(
    tiny: str, model: str, rule: str
) -> None:
    with pytest.raises(RecbenchError, match=rf"{model} \(plugin mine\): {rule}.*user u0"):
        _explain(model, tiny, user="u0", k=3)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({}, "name a user .* or a history"),
        ({"user": "nobody"}, "no user 'nobody'"),
        ({"items": ["i1", "zz"]}, "no item 'zz'"),
        ({"user": "u0", "k": 0}, "k must be"),
    ],
)
def test_wrong_arguments_raise_the_same_errors_as_in_recommend(
    tiny: str, more: dict[str, Any], match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        _explain("sums", tiny, **more)


@pytest.mark.parametrize("columns", [80, 200])
def test_the_table_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    _width(monkeypatch, columns)
    found = _explain("sums", "long", user="0", k=10)
    text = str(found)
    assert max(map(len, text.splitlines())) <= columns
    head = " ".join(text.partition("\n\n")[0].split())
    assert head.startswith(
        "10 recommendations for user 0 in long by sums (split leave-last-out), trained "
    )
    text_on_a_line = " ".join(text.split())
    assert "Weights: Exact: each interaction's term of the sum. Each recom" in text_on_a_line
    assert "3 of the 40 items of the history" in text_on_a_line
    assert "Only the first" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("1 ")]
    weight = found.weights[0, found.leading(0, 1)[0]]
    assert f"{weight:+.2f}" in line
    if columns == 200:
        assert found.name(found.recommendation.history[found.leading(0, 1)[0]]) in line


def test_the_table_of_lists_has_no_score_and_an_empty_explanation_is_reported(tiny: str) -> None:
    heads = [str(_explain(model, tiny, user="u0", k=1)) for model in ("sums", "lists")]
    names = [text[text.index("\nrank") :].splitlines()[1].split() for text in heads]
    assert names[0] == ["rank", "recommended", "score", "weight", "item", "of", "the", "history"]
    assert names[1] == ["rank", "recommended", "weight", "item", "of", "the", "history"]
    text = str(_explain("nothing", tiny, user="u0", k=1))
    assert "(nothing in the history)" in text
    assert "does not name its method" in text


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_titles_of_any_kind_are_drawn_without_a_warning(form: str) -> None:
    found = _explain("sums", "odd", user="0", k=3)
    Path("matplotlibrc").write_text("text.usetex: True\n")
    found.draw(f"picture.{form}")
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[form]
    assert Path(f"picture.{form}").read_bytes().startswith(start)
    assert found.picture(form) == Path(f"picture.{form}").read_bytes()
    assert "$5 and $x_2^{$" in str(found)


def test_the_picture_shows_the_largest_weights_in_order_of_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: dict[str, Any] = {}

    def keep(values: Any, rows: Any, columns: Any, **more: Any) -> bytes:
        drawn.update(more, values=values, rows=rows, columns=columns)
        return b""

    monkeypatch.setattr(sys.modules["recbench.explain"], "heatmap", keep)
    found = _explain("sums", "long", user="0", k=50)
    found.picture()
    assert drawn["values"].shape == (40, 25)
    places = [int(label.split()[-1]) for label in drawn["columns"]]
    assert places == sorted(places)
    assert 39 in places
    assert drawn["rows"][0] == f"1  {found.name(found.recommendation.items[0])}"
    assert "25 of 40 interactions" in drawn["below"]
    assert "sums on long" in drawn["title"]
    assert "user 0" in drawn["title"]
    assert "the first 40 of 50" in drawn["title"]
    assert drawn["title"].endswith("\nExact: each interaction's term of the sum.")


def test_all_weights_zero_and_long_titles_are_drawn() -> None:
    assert _explain("nothing", "long", user="0", k=50).picture().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["picture", "picture.txt", "picture.pgf"])
def test_an_unknown_suffix_is_an_error(tiny: str, name: str) -> None:
    found = _explain("sums", tiny, user="u0")
    with pytest.raises(
        UsageError, match=r"cannot draw picture.*: it has .* Use \.png, \.svg, \.pdf"
    ):
        found.draw(name)
    assert not Path(name).exists()


def test_without_recommendations_there_is_no_picture(tiny: str) -> None:
    found = _explain("sums", tiny, items=[f"i{nth}" for nth in range(7)])
    assert found.weights.shape == (0, 7)
    assert str(found).startswith("0 recommendations for the given history")
    assert "<img" not in found._repr_html_()
    with pytest.raises(RecbenchError, match="nothing to draw"):
        found.picture()


def test_matplotlib_is_imported_only_for_pictures() -> None:
    code = "import sys, recbench.cli.group; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_a_notebook_shows_the_weights_and_the_picture() -> None:
    html = _explain("sums", "odd", user=0, k=3)._repr_html_()
    assert html.count("<table") == 1
    assert "$5 and $x_2^{$" in html
    assert html.count('src="data:image/png;base64,iVBOR') == 1


def test_html_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _explain("sums", "long", user=0, k=3)
    html = found._repr_html_()
    _width(monkeypatch, 60)
    assert found._repr_html_() == html
    assert "A film with a title of some length, part" in html
    assert "A film with a title of some length, part" not in str(found)
