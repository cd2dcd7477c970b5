"""Tables and sentences as HTML."""

import re
from html.parser import HTMLParser

from recbench.report.html_table import draw_html, paragraphs

NASTY = "<script>alert('x')</script> & \"q\" \x1b[31m\u202e"
SHOWN = "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;q&quot; \\x1b[31m\\u202e"


class Balanced(HTMLParser):
    """Counts the tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {name for name, _ in attrs} - {"style", "scope"}
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _tags(text: str) -> set[str]:
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    return parser.seen


def test_rows_and_columns_have_headings() -> None:
    text = draw_html({"model": ["a", "b"], "seeds": ["1", "2"]}, {"NDCG@3": ["0.5", "0.2"]})
    found = re.findall(r'<(t[hd])(?: scope="(\w+)")?(?= )', text)
    heads = [("th", "col")] * 3
    assert found == [*heads, *([("th", "row"), ("td", ""), ("td", "")] * 2)]
    seen = re.sub("<[^>]*>", " ", text).split()
    assert seen == ["model", "seeds", "NDCG@3", "a", "1", "0.5", "b", "2", "0.2"]
    assert re.search(r'<td style="text-align:right[^"]*"><span [^>]*>0\.5<', text)
    assert re.search(r'<td style="text-align:left[^"]*">1<', text)


def test_every_text_is_escaped_and_nothing_else_is_loaded() -> None:
    text = draw_html({NASTY: [NASTY]}, {f"{NASTY}2": [NASTY]}, caption=NASTY)
    assert text.count(SHOWN) == 5
    assert _tags(text) == {
        *("div", "table", "caption", "thead", "tbody"),
        *("tr", "th", "td", "span"),
    }
    assert paragraphs([NASTY, "", "a\nb"]) == f"<p>{SHOWN}</p>\n<p>a<br>b</p>"


def test_marked_cells_are_bold_and_keep_their_mark() -> None:
    marks = {"NDCG@3": ["*", ""]}
    text = draw_html({"model": ["a", "b"]}, {"NDCG@3": ["0.5", "0.2"]}, marks=marks)
    assert re.findall(r'font-weight:bold"><span [^>]*>([^<]*)<', text) == ["0.5 *"]


def test_lines_of_words_stay_lines_and_those_of_numbers_are_kept_whole() -> None:
    text = draw_html({"n": ["1"], "title": ["one\ntwo"]}, {"n": ["0.5 ±0.1  \n[0, 1]"]})
    whole = 'style="white-space:nowrap"'
    assert re.search(r'white-space:nowrap">one<br>two</td>', text)
    assert f"<span {whole}>0.5 ±0.1</span> <span {whole}>[0, 1]</span></td>" in text


def test_no_colour_is_fixed() -> None:
    text = draw_html({"a": ["b"]}, {"c": ["d"]}, marks={"c": ["*"]}, caption="e")
    assert "color" not in text
    assert "background" not in text
    assert "#" not in text
