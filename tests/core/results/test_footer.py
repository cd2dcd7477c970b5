"""The footer of a table, sentence by sentence."""

import dataclasses
import textwrap
from typing import Any

import numpy as np
import pytest
from made_results import FAIR, GOOD, POOR, SETTING, columns_of, failed, result_of

from recbench import GroupValue, Result, Results, Section, Value, footer_lines, left_out_lines
from recbench.results.groups import Group, Grouping

WHOLE = dict.fromkeys(("coverage@3", "coverage@10"), Value(0.5, 0.1, 0.4, 0.6))


def _section(*results: Result, **more: Any) -> Section:
    (section,) = Results(results, columns_of, **more).sections()
    return section


def _sentences(**setting: Any) -> list[str]:
    given = dataclasses.replace(SETTING, **setting)
    return footer_lines(_section(result_of("a", {"ndcg@3": GOOD}, setting=given)), verbose=True)


@pytest.mark.parametrize(
    ("future_share", "time_tied", "n_targets", "sentences"),
    [
        (
            *(0.4831, 415, 943),
            [
                (
                    "On average, 48.3% of training interactions are later than the target "
                    "(--split temporal: 0%)."
                ),
                "Order: by time, which decides 415 of 943 targets.",
            ],
        ),
        (
            *(0.0, 0, 1234),
            [
                "No training interaction is later than the target it helps to predict.",
                "Order: by time, which decides 0 of 1,234 targets.",
            ],
        ),
        (
            *(0.0002, None, 3),
            [
                (
                    "On average, less than 0.1% of training interactions are later than the "
                    "target (--split temporal: 0%)."
                ),
                "Order: by time.",
            ],
        ),
        (None, 0, 3, ["Order: by time, which decides 0 of 3 targets."]),
        (
            *(None, None, 3),
            [
                "The data have no times, so leaks from the future cannot be counted.",
                "Order: by time.",
            ],
        ),
    ],
)
def test_leaks_and_order(
    future_share: float | None, time_tied: int | None, n_targets: int, sentences: list[str]
) -> None:
    lines = _sentences(future_share=future_share, time_tied=time_tied, n_targets=n_targets)
    assert lines[3 : 3 + len(sentences)] == sentences
    advice = [line for line in lines if "time_ties=hash,seed=1" in line]
    assert len(advice) == bool(time_tied)


@pytest.mark.parametrize(
    ("setting", "sentences"),
    [
        (
            {"n_targets": 40},
            {
                "40 users judged; 9 items and 200 interactions.",
                "Full ranking among all unseen items; ties are averaged over all orders.",
            },
        ),
        (
            {"n_judged_users": 1, "n_targets": 55, "n_unjudged_users": 1234, "repeats": "keep"},
            {
                (
                    "40 cases of 1 user judged on 55 targets (1,234 users not judged); 9 items and "
                    "200 interactions."
                ),
                "Full ranking among all items; ties are averaged over all orders.",
            },
        ),
        (
            {"n_targets": 40, "candidates": "100:by=popularity", "dataset": "a.csv:item=x,user=y"},
            {
                (
                    "Ranked among 100 candidates drawn by popularity, the same for every model; "
                    "ties are averaged over all orders."
                ),
                "Dataset options: item=x, user=y.",
            },
        ),
    ],
)
def test_cases_targets_and_candidates_are_described(
    setting: dict[str, Any], sentences: set[str]
) -> None:
    assert sentences <= set(_sentences(**setting))


def test_verbose_lists_everything() -> None:
    lines = _sentences(notes=("read as x", "1 row."), source="a file", licence="MIT", citation="A.")
    for sentence in (
        "Read as x.",
        "1 row.",
        "Split: last. Dataset: data.",
        "Source: a file.",
        "Licence: MIT.",
        "Citation: A.",
        "Version of the evaluation rules: 2.",
    ):
        assert sentence in lines


LONG_OPTIONS = (
    ":item=StockCode,time=InvoiceDate,user=CustomerID",
    (
        ":item=StockCode,min_item_interactions=5,min_user_interactions=5,repeats=keep,seed=1,"
        "time=InvoiceDate,time_ties=hash,user=CustomerID"
    ),
)


@pytest.mark.parametrize("n_notes", [0, 1, 2, 30])
@pytest.mark.parametrize("n_seeds", [1, 3, 101])
@pytest.mark.parametrize("options", ["", *LONG_OPTIONS])
def test_the_short_footer_has_at_most_six_lines_of_100_characters(
    n_notes: int, n_seeds: int, options: str
) -> None:
    setting = dataclasses.replace(
        SETTING,
        dataset=f"OnlineRetail.parquet{options}",
        n_judged_users=1_234_567,
        n_unjudged_users=123_456,
        n_targets=40,
        future_share=0.413,
        time_tied=40,
        order="by user and time, equal times in file order",
        notes=tuple(f"{number} interactions without an item dropped" for number in range(n_notes)),
    )
    models = {"best": GOOD, "popular": FAIR, "worse": POOR}
    section = _section(
        *(
            result_of(model, {"ndcg@3": values}, seed, setting=setting)
            for model, values in models.items()
            for seed in range(n_seeds)
        )
    )
    paragraphs = footer_lines(section)
    lines = [line for paragraph in paragraphs for line in textwrap.wrap(paragraph, 100)]
    assert len(lines) <= 6
    text = " ".join(paragraphs)
    assert options.removeprefix(":").replace(",", ", ") in text
    assert "41.3%" in text
    assert "decides 40 of 40 targets" in text or options == LONG_OPTIONS[1]
    listed = footer_lines(section, verbose=True)
    first = next(n for n, line in enumerate(listed) if "users judged" in line)
    sentences = listed[first : next(n for n, line in enumerate(listed) if "Split: " in line)]
    shown = [sentence for sentence in sentences if sentence in text]
    assert shown == sentences[: len(shown)]
    hidden = len(sentences) - len(shown)
    pointer = f"{hidden} more {'note' if hidden == 1 else 'notes'}" if hidden else "More"
    assert text.endswith(f" {pointer}: --verbose.")


def test_notes_on_results_come_before_what_holds_for_every_table() -> None:
    setting = dataclasses.replace(
        SETTING, future_share=0.4, time_tied=4, n_targets=40, notes=("1 row was dropped",)
    )
    notes = "4 of 8 rows recommend items that are not in data, such as 'x'", "1 case is short"
    results = [
        result_of("mine", {"ndcg@3": GOOD}, setting=setting, notes=notes),
        *(
            result_of("yours", {"ndcg@3": FAIR}, seed, setting=setting, notes=notes[1:])
            for seed in range(2)
        ),
        result_of("popular", {"ndcg@3": POOR}, setting=setting),
    ]
    section = _section(*results)
    listed = footer_lines(section, verbose=True)
    first = listed.index("40 users judged; 9 items and 200 interactions.")
    assert listed[first + 1 : first + 3] == [
        f"mine: {notes[0]}.",
        "mine, yours: 1 case is short.",
    ]
    assert listed[first + 3].startswith("On average, 40.0% of training interactions")
    short = footer_lines(section)[-1]
    assert " ".join(listed[first : first + 4]) in short
    assert len(textwrap.wrap(short, 100)) <= 6


def test_marks_and_failures_are_explained_if_there_are_any() -> None:
    keys = ("ndcg@3",)
    many = _section(
        result_of("best", {"ndcg@3": GOOD}, 0),
        result_of("best", {"ndcg@3": GOOD}, 1),
        result_of("popular", {"ndcg@3": FAIR}),
        result_of("worse", {"ndcg@3": POOR}),
        failed("gone", 7, keys),
    )
    lines = footer_lines(many, verbose=True)
    assert lines[:5] == [
        "gone, seed 7 (plugin mine) failed: no",
        ("*: best, or not significantly different (paired t-test, Holm-corrected, p >= 0.05)."),
        "!: not better than popular.",
        "[]: 95% bootstrap interval over users.",
        "±: standard deviation over seeds 0, 1, 7.",
    ]
    legend = footer_lines(many)[1]
    assert legend == " ".join(lines[1:5])
    assert footer_lines(_section(result_of("best", {"ndcg@3": GOOD})))[0] == (
        "[]: 95% bootstrap interval over users. No model uses a seed."
    )


def test_the_reason_of_a_failure_does_not_name_the_model_twice() -> None:
    gone = dataclasses.replace(failed("gone"), status="failed: gone (plugin mine): no scores")
    assert footer_lines(_section(gone))[0] == "gone (plugin mine) failed: no scores"


def test_metrics_of_lists_and_metrics_that_were_not_measured() -> None:
    result = result_of("a", {"ndcg@3": GOOD, "ndcg@10": GOOD})
    result = dataclasses.replace(result, values={**result.values, **WHOLE})
    section = _section(result, metrics=("ndcg", "coverage", "bad", "worse", "worst"))
    lines = footer_lines(section, verbose=True)
    assert "Intervals of Coverage: jackknife over users." in lines
    assert lines[2] == "bad, worse and worst: not measured in these results."


def test_groups_are_explained_if_they_are_shown() -> None:
    results = [result_of(model, {"ndcg@3": GOOD, "hit@3": GOOD}) for model in ("a", "b")]
    half = np.arange(40) < 20
    groupings = [
        Grouping(by, [Group("F", half), Group("M", ~half)]) for by in ("gender", "popularity")
    ]
    section = dataclasses.replace(
        _section(*results, metrics=("ndcg", "hit")),
        groupings=groupings,
        ungrouped=["Not by age: the file is gone"],
    )
    assert not any("roup" in line for line in footer_lines(section, verbose=True))
    of_a = GroupValue("gender", "M", 20, 20, "a", "ndcg", 3, Value(0.5), "F", 0.2, -0.1, 0.3)
    lines = footer_lines(section, [of_a], verbose=True)
    start = lines.index("Each group is shown with its number of users.")
    assert lines[start + 1 : start + 5] == [
        "Not by age: the file is gone.",
        "Not available by gender: HR.",
        "Not available by popularity: NDCG and HR.",
        "Not by groups, as no values per case are stored: b.",
    ]
    marked = dataclasses.replace(of_a, low=0.1)
    lines = footer_lines(section, [marked, dataclasses.replace(of_a, by="popularity", model="b")])
    assert "#: the interval of the difference excludes 0, as 1 in 20 does by chance." in lines[0]
    assert "Head, middle and tail items have a third of the training interactions" in lines[0]
    assert "Not available by gender and popularity: HR." in lines[0]


def test_left_out_results_are_listed() -> None:
    results = Results([], columns_of, left_out=("3 results of mine", "a was cut"))
    assert left_out_lines(results) == ["Left out: 3 results of mine.", "Left out: a was cut."]


def test_notes_and_sources_end_with_one_full_stop() -> None:
    sentences = _sentences(
        notes=("rows were dropped.", "was it 'a'?", "such as a, b, ...", "log.csv has no times"),
        source="Shop Inc.",
        licence="free.",
        order="by time.",
    )
    expected = {
        "Rows were dropped.",
        "Was it 'a'?",
        "Such as a, b, ...",
        "log.csv has no times.",
        "Source: Shop Inc.",
        "Licence: free.",
        "Order: by time.",
    }
    assert expected <= set(sentences)
    left_out = Results([], columns_of, left_out=["2 results are damaged."])
    assert left_out_lines(left_out) == ["Left out: 2 results are damaged."]


def test_models_that_ran_in_the_main_process_are_named() -> None:
    said = "Run in the main process, where a model could find the targets: a and b."
    here = {"isolated": False}
    both = [result_of(name, {"ndcg@3": GOOD}, **here) for name in ("a", "b")]
    apart = result_of("c", {"ndcg@3": FAIR})
    assert said in footer_lines(_section(*both, apart), verbose=True)
    assert said in " ".join(footer_lines(_section(*both, apart)))
    assert "main process" not in " ".join(footer_lines(_section(apart), verbose=True))


def test_metrics_that_only_some_models_lack_are_named() -> None:
    whole = {"ndcg@3": GOOD, "hit@3": GOOD, "ndcg@10": GOOD, "hit@10": GOOD}
    results = [
        result_of("a", whole),
        result_of("b", {key: whole[key] for key in ("ndcg@3", "hit@3", "ndcg@10")}),
        result_of("c", {"ndcg@3": GOOD, "hit@3": GOOD}),
    ]
    section = _section(*results, metrics=("ndcg", "hit"))
    assert "HR@10 of b: not measured." in footer_lines(section, verbose=True)
    assert "not measured" not in " ".join(footer_lines(_section(*results), verbose=True))
    assert Results(results, metrics=("ndcg", "hit")).not_measured == ["HR@10"]
    assert Results(results, metrics=("mrr", "hit")).not_measured == ["MRR@3", "MRR@10", "HR@10"]
    assert Results([failed("d")], metrics=("hit",)).not_measured == []
