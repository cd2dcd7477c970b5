"""The picture of an explanation: any title, any length, any sign."""

from pathlib import Path

import numpy as np
import pytest

from recbench import Dataset, Interactions, RecbenchError
from recbench.explanation import Explanation
from recbench.heatmap import COLUMNS, draw
from recbench.recommend import Recommendation


def told(events: int, rows: int, titles: list[str]) -> Explanation:
    n = len(titles)
    log = Interactions(np.array([0]), np.arange(events) % n, np.array([0, events]), 1, n)
    ids = [f"id{item}" for item in range(n)]
    data = Dataset("some", log, user_ids=["u"], item_ids=ids, titles=titles)
    found = Recommendation(data, "user u", log.items, np.arange(rows), None, "a model")
    weights = np.random.default_rng(0).normal(size=(rows, events))
    return Explanation(found, weights, "Some method: words that go on. " * 5)


@pytest.mark.parametrize(
    ("events", "rows", "titles"),
    [
        (3, 2, ["$a_b^{c$", "100% \\frac{", "七人の侍"]),
        (3 * COLUMNS, 10, [f"A title that is as long as some are, number {n}" for n in range(80)]),
        (1, 1, [""]),
    ],
)
def test_it_is_drawn_without_a_warning(
    events: int, rows: int, titles: list[str], tmp_path: Path
) -> None:
    draw(told(events, rows, titles), tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5_000


@pytest.mark.parametrize(("events", "rows"), [(0, 1), (2, 0)])
def test_nothing_to_draw_is_an_error(events: int, rows: int, tmp_path: Path) -> None:
    with pytest.raises(RecbenchError, match="nothing to draw"):
        draw(told(events, rows, ["one", "two"]), tmp_path / "picture.png")
    assert not list(tmp_path.iterdir())
