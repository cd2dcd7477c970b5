"""What the tables say, for people and for programs."""

import csv
import io
import json
import re

import pytest

import recbench
from recbench import Results, load_plugins

MODELS = ["random", "popular", "popular:rule=rated"]


@pytest.fixture
def results(tiny: str) -> Results:
    return recbench.run(MODELS, tiny)


def _table(name: str, results: Results) -> str:
    return str(load_plugins().find("tables", name).factory(results))


def test_plain_shows_ndcg_with_its_error_and_what_it_is_of(results: Results) -> None:
    text = _table("plain", results)
    assert re.search(r"model +NDCG@3 +NDCG@5 +NDCG@10 +fit s +score s", text)
    value, error = results[1].value("ndcg", 3)
    assert f"{value:.4f} ±{error:.4f}" in text
    for said in (
        "6 users judged, 7 items in the catalogue, 24 events",
        "Split leave-last-out; order by user and time, equal times in the order of the file's",
        "seeds: 0",
        "seen items are masked",
    ):
        assert said in " ".join(text.split()), said


def test_best_comes_first(results: Results) -> None:
    values = [one.value("ndcg", 10)[0] for one in results.sections()[0].results]
    assert values == sorted(values, reverse=True)


def test_csv_has_a_line_for_each_value(results: Results) -> None:
    lines = list(csv.DictReader(io.StringIO(_table("csv", results))))
    assert len(lines) == 3 * 3 * 3
    assert list(lines[0]) == list(recbench.results.COLUMNS)
    line = next(
        one for one in lines if (one["model"], one["metric"], one["k"]) == ("popular", "mrr", "5")
    )
    assert float(line["value"]) == pytest.approx(results[1].value("mrr", 5)[0])
    assert float(line["stderr"]) == pytest.approx(results[1].value("mrr", 5)[1])
    assert (line["dataset"], line["split"], line["users"]) == ("tiny.csv", "leave-last-out", "6")
    assert (line["seed"], line["status"]) == ("", "ok")


def test_json_is_the_same_as_csv(results: Results) -> None:
    rows = json.loads(_table("json", results))
    assert len(rows) == 27
    assert list(rows[0]) == list(recbench.results.COLUMNS)


def test_failed_models_stand_in_every_table(tiny: str) -> None:
    bare = tiny.replace("tiny", "bare")
    with open(tiny) as source, open(bare, "w") as target:
        target.writelines(",".join(line.split(",")[:3]) + "\n" for line in source)
    results = recbench.run(["popular:rule=rated", "popular"], bare)
    for name in ("plain", "markdown", "latex"):
        text = _table(name, results)
        assert "failed" in text
        assert "needs ratings" in text
    lines = list(csv.DictReader(io.StringIO(_table("csv", results))))
    failed = [one for one in lines if one["model"] == "popular:rule=rated"]
    assert len(failed) == 9
    assert {one["value"] for one in failed} == {""}
    assert all(one["status"].startswith("failed: popular:rule=rated needs") for one in failed)
    rows = json.loads(_table("json", results))
    assert sum(one["value"] is None for one in rows) == 9


def test_sections_never_mix_datasets_or_splits(tiny: str) -> None:
    one = recbench.run(["popular"], tiny)
    other = recbench.run(["popular"], f"{tiny}:min_item=3")
    third = recbench.run(["popular"], tiny, split="windows:length=3")
    sections = Results([*one, *other, *third]).sections()
    assert [section.title for section in sections] == [
        "tiny.csv, leave-last-out",
        "tiny.csv, windows:length=3",
        "tiny.csv:min_item=3, leave-last-out",
    ]


def test_same_name_with_other_content_is_another_section(tiny: str) -> None:
    one = recbench.run(["popular"], tiny)
    with open(tiny, "a") as file:
        file.write("u9,i1,5,1\nu9,i2,6,1\n")
    other = recbench.run(["popular"], tiny)
    assert len(Results([*one, *other]).sections()) == 2


def test_seeds_of_one_model_are_told_apart(tiny: str) -> None:
    both = Results([*recbench.run(["random"], tiny), *recbench.run(["random"], tiny, seed=1)])
    text = _table("plain", both)
    assert re.search(r"model +seed +NDCG", text)
    assert "seeds: 0, 1" in " ".join(text.split())


def test_markdown_and_latex_are_tables(results: Results) -> None:
    assert "| model" in _table("markdown", results)
    latex = _table("latex", results)
    assert r"\begin{tabular}" in latex
    assert r"$\pm$" in latex
    assert "±" not in latex.partition(r"\begin")[2]
