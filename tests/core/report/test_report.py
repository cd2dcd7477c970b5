"""What functions return: text that fits the terminal, HTML for notebooks, and frames."""

import base64
from collections.abc import Iterable

import pandas as pd
import pytest

import recbench.report.report
import recbench.report.text
from recbench.report.report import (
    LONGEST,
    Block,
    Lines,
    Picture,
    ReportOf,
    Table,
    as_markdown,
    shortened_to,
)

ROWS = [{"word": "a<b", "empty": "", "n": 1}, {"word": "c", "empty": "", "n": 20}]


class Sample(ReportOf[str]):
    """A report with a block of each kind; the table has as many rows as the sequence."""

    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame({"part": list(self)})

    def _blocks(self, width: int) -> Iterable[Block]:
        yield f"A paragraph & the width {width}."
        yield Lines(["First line", "Second line"], indent="  ")
        yield Lines([])
        yield Table([{"part": part} for part in self], caption="Parts <b>")
        yield Table(ROWS, numbers=["n"])
        yield Picture(lambda: b"png", 'A "picture"')
        yield "The end."


def test_the_text_has_all_blocks_but_pictures() -> None:
    assert str(Sample(["x", "y"])) == (
        "A paragraph & the width 0.\n\nFirst line\nSecond line\n\nParts <b>\n\n"
        "part\n----\nx\ny\n\nword   n\n----  --\na<b    1\nc     20\n\nThe end."
    )


def test_a_caption_is_shown_without_rows() -> None:
    assert "Parts <b>\n\nword" in str(Sample([]))
    assert "<p>Parts &lt;b&gt;</p>" in Sample([])._repr_html_()


def test_html_has_all_blocks_escaped() -> None:
    html = Sample(["x"])._repr_html_()
    assert html.startswith(
        "<p>A paragraph &amp; the width 0.</p>\n<p>First line<br>Second line</p>\n<div"
    )
    assert "Parts &lt;b&gt;</caption>" in html
    assert ">a&lt;b</th>" in html
    assert "empty" not in html
    content = base64.b64encode(b"png").decode()
    assert f'src="data:image/png;base64,{content}"' in html
    assert 'alt="A &quot;picture&quot;"' in html
    assert html.endswith("<p>The end.</p>")


def test_only_text_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (recbench.report.report, recbench.report.text):
        monkeypatch.setattr(module, "terminal", lambda: 40)
    report = Sample(["word " * 20])
    assert "the width 40" in str(report)
    assert max(map(len, str(report).splitlines())) <= 40
    assert "the width 0" in report._repr_html_()
    assert "word " * 20 in report._repr_html_()


def test_a_repr_is_the_text_up_to_a_number_of_lines() -> None:
    assert repr(Sample(["x"])) == str(Sample(["x"]))
    *lines, last = repr(Sample(["x"] * 500)).splitlines()
    assert len(lines) == LONGEST
    assert lines == str(Sample(["x"] * 500)).splitlines()[:LONGEST]
    assert last == f"... {500 + 16 - LONGEST} more lines; print() shows all"
    assert shortened_to(2, "a\nb") == "a\nb"


def test_it_is_a_sequence() -> None:
    report = Sample(iter(["x", "y"]))
    assert (len(report), list(report), report[1], report[-2:]) == (2, ["x", "y"], "y", ("x", "y"))
    assert "x" in report


def test_markdown_has_all_blocks_but_pictures() -> None:
    assert Sample(["x"]).to_markdown() == (
        "A paragraph & the width 0.\n\n- First line\n- Second line\n\n### Parts \\<b>\n\n"
        "| part |\n| --- |\n| x |\n\n| word | n |\n| --- | ---: |\n| a\\<b | 1 |\n| c | 20 |\n\n"
        "The end.\n"
    )
    assert "### Parts \\<b>\n\n| word |" in Sample([]).to_markdown()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", r"a\|b"),
        ("`a` *b* ~c~ $d$", r"\`a\` \*b\* \~c\~ \$d\$"),
        ("<script>", r"\<script>"),
        ("[a](http://b)", r"[a\](http://b)"),
        ("_a_ but snake_case", r"\_a\_ but snake_case"),
        ("back\\slash", r"back\\slash"),
        ("two\nlines\tand\x1b[31m", "two lines and\\\\x1b[31m"),
        ("ease:l2=812,decay=0.5", "ease:l2=812,decay=0.5"),
    ],
)
def test_text_in_markdown_is_not_markdown(text: str, written: str) -> None:
    assert as_markdown(text) == written
    assert as_markdown(Table([{text: text}])) == f"| {written} |\n| --- |\n| {written} |"


def test_cells_of_dashes_are_not_rules() -> None:
    table = as_markdown(Table([{"a": "-", "b": "x"}, {"a": "---", "b": "y"}]))
    assert table.splitlines()[2:] == ["| - | x |", "| --- | y |"]
    assert as_markdown(Table([])) == ""
    assert as_markdown(Picture(lambda: b"", "a")) == ""
