"""Results: the tidy table of all values."""

import dataclasses
import math

import pandas as pd
from made_results import FAIR, GOOD, POOR, SETTING, columns_of, failed, result_of

from recbench import Results
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
