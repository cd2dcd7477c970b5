"""Formats of tables, and the files of --output."""

from pathlib import Path
from typing import Any

import pytest
from helpers import plugin
from made_results import GOOD, columns_of, result_of

import recbench
from recbench import Results, UsageError, load_plugins
from recbench.cli.group import cli
from recbench.cli.output import table_writer
from recbench.plugins import Plugins

RESULTS = Results([result_of("a", {"ndcg@3": GOOD})], columns_of)


PLUGINS = load_plugins()


def _offering(**tables: Any) -> Plugins:
    """Return the installed plugins, and one with these tables."""
    return load_plugins(mine=plugin(tables=tables))


@pytest.mark.parametrize(
    ("file", "begins"),
    [
        ("t", "data, last\n\nmodel"),
        ("t.txt", "data, last\n\nmodel"),
        ("t.MD", "### data, last"),
        ("t.markdown", "### data, last"),
        ("t.tex", "% data, last"),
        ("t.csv", "model,dataset"),
        ("t.json", "[\n"),
        ("t.html", "<div"),
    ],
)
def test_the_suffix_decides_the_format(file: str, begins: str) -> None:
    text, code = table_writer(PLUGINS, None, file)(RESULTS)
    assert code == 0
    assert text.startswith(begins)
    assert Path(file).read_text() == text


@pytest.mark.parametrize("file", ["boss.xlsx", "boss.png", "boss.htm", "t.v2"])
def test_an_unknown_suffix_is_refused_before_anything_is_run(file: str) -> None:
    suffix = file.partition(".")[2]
    with pytest.raises(UsageError) as caught:
        table_writer(PLUGINS, None, file)
    assert str(caught.value) == (
        f"cannot write -o {file}: no table has the suffix .{suffix}. Use .csv, .html, .json, "
        ".md, .tex, .txt, or choose one with --format"
    )
    text, _ = table_writer(PLUGINS, "csv", file)(RESULTS)
    assert Path(file).read_text() == text


def test_the_table_of_a_plugin_is_found_by_its_suffix() -> None:
    plugins = _offering(org=lambda _: "| model |")
    assert table_writer(plugins, None, "boss.org")(RESULTS) == ("| model |", 0)
    with pytest.raises(UsageError, match=r"Use \.csv, \.html, \.json, \.md, \.org, \.tex"):
        table_writer(plugins, None, "boss.xlsx")


def test_a_suffix_may_be_an_alias_and_in_any_case() -> None:
    def outline(_: Any) -> str:
        return "| model |"

    outline.aliases = ("orgmode",)  # type: ignore[attr-defined]
    plugins = _offering(ORG=outline)
    assert table_writer(plugins, None, "boss.Org")(RESULTS) == ("| model |", 0)
    assert table_writer(plugins, None, "boss.orgmode")(RESULTS) == ("| model |", 0)


def test_what_plugins_write_is_cleaned() -> None:
    plugins = _offering(mine=lambda _: "a\tb\r\né\x1b[31m\ud800\u202e\n")
    text, code = table_writer(plugins, "mine", "t.txt")(RESULTS)
    assert (text, code) == ("a\tb\né\\x1b[31m\\ud800\\u202e\n", 0)
    assert Path("t.txt").read_text(encoding="utf-8") == text


def test_a_table_must_be_text() -> None:
    plugins = _offering(mine=lambda _: b"text")
    with pytest.raises(recbench.RecbenchError, match="table mine returned bytes; it must return"):
        table_writer(plugins, "mine", None)(RESULTS)


@pytest.mark.parametrize(("form", "begins"), [("md", "###"), ("tex", "%"), ("txt", "data")])
def test_suffixes_name_formats_too(form: str, begins: str) -> None:
    assert table_writer(PLUGINS, form, None)(RESULTS)[0].startswith(begins)


def test_a_table_does_not_replace_a_file_that_the_run_reads(tiny: str) -> None:
    before = Path(tiny).read_text()
    for option in ("--dataset", "--recs"):
        recs = f"theirs={tiny}" if option == "--recs" else "theirs=other.csv"
        Path("other.csv").write_text("user,item,rank\n")
        data = tiny if option == "--dataset" else "synthetic"
        arguments = ["run", "popular", "--dataset", data, "--recs", recs, "-o", tiny]
        with pytest.raises(UsageError, match=f"cannot write -o .*: {option} reads this file; cho"):
            cli.main(arguments, standalone_mode=False)
        assert Path(tiny).read_text() == before
