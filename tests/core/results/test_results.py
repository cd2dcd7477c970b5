"""Results: the tidy table of all values."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from helpers import plugin
from made_results import FAIR, GOOD, POOR, SETTING, columns_of, failed, result_of

import recbench
from recbench import Dataset, Interactions, Results, UsageError, run
from recbench.data.metadata import Metadata
from recbench.results.frame import COLUMNS, GROUP_COLUMNS
from recbench.results.groups import CaseFacts
from recbench.results.result import Tuned


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


def test_the_frame_has_a_remark_for_tuned_options() -> None:
    tuned, drawn = Tuned(n_trials=30, n_options=2), dataclasses.replace(SETTING, candidates="100")
    results = Results(
        [
            result_of("popular", {"ndcg@3": GOOD}, setting=drawn, tuned=Tuned()),
            result_of("a", {"ndcg@3": POOR}, setting=drawn, tuned=tuned),
            failed("b"),
        ],
        columns_of,
    )
    remarks = results.to_frame().set_index("model")["remark"]
    assert remarks["popular"] == "not tuned; sampled: 100 candidates"
    assert remarks["a"].startswith("tuned: 30 trials; sampled: 100 candidates; not better than")
    assert remarks["b"] == ""
    of_drawn = results.sections()[0]
    assert of_drawn.names == ["popular (not tuned)", "a (tuned: 30 trials) !"]


def test_an_empty_frame_has_all_columns() -> None:
    frame = Results([]).to_frame()
    assert tuple(frame) == COLUMNS
    assert len(frame) == 0


FACTS = CaseFacts(
    users=np.arange(40),
    targets=np.arange(40) % 9,
    offsets=np.arange(41),
    metadata=Metadata.of({"user_features.gender": np.array(["F", "M"] * 20, dtype=object)}),
)


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
    described = _two().described_by(lambda _: FACTS)
    results = described.showing(["recall", "HR"], by="gender", verbose=True)
    assert (results.metrics, results.breakdown.by) == (("recall", "hit"), ("gender",))
    assert results.verbose
    again = results.showing("ndcg")
    assert (again.metrics, again.breakdown.by, again.verbose) == (("ndcg",), ("gender",), False)
    assert list(again.breakdown.metrics) == ["ndcg"]
    assert again.sections()[0].by_group(3)[0].metric == "ndcg"
    assert again.showing(by=()).breakdown.by == ()
    again = again.of_protocol(SETTING.protocol)
    assert again.left_out == ("something",)
    with pytest.raises(UsageError, match="no metric 'hits'"):
        results.showing("ndcg,hits")


def test_results_that_do_not_know_their_data_say_so() -> None:
    shown = _two().showing(by="gender")
    assert "Not by gender: these results have no data; use results that" in " ".join(
        str(shown).split()
    )


def test_a_frame_has_further_rows_for_groups() -> None:
    given = [result_of("a", {"ndcg@3": GOOD}, 7), result_of("b", {"ndcg@3": FAIR, "ndcg@5": FAIR})]
    results = Results(given, columns_of, describe=lambda _: FACTS).showing("ndcg", by="gender")
    frame, bare = results.to_frame(), results.showing(by=()).to_frame()
    assert tuple(bare) == COLUMNS
    assert tuple(frame) == (*COLUMNS, *GROUP_COLUMNS)
    of_all, of_groups = frame[frame["by"] == ""], frame[frame["by"] != ""]
    assert of_groups["k"].tolist() == [3, 3, 3, 3, 5, 5]
    of_groups = of_groups[of_groups["k"] == 3]
    pd.testing.assert_frame_equal(of_all[[*COLUMNS]].reset_index(drop=True), bare)
    assert set(of_all["cases"]) == {40}
    found = results.sections()[0].by_group(3)
    assert of_groups["group"].tolist() == [each.group for each in found] == ["F", "F", "M", "M"]
    assert of_groups["model"].tolist() == [each.model for each in found]
    assert of_groups["value"].tolist() == [each.value.mean for each in found]
    assert of_groups["low"].tolist() == [each.value.low for each in found]
    assert of_groups["difference"].tolist()[2:] == [each.difference for each in found[2:]]
    assert of_groups["difference_high"].tolist()[2:] == [each.high for each in found[2:]]
    assert of_groups["difference"].isna().tolist() == [True, True, False, False]
    assert of_groups["versus"].tolist() == ["", "", "F", "F"]
    assert of_groups["users"].tolist() == of_groups["cases"].tolist() == [20] * 4
    assert of_groups["fit_seconds"].isna().all()
    assert set(of_groups["metric"]) == {"ndcg"}
    assert of_groups["seed"].tolist() == [7, pd.NA, 7, pd.NA]


def test_of_all_metrics_those_are_shown_that_the_data_allow() -> None:
    results = run(["popular", "random"], "synthetic", ks=[3, 10], metrics="all", results=None)
    assert results.not_measured == []
    assert "calibration" not in results.metrics
    assert {"ndcg", "auc", "ild"} <= set(results.metrics)
    text = str(results)
    assert text.count("AUC") == 1, "it is the same at every k"
    assert "Precision@3" in text
    asked = run(["popular"], "synthetic", ks=3, metrics="calibration", results=None)
    assert asked.not_measured == ["Calibration@3"]
    assert "calibration" not in results.showing("all").metrics


def test_a_table_says_where_lower_values_are_better() -> None:
    films = Dataset(
        "films",
        Interactions.from_log([0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 1, 2, 1, 2, 3, 3, 0, 1]),
        np.arange(3),
        np.arange(4),
        item_features={"genres": ["Drama", "Crime", "Drama|Crime", "Horror"]},
    )
    results = run(["popular", "random"], films, ks=2, metrics="calibration", results=None)
    assert "Lower is better: Calibration." in " ".join(str(results).split())
    assert "Lower is better" not in str(results.showing("ndcg"))
