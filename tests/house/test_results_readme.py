"""results/README.md and benchmarks/README.md have the numbers and commands of committed files."""

import itertools
import json
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS, BENCHMARKS = ROOT / "results", ROOT / "benchmarks"
PAGE = (RESULTS / "README.md").read_text()
BENCHMARKS_PAGE = (BENCHMARKS / "README.md").read_text()
REFERENCE = RESULTS / "reference"

NUMBER = re.compile(r"\d[\d,]*\.?\d*")


def commands(page: str) -> list[str]:
    """Return the indented lines of a page."""
    return [line.strip() for line in page.splitlines() if line.startswith("    ")]


def section_of(title: str) -> str:
    """Return the text of a section of results/README.md."""
    return PAGE.partition(f"## {title}")[2].partition("\n## ")[0]


def table_rows(page: str) -> list[list[str]]:
    """Return the cells of each row of each table of a page."""
    lines = [line for line in page.splitlines() if re.match(r"\| .* \|$", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def stored_row(path: Path, model: str, split: str = "") -> dict[str, str]:
    """Return column -> cell of a model in a committed table.

    split: which table, if the file has several.
    """
    text = path.read_text()
    if split:
        text = text.partition(f", {split}\n")[2].partition("\n### ")[0]
    heads, *rows = table_rows(text)
    cells = next(cells for cells in rows if cells[0].removesuffix(" !") == model)
    return dict(zip(heads, cells, strict=True))


def without_mark(cell: str) -> str:
    """Return a cell of a table without the mark of the best model."""
    return cell.removesuffix("\\*").strip()


@pytest.mark.parametrize(
    "path", sorted(path.name for path in REFERENCE.iterdir() if path.is_file())
)
def test_every_file_is_linked_and_written_by_a_command(path: str) -> None:
    assert f"(reference/{path})" in PAGE
    writers = [command for command in commands(PAGE) if f"results/reference/{path}" in command]
    if path == "curves-ml-1m.json":
        writers = [line for line in commands(BENCHMARKS_PAGE) if path in line]
    assert writers, f"no command writes {path}"


def test_every_stored_result_has_a_command() -> None:
    made = set()
    for command in commands(PAGE):
        words = shlex.split(command.partition(" >")[0])
        if words[:2] not in (["recbench", "run"], ["recbench", "tune"]):
            continue
        options = dict(itertools.pairwise(words))
        values = {following for word, following in options.items() if word.startswith("-")}
        models = [word for word in words[2:] if not word.startswith("-") and word not in values]
        made |= {
            (options.get("--dataset", "ml-100k"), split, model, int(seed))
            for split in re.split(r",(?!\w+=)", options.get("--split", "leave-last-out"))
            for model in models
            for seed in options.get("--seeds", "0").split(",")
        }
    files = [path for path in sorted(REFERENCE.glob("*/**/*.json")) if ".model/" not in str(path)]
    assert len(files) > 80
    for file in files:
        result = json.loads(file.read_text())
        result = result.get("result", result)
        setting = result["setting"]
        model = result["model"]
        if (result.get("tuned") or {}).get("n_options"):  # without the options that were found
            model = model.partition(":")[0]
        cell = (setting["dataset"], setting["split"], model, result["seed"] or 0)
        assert cell in made, f"no command in results/README.md makes {file.relative_to(ROOT)}"


def test_the_ndcg_of_the_transformer_is_the_stored_one() -> None:
    section = PAGE.partition("## What the transformer reaches")[2].partition("\n### ")[0]
    rows = [cells for cells in table_rows(section) if "±" in cells[1]]
    assert len(rows) == 3
    for _, *numbers, link in rows:
        path = RESULTS / re.findall(r"\((.*)\)", link)[0]
        for model, number in zip(("transformer", "rules", "popular"), numbers, strict=True):
            assert without_mark(stored_row(path, model)["NDCG@10"]) == number
    default, accurate = (
        stored_row(REFERENCE / "sasrec-ml-1m.md", model)
        for model in ("transformer", "transformer:preset=accurate")
    )
    assert f"reaches {without_mark(accurate['NDCG@10'])} on MovieLens 1M" in PAGE
    seconds = f"{accurate['fit s']} seconds on the two cores, in place of {default['fit s']}"
    assert seconds in PAGE


def test_the_numbers_of_repeats_are_the_stored_ones() -> None:
    splits = {
        "MovieLens 1M": "leave-last-out",
        "last basket": "leave-last-basket",
        "last item": "leave-last-out",
        "after the cut": "temporal:share=0.9,targets=all",
        "first after the cut": "temporal:share=0.9",
    }
    section = PAGE.partition("## Repeats and a cut in time")[2].partition("## All models")[0]
    files = re.findall(r"-o results/reference/([\w.-]+\.md)", section)
    tables = section.split("| NDCG@10")[1:]
    assert len(files) == len(tables) == 3
    for file, table in zip(files, tables, strict=True):
        (_, *columns), *rows = table_rows(f"| NDCG@10{table}")
        text = (REFERENCE / file).read_text()
        assert text.count("\n### ") + 1 == len(columns)
        for name, *numbers in rows:
            model = name.strip("`")
            stored = [stored_row(REFERENCE / file, model, splits[column]) for column in columns]
            assert [row["NDCG@10"] for row in stored] == numbers
        assert len(rows) * len(columns) == len(table_rows(text)) - len(columns)


def test_the_numbers_for_windows_are_the_stored_ones() -> None:
    rows = [cells for cells in table_rows(PAGE) if "windows" in cells[-1]]
    assert len(rows) == 10
    for name, *numbers, link in rows:
        path = RESULTS / re.findall(r"\((.*)\)", link)[0]
        model = re.findall("`(.*)`", name)[0]
        stored = stored_row(path, model)
        heads = ["NDCG@3", "NDCG@5", "NDCG@10", "fit s"]
        assert [without_mark(stored[head]) for head in heads[: len(numbers)]] == numbers


def test_the_numbers_of_all_models_are_the_stored_ones() -> None:
    section = section_of("All models beside each other")
    heads, *rows = table_rows(section)
    files = re.findall(r"\(reference/(opponents-.*?\.md)\)", section)
    assert heads[1::2] == ["MovieLens 1M", "MovieLens 100K", "Online Retail"]
    for place, file in enumerate(files, start=1):
        _, *stored_rows = table_rows((REFERENCE / file).read_text())
        names = {cells[0].removesuffix(" !") for cells in stored_rows}
        for name, *numbers in rows:
            pair, model = numbers[2 * place - 2 : 2 * place], name.strip("`")
            stored = stored_row(REFERENCE / file, model) if model in names else {}
            expected = [without_mark(stored.get(head, "-")) for head in ("NDCG@10", "fit s")]
            assert pair == expected, (model, file)
        assert names <= {name.strip("`") for name, *_ in rows}
    assert len(files) == 3


def test_the_gains_of_tuning_are_the_stored_ones() -> None:
    section = section_of("What tuning gains")
    files = dict(
        zip(
            ("MovieLens 100K", "MovieLens 1M", "Amazon Beauty"),
            re.findall(r"\[(tuned-[\w-]+\.md)\]", section),
            strict=True,
        )
    )
    shown: dict[str, list[list[str]]] = {}
    dataset = ""
    for name, model, default, tuned, difference, p in table_rows(section)[1:]:
        dataset = name or dataset
        value, _, interval = difference.partition(" ")
        shown.setdefault(dataset, []).append([model.strip("`"), default, tuned, value, interval, p])
    for name, file in files.items():
        gains = (REFERENCE / file).read_text().partition("### What tuning gained")[2]
        stored = table_rows(gains.partition("\n### ")[0])[2:]
        assert sorted(shown[name]) == sorted(stored), file
        budget = {"tuned-ml-100k.md": 30}.get(file, 10)
        assert f"Budget: {budget} trials per model." in (REFERENCE / file).read_text()


def test_what_each_part_contributes_is_stored() -> None:
    section = section_of("What each part of the transformer contributes")
    (_, *columns), *rows = table_rows(section)
    files = re.findall(r"-o results/reference/(ablation-[\w-]+\.md)", section)
    assert len(columns) == len(files) == 4
    for place, file in enumerate(files, start=1):
        lines = [cells for cells in table_rows((REFERENCE / file).read_text()) if len(cells) == 4]
        stored = {cells[0]: cells[1:3] for cells in lines[1:]}
        assert stored.keys() <= {cells[0] for cells in rows}
        for cells in rows:
            value, difference = stored.get(cells[0], ("-", "-"))
            assert cells[place] == (difference or value), (cells[0], file)


def test_the_comparison_with_icsrec_is_the_stored_one() -> None:
    text = (REFERENCE / "sasrec-ml-1m-icsrec.txt").read_text().replace("+", "")
    last = {  # the value at k = 10, by block and line
        (block, line.split("  ")[0]): line.split("  ")[-1].strip()
        for block, lines in enumerate(re.split(r"(?m)^.*@10$", text))
        for line in lines.splitlines()
    }
    models = "transformer", "transformer:preset=accurate", "transformer:finish=0"
    for block, model in zip((1, 3, 5), models, strict=True):
        interval = f"{last[block, 'difference']} {last[block, '95% interval']}"
        assert f"{interval} in NDCG@10, with p = {last[block, 'p']}" in PAGE or (
            f"{interval}, with p = {last[block, 'p']}" in PAGE
        ), model
    assert f"{last[1, 'icsrec']} / {last[2, 'icsrec']}" in PAGE
    assert f"It reaches {last[5, 'transformer:finish=0']}" in PAGE


def test_benchmarks_have_the_commands_and_numbers_of_their_tables() -> None:
    sections = re.split(r"(?m)^### ", BENCHMARKS_PAGE)[1:]
    tables = sorted(path.name for path in BENCHMARKS.glob("*.md") if path.name != "README.md")
    described = []
    for section in sections:
        result = section[section.index("Result: ") :].partition("\n")[0]
        (table,) = set(re.findall(r"\]\((\w[\w.-]*\.md)\)", result))
        text = (BENCHMARKS / table).read_text()
        assert commands(section) == commands(text)
        words = re.sub(r"`[^`]*`|\([^)]*\)|\[[^]]*\]", " ", result)
        for number in NUMBER.findall(words):
            assert re.search(rf"(?<![\d.]){re.escape(number.rstrip(',.'))}(?!\d)", text), (
                f"{table} has no {number}"
            )
        described.append(table)
    assert sorted(described) == tables
