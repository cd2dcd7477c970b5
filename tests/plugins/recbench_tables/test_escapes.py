"""What the shipped tables do with text that could control a program that displays them."""

import csv
import dataclasses
import html
import io
import json
import re
from typing import Any

import pytest
from made_results import GOOD, SETTING, columns_of, failed, result_of

from recbench import Result, Results, load_plugins

READABLE = ("plain", "markdown", "latex", "html")


def _table(name: str, results: Results) -> str:
    return str(load_plugins().find("tables", name).factory(results))


def _made(*given: Result, **more: Any) -> Results:
    return Results(given, columns_of, **more)


NASTY = "a|b\x1b[31m <script>`x`\u202e\u200b [l](u)\n# _%_ $&{}~^\\ \ud800"
SHOWN = r"a|b\x1b[31m <script>`x`\u202e\u200b [l](u) # _%_ $&{}~^\ \ud800"
IN_MARKDOWN = r"a\|b\x1b\[31m \<script>\`x\`\u202e\u200b \[l\](u) # \_%\_ \$&{}\~^\ \ud800"
IN_LATEX = (
    r"a|b\textbackslash{}x1b[31m <script>`x`\textbackslash{}u202e\textbackslash{}u200b [l](u) "
    r"\# \_\%\_ \$\&\{\}\textasciitilde{}\^{}\textbackslash{} \textbackslash{}ud800"
)


def _nasty() -> Results:
    """Return results with what could be mistaken for a command, wherever there is text."""
    setting = dataclasses.replace(
        SETTING,
        **dict.fromkeys(("dataset", "split", "source", "citation", "licence", "order"), NASTY),
        notes=(NASTY,),
    )
    seen = {"ndcg@3": GOOD, "a|b\x1b@3": GOOD}
    given = [
        result_of(NASTY, seen, setting=setting, notes=(NASTY,), fit_seconds=float("inf")),
        result_of("[x", seen, setting=setting, parameters=2**63 - 1),
        dataclasses.replace(failed("bad"), setting=setting, status=f"failed: {NASTY}"),
    ]
    return _made(*given, metrics=("ndcg", "a|b\x1b"), verbose=True, left_out=(NASTY,))


@pytest.mark.parametrize("name", [*READABLE, "csv", "json"])
def test_no_text_controls_what_displays_a_table(name: str) -> None:
    text = _table(name, _nasty())
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e\u200b\ud800]", text)
    assert "31m" in text


def test_plain_shows_names_in_one_line() -> None:
    text = _table("plain", _nasty())
    assert f"\n{SHOWN}  " in text
    words = " ".join(text.split())
    assert words.startswith(f"{SHOWN}, {SHOWN} model ")
    assert f"Citation: {SHOWN}" in words


def test_markdown_reads_no_text_as_markdown_or_html() -> None:
    text = _table("markdown", _nasty())
    lines = text.splitlines()
    assert lines[0] == f"### {IN_MARKDOWN}, {IN_MARKDOWN}"
    assert f"- Citation: {IN_MARKDOWN}." in lines
    assert f"- Left out: {IN_MARKDOWN}." in lines
    table = [line for line in lines if line.startswith("|")]
    assert sum(line.startswith(f"| {IN_MARKDOWN} |") for line in table) == 1
    assert r"a\|b\x1b@3 |" in table[0]
    n_cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table}
    assert n_cells == {8}


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("my_model, data.csv:where=a>=1&b<2", "my_model, data.csv:where=a>=1&b<2"),
        ("_a_ *b*", r"\_a\_ \*b\*"),
        ("&lt;b> &#60;", r"\&lt;b> \&#60;"),
        ("![x](y) [x][y] []: 1", r"!\[x\](y) \[x\]\[y] []: 1"),
        (r"\| C:\x", r"\\\| C:\x"),
        ("# a", r"\# a"),
        ("- a", r"\- a"),
        ("> a", r"\> a"),
        ("--", r"\--"),
    ],
)
def test_what_markdown_escapes(text: str, escaped: str) -> None:
    text = _table("markdown", _made(result_of(text, {"ndcg@3": GOOD})))
    assert f"| {escaped} " in text


def test_html_shows_every_text_and_runs_none() -> None:
    text = _table("html", _nasty())
    assert text.isascii()
    tags = set(re.findall(r"<[^>]*>", re.sub(r' (style|scope)="[\w:;.\s-]*"', "", text)))
    names = ("div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "p")
    assert tags == {f"{start}{name}>" for start in ("<", "</") for name in names}
    shown = html.escape(SHOWN)
    assert f"{shown}, {shown}</caption>" in text
    assert text.count(f">{shown}</th>") == 3  # a table for each metric, and one of costs
    assert text.count("</caption>") == 1
    assert f"<p>Citation: {shown}.</p>" in text
    assert f"<p>Left out: {shown}.</p>" in text
    assert f"<p>bad (plugin mine) failed: {shown}</p>" in text


def test_nothing_in_latex_is_a_command() -> None:
    text = _table("latex", _nasty())
    for line in text.splitlines():
        own = r"\\(begin|end|toprule|midrule|bottomrule|rlap|textbackslash|textasciitilde"
        rest = re.sub(own + r"|ensuremath)\b|\\[&%$#_{}^]|\\\\$", "", line)
        assert "\\" not in rest, line
        assert line.startswith("% ") or not re.search(r"[%#$_~]", rest), line
    lines = text.splitlines()
    assert lines[0] == f"% {IN_LATEX}, {IN_LATEX}"
    assert f"% Citation: {IN_LATEX}." in lines
    assert any(line.startswith(" {}[x ") for line in lines), "it is not an option of the row above"


def test_csv_has_no_formulas_and_numbers_stay_numbers() -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'a", "a=1"]
    setting = dataclasses.replace(SETTING, split="=cmd()")
    given = [result_of(name, {"novelty@3": GOOD - 9}, setting=setting) for name in names]
    lines = list(csv.DictReader(io.StringIO(_table("csv", _made(*given)))))
    shown = {"'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "'a", "a=1"}
    assert {line["model"] for line in lines} == shown
    assert {line["split"] for line in lines} == {"'=cmd()"}
    assert all(float(line["value"]) < 0 for line in lines)


def test_json_is_strict() -> None:
    def refuse(text: str) -> None:
        raise ValueError(text)

    text = _table("json", _nasty())
    rows = json.loads(text, parse_constant=refuse)
    json.dumps(rows, ensure_ascii=False).encode()
    assert rows[0]["fit_seconds"] is None
    assert {row["parameters"] for row in rows} == {None, 2**63 - 1}
    assert rows[0]["dataset"] == SHOWN.replace(" # ", "\n# ")


@pytest.mark.parametrize("name", [*READABLE, "csv", "json"])
def test_ordinary_text_of_every_script_is_shown_as_it_is(name: str) -> None:
    titles = "Amélie 千と千尋 ואלס 👨\u200d👩\u200d👧"
    text = _table(name, _made(result_of(titles, {"ndcg@3": GOOD})))
    text = html.unescape(text) if name == "html" else text
    assert titles in (json.loads(text)[0]["model"] if name == "json" else text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("my_model", "my_model"),
        ("__init__", r"\_\_init\_\_"),
        ("a__b_", r"a\_\_b\_"),
        ("a ~~b~~", r"a \~\~b\~\~"),
    ],
)
def test_signs_that_have_a_meaning_in_markdown_lose_it(text: str, shown: str) -> None:
    assert f"| {shown} " in _table("markdown", _made(result_of(text, {"ndcg@3": GOOD})))
