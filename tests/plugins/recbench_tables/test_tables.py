"""The shipped tables: plain, Markdown, LaTeX, HTML, CSV and JSON."""

import csv
import dataclasses
import html
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin
from made_results import FAIR, GOOD, POOR, SETTING, columns_of, failed, result_of

import recbench
from recbench import Result, Results, load_plugins
from recbench.data.dataset import ORDER_RULE
from recbench.data.metadata import Metadata
from recbench.report.text import PIPE
from recbench.results.frame import COLUMNS
from recbench.results.groups import CaseFacts

MODELS = ["random", "popular", "popular:rule=rated"]
READABLE = ("plain", "markdown", "latex", "html")
LONG = "transformer:dim=128,layers=2,preset=notebook"


@pytest.fixture
def results(tiny: str) -> Results:
    return recbench.run(MODELS, tiny)


def _table(name: str, results: Results) -> str:
    """Return a table; of HTML the text that is seen before a click."""
    text = str(load_plugins().find("tables", name).factory(results))
    if name != "html":
        return text
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    lines = re.sub(r"<[^>]*>", " ", text).splitlines()
    return html.unescape("\n".join(" ".join(line.split()) for line in lines))


def _flat(text: str) -> str:
    """Return the text on one line, without the backslashes of Markdown and LaTeX."""
    return re.sub(r"\\(?=[!-/:-@\[-`{-~])", "", " ".join(text.split()))


def _terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.__stdout__.isatty", lambda: True, raising=False)


def _made(*given: Result, **more: Any) -> Results:
    return Results(given, columns_of, **more)


def test_plain_shows_ndcg_with_its_interval_and_explains_it(results: Results) -> None:
    text = _table("plain", results)
    assert re.search(r"model +NDCG@3 +NDCG@5 +NDCG@10 +fit s +ms/user +peak MB +params\n", text)
    value = results[1].value("ndcg", 3)
    assert f"{value.mean:.4f} [{value.low:.3f}, {value.high:.3f}]" in text
    text = _flat(_table("plain", results.showing(["ndcg"], verbose=True)))
    for sentence in (
        "6 users judged; 7 items and 24 interactions.",
        f"Order: {ORDER_RULE}, which decides 0 of 6 targets.",
        "Seed: 0.",
        "Full ranking among all unseen items",
        "[]: 95% bootstrap interval over users.",
        "of training interactions are later than the target",
        "Split: leave-last-out. Dataset: tiny.csv.",
    ):
        assert sentence in text, sentence


@pytest.mark.parametrize("name", READABLE)
def test_verbose_shows_the_complete_footer(name: str, results: Results) -> None:
    more = "see All notes" if name == "html" else "--verbose"
    assert more in _table(name, results)
    assert "milliseconds to score one case" not in _flat(_table(name, results))
    verbose = _table(name, results.showing(["ndcg"], verbose=True))
    assert "milliseconds to score one case" in _flat(verbose.replace("\n% ", " "))
    assert more not in verbose


def test_a_click_opens_the_complete_footer_of_a_page(results: Results) -> None:
    table = load_plugins().find("tables", "html").factory
    _, _, notes = str(table(results)).partition("<details><summary>All notes</summary>")
    assert "milliseconds to score one case" in notes
    assert notes.count("</details>") == 1
    assert "<details>" not in str(table(results.showing(["ndcg"], verbose=True)))


def test_best_comes_first(results: Results) -> None:
    values = [result.value("ndcg", 10)[0] for result in results.sections()[0].results]
    assert values == sorted(values, reverse=True)


def test_csv_has_a_line_for_each_value(results: Results) -> None:
    lines = list(csv.DictReader(io.StringIO(_table("csv", results))))
    assert len(lines) == sum(len(result.values) for result in results) > 3 * 9
    assert list(lines[0]) == list(COLUMNS)
    line = next(
        line
        for line in lines
        if (line["model"], line["metric"], line["k"]) == ("popular", "mrr", "5")
    )
    value = results[1].value("mrr", 5)
    assert tuple(float(line[column]) for column in ("value", "stderr", "low", "high")) == value
    assert float(line["p"]) == results.sections()[0].p_of_best("mrr", 5)["popular"]
    assert (line["dataset"], line["split"], line["users"]) == ("tiny.csv", "leave-last-out", "6")
    assert (line["seed"], line["status"], line["remark"]) == ("", "ok", "")
    assert float(line["fit_seconds"]) == results[1].fit_seconds
    assert float(line["score_seconds"]) == pytest.approx(results[1].score_seconds / 6)
    assert line["peak_memory"] == str(results[1].peak_memory)


def test_json_is_the_same_as_csv(results: Results) -> None:
    rows = json.loads(_table("json", results))
    lines = list(csv.DictReader(io.StringIO(_table("csv", results))))
    assert len(rows) == len(lines)
    assert list(rows[0]) == list(COLUMNS)
    for row, line in zip(rows, lines, strict=True):
        assert (row["model"], row["metric"], row["k"]) == (
            line["model"],
            line["metric"],
            int(line["k"]),
        )
        for name in ("value", "stderr", "low", "high", "score_seconds"):
            assert row[name] == float(line[name]), name  # to the last digit
        assert row["remark"] == line["remark"]


def test_failed_models_are_in_every_table(tiny: str) -> None:
    bare = tiny.replace("tiny", "bare")
    with open(tiny) as source, open(bare, "w") as target:
        target.writelines(",".join(line.split(",")[:3]) + "\n" for line in source)
    results = recbench.run(["popular:rule=rated", "popular"], bare)
    for name in READABLE:
        text = _table(name, results)
        assert "failed" in text
        assert "needs ratings" in text
    lines = list(csv.DictReader(io.StringIO(_table("csv", results))))
    failed = [line for line in lines if line["model"] == "popular:rule=rated"]
    assert len(failed) == len(results[0].values) == len(results[1].values)
    assert {line["value"] for line in failed} == {""}
    message = "failed: popular:rule=rated (plugin popular): popular:rule=rated needs ratings"
    assert all(line["status"].startswith(message) for line in failed)
    rows = json.loads(_table("json", results))
    assert sum(row["value"] is None for row in rows) == len(failed)


def test_sections_never_mix_datasets_or_splits(tiny: str) -> None:
    whole = recbench.run(["popular"], tiny)
    filtered = recbench.run(["popular"], f"{tiny}:min_item_interactions=3")
    windows = recbench.run(["popular"], tiny, split="windows:length=3")
    sections = Results([*whole, *filtered, *windows]).sections()
    assert [section.title for section in sections] == [
        "tiny.csv, leave-last-out",
        "tiny.csv:min_item_interactions=3, leave-last-out",
        "tiny.csv, windows:length=3",
    ]


def test_datasets_with_equal_names_and_different_content_are_separate_sections(tiny: str) -> None:
    before = recbench.run(["popular"], tiny)
    with open(tiny, "a") as file:
        file.write("u9,i1,5,1\nu9,i2,6,1\n")
    after = recbench.run(["popular"], tiny)
    titles = [section.title for section in Results([*before, *after]).sections()]
    assert len(set(titles)) == 2
    assert all(
        re.fullmatch(r"tiny\.csv \([0-9a-f]{6}\), leave-last-out", title) for title in titles
    )


def test_seeds_of_a_model_are_one_row_with_their_number(tiny: str) -> None:
    both = recbench.run(["random", "popular"], tiny, seed=(0, 1))
    (row,) = [row for row in both.sections()[0].rows if row.model == "random"]
    value, spread = row.value("ndcg", 3), row.spread("ndcg", 3)
    number = f"{value.mean:.4f} ±{spread:.4f} [{value.low:.3f}, {value.high:.3f}]"
    for name in READABLE:
        text = _table(name, both)
        assert re.search(r"model[ |&]+seeds[ |&]+NDCG", text)
        assert re.search(r"random( !)?[ |&]+2 ", text)
        assert re.search(r"popular[ |&]+- ", text)
        assert "±: standard deviation over seeds 0, 1." in _flat(text)
        assert number in _flat(text.replace(r"$\pm$ ", "±"))
    lines = list(csv.DictReader(io.StringIO(_table("csv", both))))
    assert {line["seed"] for line in lines if line["model"] == "random"} == {"0", "1"}


def test_one_seed_shows_no_spread(results: Results) -> None:
    text = _table("plain", results)
    assert "±" not in text
    assert "seeds  " not in text


def test_markdown_and_latex_are_tables(tiny: str) -> None:
    results = recbench.run(MODELS, tiny, seed=(0, 1))
    assert "| model" in _table("markdown", results)
    latex = _table("latex", results)
    assert r"\begin{tabular}" in latex
    assert r"$\pm$" in latex
    body = latex.partition(r"\begin")[2]
    assert "±" not in body
    assert "\0" not in latex
    assert r"\rlap{*}" in body
    widths = {line.count("&") for line in body.splitlines() if "&" in line}
    assert len(widths) == 1


@pytest.mark.parametrize("name", READABLE)
def test_models_not_significantly_different_from_the_best_share_its_mark(name: str) -> None:
    results = _made(
        result_of("good", {"ndcg@3": GOOD}),
        result_of("alike", {"ndcg@3": GOOD}),
        result_of("poor", {"ndcg@3": POOR}),
    )
    text = _table(name, results)
    marks = {"markdown": r"\] \\\*", "latex": r"\]\\rlap\{\*\}"}
    mark = marks.get(name, r"\] \*")
    lines = [next(x for x in text.splitlines() if model in x) for model in ("good", "alike")]
    assert all(re.search(mark, line) for line in lines)
    assert not re.search(mark, next(x for x in text.splitlines() if "poor" in x))
    assert "best, or not significantly different (paired t-test" in _flat(text)


@pytest.mark.parametrize("name", READABLE)
def test_a_model_alone_has_no_mark(name: str) -> None:
    text = _table(name, _made(result_of("good", {"ndcg@3": GOOD}), failed("other")))
    assert "significantly" not in text
    assert "*" not in text


def test_marks_do_not_shift_numbers() -> None:
    results = _made(
        *(result_of(n, {"ndcg@3": x}) for n, x in (("a", GOOD), ("b", FAIR), ("c", POOR)))
    )
    ends = {line.index("]") for line in _table("plain", results).splitlines() if "[0" in line}
    assert len(ends) == 1
    head = next(x for x in _table("plain", results).splitlines() if x.startswith("model"))
    assert head.index("NDCG@3") + len("NDCG@3") == ends.pop() + 1


def test_every_format_marks_models_not_better_than_popular() -> None:
    results = _made(
        result_of("popular", {"ndcg@3": FAIR}),
        result_of("better", {"ndcg@3": GOOD}),
        result_of("worse", {"ndcg@3": POOR}, 0),
        result_of("worse", {"ndcg@3": POOR}, 1),
    )
    for name in READABLE:
        text = _table(name, results)
        assert "worse !" in text
        assert not re.search(r"(better|popular) +!", text)
        assert "!: not better than popular." in _flat(text)
    lines = list(csv.DictReader(io.StringIO(_table("csv", results))))
    for rows in (lines, json.loads(_table("json", results))):
        flagged = [row["model"] for row in rows if "not better than popular" in row["remark"]]
        assert flagged == ["worse", "worse"]
    alone = _made(result_of("better", {"ndcg@3": GOOD}), result_of("worse", {"ndcg@3": POOR}))
    for name in (*READABLE, "csv", "json"):
        assert "not better" not in _table(name, alone)


def test_a_model_that_only_equals_popular_is_flagged(tiny: str) -> None:
    popular = load_plugins().find("models", "popular").factory
    plugins = load_plugins(mine=plugin(models={"copy": popular}))
    for split in ("leave-last-out", "windows:length=3"):
        results = recbench.run(["copy", "popular"], tiny, split=split, plugins=plugins)
        assert "copy !" in _table("plain", results)
    assert "copy !" not in _table("plain", recbench.run(["copy"], tiny, plugins=plugins))


MESSY = """user,item,time
a,x,1
a,y,2
a,x,3
a,z,4
,x,5
b,x,1
b,z,2
b,y,2
c,x,9
d,,3
d,y,3
d,z,4
d,z,4
"""


@pytest.mark.parametrize("name", READABLE)
def test_every_footer_lists_what_was_dropped_merged_and_not_judged(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / "messy.csv"
    path.write_text(MESSY)
    results = recbench.run(["popular", "random"], str(path)).showing(["ndcg"], verbose=True)
    text = _flat(_table(name, results))
    for message in (
        "3 users judged (1 user not judged); 3 items and 9 interactions.",
        "On average, 22.2% of training interactions are later than the target",
        "which decides 1 of 3 targets.",
        *(f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in results[0].setting.notes),
    ):
        assert message in text, message


def test_the_numbers_of_the_footer_are_right_if_repeats_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "messy.csv"
    path.write_text(MESSY)
    results = recbench.run(
        ["popular"], f"{path}:repeats=keep", split="leave-last-out,temporal:at=3"
    )
    last, temporal = _table("plain", results.showing(["ndcg"], verbose=True)).split(
        "messy.csv, temporal:at=3"
    )
    assert "Full ranking among all items;" in _flat(last)
    notes = [result.setting.notes for result in results]
    assert any("2 " in note and "repeat" in note for note in notes[0])
    assert "1 user judged (3 users not judged)" in _flat(temporal)
    assert any("1970-01-01 00:00:03 UTC" in note for note in notes[1])
    for note in notes[1]:
        assert note.rstrip(".")[1:] in _flat(temporal), note


def test_splits_are_separate_tables_in_the_requested_order(tiny: str) -> None:
    results = recbench.run(["popular"], tiny, split=["windows:length=3", "leave-last-out"])
    text = _table("plain", results)
    assert text.index("tiny.csv, windows:length=3\n") < text.index("tiny.csv, leave-last-out\n")
    assert text.count("NDCG@10") == 2


@pytest.mark.parametrize("name", READABLE)
def test_left_out_results_are_listed_at_the_end(name: str) -> None:
    given = _made(result_of("a", {"ndcg@3": GOOD}), left_out=("3 results of mine", "a*b was cut"))
    lines = _table(name, given).rstrip("\n").splitlines()[-2:]
    start = {"markdown": "- ", "latex": "% "}.get(name, "")
    star = r"\*" if name == "markdown" else "*"
    assert lines == [
        f"{start}Left out: 3 results of mine.",
        f"{start}Left out: a{star}b was cut.",
    ]
    assert "Left out" not in _table(name, given.showing(["ndcg"]).of_protocol(2)).replace(
        "\n".join(lines), ""
    )


@pytest.mark.parametrize("name", READABLE)
def test_a_metric_that_was_not_measured_is_reported_and_not_shown(name: str) -> None:
    given = _made(result_of("a", {"ndcg@3": GOOD}), metrics=("ndcg", "bad"))
    text = _table(name, given)
    assert "bad@3" not in text
    assert "bad: not measured in these results." in _flat(text)


def _many(names: tuple[str, ...] = ("good", LONG, "poor")) -> Results:
    values = (GOOD, FAIR, POOR)
    keys = [f"{metric}@{k}" for metric in ("ndcg", "hit", "mrr") for k in (3, 5, 10)]
    given = []
    for name, value in zip(names, values, strict=True):
        for seed in (0, 1):
            columns = dict.fromkeys(keys, value + seed / 100)
            columns |= {f"popularity@{k}": 1000 * value for k in (3, 5, 10)}
            given.append(result_of(name, columns, seed, parameters=12_345))
    return _made(*given, metrics=("ndcg", "hit", "mrr", "popularity"))


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 160, 400])
def test_a_table_fits_the_terminal_and_numbers_are_not_split(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    given = _many()
    wide = _table("plain", given)
    _terminal(monkeypatch, columns)
    text = _table("plain", given)
    assert max(map(len, text.splitlines())) <= columns
    numbers = re.compile(r"(?:±|\b)[\d,]+\.\d+\b|\[[^\]]*\]|12\.3k")
    assert set(numbers.findall(text)) == set(numbers.findall(wide))
    for metric in ("NDCG", "HR", "MRR", "Popularity"):
        for k in (3, 5, 10):
            assert f"{metric}@{k}" in text
    assert text.count("params") == 1
    assert LONG in text or columns == 60


def test_a_wide_terminal_shows_all_in_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    _terminal(monkeypatch, 500)
    assert _table("plain", _many()).count("good") == 1
    assert _table("plain", _many()).count("model ") == 1


def test_without_a_terminal_lines_are_short_and_names_complete() -> None:
    text = _table("plain", _many())
    assert LONG in text
    for metric in ("NDCG", "HR", "MRR", "Popularity"):
        assert f"{metric}@3" in text
    short = _table("plain", _many(("good", "fair", "poor")))
    assert max(map(len, short.splitlines())) <= PIPE
    assert short.count("model ") == 5, "there must be one block per metric, and one for costs"


def test_numbers_of_every_size_are_readable() -> None:
    rows = {"popularity@3": 1000 * GOOD, "novelty@3": 12 + GOOD, "ndcg@3": GOOD / 1000}
    given = _made(result_of("a", rows), metrics=("popularity", "novelty", "ndcg"))
    text = _table("plain", given)
    mean = GOOD.mean()
    for number in (f"{1000 * mean:,.2f} [", f"{12 + mean:.3f} [", f"{mean / 1000:.4f} ["):
        assert number in text, number
    rows = {"popularity@3": 5_000_000 * GOOD}
    text = _table("plain", _made(result_of("a", rows), metrics=("popularity",)))
    assert f"{5_000_000 * mean:,.1f} [" in text


def test_costs_are_shown() -> None:
    setting = dataclasses.replace(SETTING, n_cases=40)
    result = result_of(
        "a",
        {"ndcg@3": GOOD},
        setting=setting,
        fit_seconds=1234.4,
        score_seconds=0.02,
        peak_memory=300 * 2**20,
        parameters=1_234_567,
    )
    line = next(x for x in _table("plain", _made(result)).splitlines() if x.startswith("a "))
    assert line.split()[-4:] == ["1,234", "0.50", "300", "1.23M"]
    bare = next(
        x
        for x in _table("plain", _made(result_of("a", {"ndcg@3": GOOD}))).splitlines()
        if x[:2] == "a "
    )
    assert bare.split()[-4:] == ["-"] * 4


JOBS = ["a_b", "c", "d", "e"]
FACTS = CaseFacts(
    users=np.arange(40),
    targets=np.arange(40) % 9,
    offsets=np.arange(41),
    metadata=Metadata.of(
        {
            "user_features.gender": np.array(["F"] * 15 + ["M"] * 25, dtype=object),
            "user_features.job": np.array([*JOBS, *JOBS[:2], *JOBS[:2]] * 5, dtype=object),
        }
    ),
)
LARGE = np.where(np.arange(40) < 15, 0.1, 0.9) + np.tile([0.05, -0.05], 20)
EVEN = np.tile([0.2, 0.3], 20)


def _by(by: str, **more: Any) -> Results:
    given = result_of("a_1", {"ndcg@3": LARGE}), result_of("b", {"ndcg@3": EVEN})
    return _made(*given, describe=lambda _: FACTS).showing("ndcg", by=by, **more)


@pytest.mark.parametrize("name", READABLE)
def test_two_groups_are_columns_with_their_difference(name: str) -> None:
    text = _flat(_table(name, _by("gender")))
    assert "NDCG@3 by gender" in text or "by gender (15) (25)" in text
    assert "M - F" in text
    found = [each for each in _by("gender").sections()[0].by_group(3) if each.versus]
    for each in found:
        interval = f"[{each.low:+.3f}, {each.high:+.3f}]"
        assert f"{each.difference:+.4f} {interval}" in text
    assert [each.differs for each in found] == [True, False]
    after = text.partition(f"[{found[0].low:+.3f}, {found[0].high:+.3f}]")[2]
    assert re.match(r" ?(rlap\{\\?)?#", after.replace("\\", "")), after[:20]
    assert "#: the interval of the difference excludes 0, as 1 in 20 does by chance." in text
    assert "gender" not in _table(name, _by("gender").showing(by=()))


@pytest.mark.parametrize("name", READABLE)
def test_many_groups_are_rows_with_the_differences_of_each_model(name: str) -> None:
    text = _flat(_table(name, _by("job")))
    assert text.count("- others") == 2
    found = [each for each in _by("job").sections()[0].by_group(3) if each.group == "a_b"]
    assert [each.users for each in found] == [15, 15]
    row = [f"{each.value.mean:.4f} {each.difference:+.4f}" for each in found]
    row_of_text = re.sub(r" [|&] | \| ", " ", text.partition("a_b")[2])
    assert row_of_text.split()[:3] == ["15", *row[0].split()]
    assert row[1] in row_of_text


@pytest.mark.parametrize("name", READABLE)
def test_history_and_popularity_are_shown_below_each_metric(name: str, tiny: str) -> None:
    stored = recbench.run(MODELS, tiny)
    metrics = ("ndcg", "hit", "coverage")
    text = _flat(_table(name, stored.showing(metrics, by="popularity")))
    assert len(re.findall(r"by popularity(?!:)", text)) == 2
    assert "Head, middle and tail items have a third of the training interactions each." in text
    assert "Not available by popularity: Coverage." in text
    assert "popularity" not in _table(name, stored.showing(metrics, by=()))


@pytest.mark.parametrize("columns", [50, 80, 160])
@pytest.mark.parametrize("by", ["gender", "job"])
def test_groups_fit_the_terminal(monkeypatch: pytest.MonkeyPatch, by: str, columns: int) -> None:
    shown = _by(by)
    _terminal(monkeypatch, columns)
    text = _table("plain", shown)
    assert max(map(len, text.splitlines())) <= columns
    assert f"by {by}" in text


def test_programs_get_the_groups_too() -> None:
    shown = _by("gender")
    lines = list(csv.DictReader(io.StringIO(_table("csv", shown))))
    assert [line["group"] for line in lines] == ["", "", "F", "F", "M", "M"]
    last = shown.sections()[0].by_group(3)[-1]
    assert float(lines[-1]["difference"]) == pytest.approx(last.difference)
    rows = json.loads(_table("json", shown))
    assert rows[-1]["difference_low"] == pytest.approx(last.low)
    assert (rows[-1]["by"], rows[-1]["versus"], rows[2]["difference"]) == ("gender", "F", None)


def test_the_names_of_groups_are_escaped() -> None:
    shown = _by("job")
    assert "a_b" in _table("markdown", shown)
    assert r"a\_b" in _table("latex", shown)
    genders = np.array(["=1+1", "<b>"] * 20, dtype=object)
    facts = dataclasses.replace(FACTS, metadata=Metadata.of({"user_features.gender": genders}))
    shown = _made(result_of("a", {"ndcg@3": LARGE}), describe=lambda _: facts).showing(by="gender")
    assert "<b>" not in load_plugins().find("tables", "html").factory(shown)
    assert "&lt;b&gt;" in load_plugins().find("tables", "html").factory(shown)
    assert r"\<b>" in _table("markdown", shown)
    groups = [line["group"] for line in csv.DictReader(io.StringIO(_table("csv", shown)))]
    assert groups == ["", "<b>", "'=1+1"]


def test_the_table_of_a_plugin_may_ignore_groups() -> None:
    def bare(results: Results) -> str:
        return "\n".join(recbench.footer_lines(results.sections()[0]))

    plugins = load_plugins(mine=plugin(tables={"bare": bare}))
    assert "parentheses" not in _by("gender").to_table("bare", plugins=plugins)


def test_constant_values_cause_no_warning() -> None:
    zeros = np.zeros(40)
    given = _made(result_of("a", {"ndcg@3": zeros}), result_of("popular", {"ndcg@3": zeros}))
    assert "0.0000 [0.000, 0.000] *" in _table("plain", given)
