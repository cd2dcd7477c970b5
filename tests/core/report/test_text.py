"""Tables for terminals of any width, and for pipes and files."""

import pytest

import recbench.report.text
from recbench.report.text import PIPE, _broken, draw_rows, draw_table, wrap_text

LONG = "transformer:dim=128,layers=2,preset=notebook"
WORDS = {"model": [LONG, "popular !"], "seeds": ["2", "-"]}
NDCG = {
    f"NDCG@{k}": ["0.0926 ±0.0012\n[0.076, 0.110]", "0.0271        \n[0.018, 0.037]"]
    for k in (3, 5, 10)
}
HIT = {f"hit@{k}": cells for k, cells in zip((3, 5, 10), NDCG.values(), strict=True)}
MARKS = {"NDCG@3": ["*", ""], "NDCG@10": ["", ""]}


def _terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(recbench.report.text, "terminal", lambda: width)


def test_a_simple_table() -> None:
    text = draw_table({"model": ["popular !", "random"]}, {"NDCG@3": ["0.5", "0.25"]})
    assert text == ("model      NDCG@3\n---------  ------\npopular !     0.5\nrandom       0.25")


def test_marks_follow_the_first_line_in_a_separate_column(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = {"NDCG@3": ["0.5 ±0.1\n[0.1, 0.9]", "0.25\n[0.1, 0.9]"], "fit s": ["1", "10"]}
    marks = {"NDCG@3": ["*", ""], "fit s": ["", ""]}
    text = draw_table({"model": ["a", "b"]}, numbers, marks=marks)
    assert text.splitlines()[1:] == [
        "-----  ---------------------  -----",
        "a      0.5 ±0.1 [0.1, 0.9] *      1",
        "b          0.25 [0.1, 0.9]       10",
    ]
    _terminal(monkeypatch, 28)
    text = draw_table({"model": ["a", "b"]}, numbers, marks=marks)
    assert text.splitlines() == [
        "model      NDCG@3    fit s",
        "-----  ------------  -----",
        "a        0.5 ±0.1 *      1",
        "       [0.1, 0.9]",
        "b            0.25       10",
        "       [0.1, 0.9]",
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 160, 300])
def test_words_are_wrapped_and_numbers_are_not(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    _terminal(monkeypatch, width)
    text = draw_table(WORDS, NDCG, HIT, marks=MARKS)
    if width >= 42:  # the narrowest name, the seeds and one column
        assert max(map(len, text.splitlines())) <= width
    assert text.count("0.0926 ±0.0012") == text.count("[0.076, 0.110]") == 6
    for head in (*NDCG, *HIT):
        assert text.count(head) == 1
    for table in text.split("\n\n"):
        assert table.startswith("model")
        assert "\npopular" in table


def test_groups_are_side_by_side_if_they_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metrics = [{f"{name}@10": ["0.1234 [0.123, 0.123]"]} for name in ("ndcg", "hit", "mrr")]
    for width, heads in ((100, [3]), (75, [2, 1]), (60, [2, 1]), (40, [1, 1, 1])):
        _terminal(monkeypatch, width)
        tables = draw_table({"model": ["popular"]}, *metrics).split("\n\n")
        assert [table.count("@10") for table in tables] == heads


def test_without_a_terminal_words_are_not_wrapped_and_tables_are_limited_in_width() -> None:
    text = draw_table(WORDS, NDCG, HIT)
    assert text.count(LONG) == len(text.split("\n\n"))
    assert max(map(len, text.splitlines())) <= PIPE + len(LONG)


def test_wide_characters_count_as_two_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    titles = {"title": ["千と千尋の神隠し", "Fargo"], "year": ["2001", "1996"]}
    assert draw_table(titles).splitlines() == [
        "title             year",
        "----------------  ----",
        "千と千尋の神隠し  2001",
        "Fargo             1996",
    ]


def test_cells_are_not_read_as_markup_and_headings_are_wrapped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _terminal(monkeypatch, 40)
    text = draw_table({"item": ["[bold]x[/bold] :smile:"]}, {LONG: ["1 to 12"], "b": ["3"]})
    assert "[bold]x[/bold] :" in text
    assert "smile:" in text
    assert max(map(len, text.splitlines())) <= 40
    assert "preset=notebook" in text


def test_empty_columns_are_dropped() -> None:
    rows = [{"rank": 1, "title": "", "item": "a"}, {"rank": 2, "title": "", "item": "b"}]
    assert draw_rows(rows).splitlines() == ["rank  item", "----  ----", "1     a", "2     b"]
    right = draw_rows(rows, numbers=["rank"]).splitlines()
    assert right == ["item  rank", "----  ----", "a        1", "b        2"]
    assert draw_rows([]) == draw_rows([{"title": ""}]) == ""


def test_wrapping_does_not_split_words_or_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    _terminal(monkeypatch, 40)
    lines = wrap_text(f"A sentence about /a/path-with-hyphens/that/is/{'x' * 40} here").split("\n")
    assert lines == ["A sentence about", f"/a/path-with-hyphens/that/is/{'x' * 40}", "here"]


@pytest.mark.parametrize(
    ("name", "width", "lines"),
    [
        ("popular", 16, ["popular"]),
        (LONG, 16, ["transformer:", "dim=128,", "layers=2,", "preset=notebook"]),
        (LONG, 20, ["transformer:dim=128,", "layers=2,", "preset=notebook"]),
        ("x" * 20, 16, ["x" * 16, "x" * 4]),
        ("", 16, [""]),
        ("1,234,567", 6, ["1,234,", "567"]),
    ],
)
def test_names_are_wrapped_between_options(name: str, width: int, lines: list[str]) -> None:
    assert "".join(_broken(name, width)) == name
    assert all(len(line) <= width for line in _broken(name, width))
    assert _broken(name, width) == lines


def test_text_that_would_control_the_terminal_is_shown_and_counted() -> None:
    text = draw_table({"a\x1b[1m": ["x\u202e\ty", "z"]}, {"b": ["1", "22"]})
    assert text.splitlines() == [
        r"a\x1b[1m    b",
        "---------  --",
        r"x\u202e y   1",
        "z          22",
    ]
    assert wrap_text("a\x07 \u200b\ud800") == r"a\x07 \u200b\ud800"
