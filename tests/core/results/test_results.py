"""Results: the tidy table of all values."""

import dataclasses
import math

import pandas as pd
import pytest
from helpers import plugin
from made_results import FAIR, GOOD, POOR, SETTING, columns_of, failed, result_of

import recbench
from recbench import Results, UsageError
from recbench.results.results import COLUMNS


def test_the_frame_is_tidy_and_has_the_remarks_of_tables() -> None:
    results = Results(
        [
            result_of(
                "popular", {"ndcg@3": GOOD, "hit@3": GOOD}, fit_seconds=2.0, score_seconds=4.0
            ),
            result_of("a", {"ndcg@3": POOR, "hit@3": POOR}, 0, peak_memory=2**20, parameters=12),
            result_of("a", {"ndcg@3": POOR, "hit@3": POOR}, 1),
            failed("b"),
        ],
        columns_of,
    )
    frame = results.to_frame()
    assert tuple(frame) == COLUMNS
    assert list(frame["model"]) == ["popular"] * 2 + ["a"] * 4 + ["b"]
    assert list(frame["remark"]) == [""] * 2 + ["not better than popular"] * 4 + [""]
    popular, first = frame.iloc[0], frame.iloc[2]
    assert popular["p"] == 1
    assert first["p"] == results.sections()[0].p_of_best("ndcg", 3)["a"]
    assert (popular["low"], popular["high"]) == results[0].values["ndcg@3"][2:]
    assert (popular["fit_seconds"], popular["score_seconds"]) == (2.0, 0.1)
    assert (first["peak_memory"], first["parameters"]) == (2**20, 12)
    assert pd.isna(popular["peak_memory"])
    assert pd.isna(frame.iloc[-1]["value"])
    assert str(frame.dtypes["seed"]) == str(frame.dtypes["parameters"]) == "Int64"


def test_the_frame_takes_every_number() -> None:
    many = 10**300
    results = Results(
        [
            result_of("a", {"ndcg@3": GOOD}, many, parameters=many, fit_seconds=math.inf),
            result_of("b", {"ndcg@3": FAIR}, 7, parameters=2**63 - 1, peak_memory=many),
            result_of(
                "c@d", {"my@metric@3": POOR}, setting=dataclasses.replace(SETTING, n_cases=0)
            ),
        ],
        columns_of,
    )
    frame = results.to_frame().set_index("model")
    assert frame["parameters"].isna().tolist() == [True, False, True]
    assert frame.loc["b", "parameters"] == 2**63 - 1
    assert frame["seed"].isna().tolist() == [True, False, True]
    assert frame["peak_memory"].isna().all()
    assert frame.loc["a", "fit_seconds"] == math.inf
    assert frame.loc["c@d", "metric"] == "my@metric"


def test_the_frame_has_a_remark_for_sampled_candidates() -> None:
    drawn = dataclasses.replace(SETTING, candidates="100", candidates_sha256="c" * 64)
    results = Results(
        [result_of(model, {"ndcg@3": GOOD}, setting=drawn) for model in ("popular", "a")],
        columns_of,
    )
    remarks = results.to_frame().set_index("model")["remark"]
    assert remarks["popular"] == "sampled: 100 candidates"
    assert remarks["a"] == "sampled: 100 candidates; not better than popular"


def test_an_empty_frame_has_all_columns() -> None:
    frame = Results([]).to_frame()
    assert tuple(frame) == COLUMNS
    assert len(frame) == 0


def _two() -> Results:
    given = [result_of("a<b>", {"ndcg@3": GOOD, "hit@3": GOOD}), failed("c")]
    return Results(given, columns_of, left_out=["something"])


def test_printed_it_is_the_plain_table() -> None:
    results = _two()
    plain = recbench.load_plugins().find("tables", "plain").factory(results)
    assert str(results) == plain.rstrip("\n")
    assert str(results).startswith("data, last\n\nmodel")
    assert repr(results) == str(results)
    many = Results([result_of(f"m{nth}", {"ndcg@3": GOOD}) for nth in range(99)], columns_of)
    assert repr(many).count("\n") == 60
    assert repr(many).endswith("more lines; print() shows all")
    assert repr(Results([])) == "no results"


def test_a_notebook_shows_the_table_as_html() -> None:
    html = _two()._repr_html_()
    assert "a&lt;b&gt;</th>" in html
    assert "<b>" not in html
    for text in (">failed</span>", "c (plugin mine) failed: no", "Left out: something."):
        assert text in html
    assert "HR@3" in _two().showing("all")._repr_html_()


def test_a_table_has_any_format() -> None:
    results = _two()
    assert results.to_table("md") == results.to_table("markdown")
    assert results.to_table("markdown").startswith("### data, last\n")
    assert results.to_table("html") == results._repr_html_()
    plugins = recbench.load_plugins(mine=plugin(tables={"names": lambda given: given[0].model}))
    assert results.to_table("names", plugins=plugins) == "a<b>"
    with pytest.raises(UsageError, match="no table 'markdwon'; did you mean 'markdown'"):
        results.to_table("markdwon")


def test_settings_of_tables_are_kept_unless_they_are_given() -> None:
    results = _two().showing(["recall", "HR"], segments=True, verbose=True)
    assert (results.metrics, list(results.segments)) == (("recall", "hit"), ["recall", "hit"])
    assert results.verbose
    again = results.showing()
    assert (again.metrics, again.segments, again.verbose) == (("recall", "hit"), {}, False)
    assert again.left_out == ("something",)
    with pytest.raises(UsageError, match="no metric 'hits'"):
        results.showing("ndcg,hits")
