"""Heat maps: labels, wrapped headings, panels."""

import xml.etree.ElementTree as ET
from typing import Any

import matplotlib.axes
import numpy as np
import pytest

from recbench.heatmap import heatmap, heatmap_panels, shortened, wrapped


def test_long_titles_are_cut_before_their_year() -> None:
    title = "Willy Wonka and the Chocolate Factory (1971)"
    assert shortened(title, 30) == "Willy Wonka and the Ch… (1971)"
    assert shortened("as\n it  is", 8) == "as it is"


def test_headings_keep_their_lines_and_long_ones_are_wrapped() -> None:
    assert wrapped("a b\n" + "word " * 5, 1.0) == "a b\nword word\nword word\nword"


def _draw(values: Any, **more: Any) -> bytes:
    down, across, n_rows, _ = values.shape
    names = [[f"{row} {column}" for column in range(across)] for row in range(down)]
    rows, columns = [f"r{row}" for row in range(n_rows)], ["漢字", "$x_2^{$"]
    words = {"title": "$t^{$", "beside": "beside", "below": "below", "legend": "legend"}
    return heatmap_panels(values, names, rows, columns, **words, **more)


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
@pytest.mark.parametrize("values", [np.ones((1, 1, 1, 2)), np.full((2, 3, 2, 2), np.nan)])
def test_panels_are_drawn_without_a_warning_and_reproducibly(values: Any, form: str) -> None:
    notes = np.full(values.shape[:3], "$0.5^{$")
    drawn = _draw(values, notes=notes, form=form)
    assert drawn.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[form])
    assert _draw(values, notes=notes, form=form) == drawn


def test_panels_share_one_colour_scale_and_only_the_outer_ones_have_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Any] = []
    show = matplotlib.axes.Axes.imshow

    def keep(axes: Any, *given: Any, **more: Any) -> Any:
        image = show(axes, *given, **more)
        drawn.append(image)
        return image

    monkeypatch.setattr(matplotlib.axes.Axes, "imshow", keep)
    values = np.zeros((2, 2, 3, 2))
    values[1, 0, 2, 1] = 0.4
    _draw(values)
    assert [image.get_clim() for image in drawn] == [(0, 0.4)] * 4
    labels = [[label.get_text() for label in image.axes.get_yticklabels()] for image in drawn]
    assert labels == [["r0", "r1", "r2"], [""] * 3] * 2
    below = [any(label.get_text() for label in image.axes.get_xticklabels()) for image in drawn]
    assert below == [False, False, True, True]
    assert [image.axes.get_ylabel() for image in drawn] == ["beside", "", "beside", ""]
    assert [image.axes.get_xlabel() for image in drawn] == ["", "", "below", "below"]


def test_text_that_would_control_a_viewer_is_drawn_as_escapes() -> None:
    nasty = "a\x1b[1m\x00\u202e\ud800"
    words = {"title": nasty, "below": nasty, "legend": nasty}
    drawn = heatmap(np.ones((1, 1)), [nasty], [nasty], **words, form="svg").decode()
    assert r"a\x1b[1m\x00\u202e\ud800" in drawn
    ET.fromstring(drawn)
