"""The picture of learning curves: its rows, names and scales."""

import dataclasses
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from made_results import GOOD, SETTING, result_of

from recbench import Result, Results
from recbench.curves_picture import FAILED, curves_picture

OTHER = dataclasses.replace(SETTING, split="other", split_sha256="o" * 64)


def curve(steps: int, seconds: float, first: int = 1) -> dict[str, Any]:
    """Return values of this many steps, which take so many seconds together."""
    points = [(first + i, seconds * (i + 1) / steps, 0.1 + i / steps) for i in range(steps)]
    return {"validation": tuple(points)}


def made(model: str, curves: Mapping[str, Any], seed: int = 0, **more: Any) -> Result:
    return result_of(model, {"ndcg@10": GOOD}, seed=seed, curves=curves, **more)


def texts(*results: Result) -> list[str]:
    """Return the texts of a picture, which an SVG file has as comments."""
    drawn = curves_picture(Results(results).sections(), "validation", "A note.", "svg").decode()
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
    root = ET.fromstring(drawn, parser)
    return [(node.text or "").strip() for node in root.iter() if node.tag is ET.Comment]


def test_each_dataset_and_split_has_a_row_and_each_model_a_line_of_the_legend() -> None:
    found = texts(
        *(made("$a_2$", curve(5, 9), seed) for seed in (0, 1)),
        made("b\x1b", curve(7, 8)),
        made("b\x1b", curve(7, 8), setting=OTHER),
        made("popular", {}, setting=OTHER),
    )
    assert found.count("$a_2$") == found.count(r"b\x1b") == 1
    assert "data, last" in found
    assert "data, other" in found
    assert found.count("seconds since the training began") == 2
    assert "A note." in " ".join(found)
    assert not {"popular", FAILED} & {*found}


def test_failed_trainings_are_marked() -> None:
    assert FAILED in texts(made("a", curve(5, 9)), made("b", curve(2, 3), status="failed: no"))


def test_times_far_apart_are_drawn_on_a_log_scale_that_has_a_0() -> None:
    found = texts(made("fast", curve(5, 0.5, first=0)), made("slow", curve(6, 7000)))
    assert "seconds since the training began (log scale)" in found
    assert "step, such as an epoch, as each model counts them" in found
    assert "10,000" in found
    assert "0" in found


def test_a_single_point_at_0_is_drawn() -> None:
    assert "a" in texts(made("a", {"validation": ((0, 0.0, 0.0),)}))


def test_long_names_and_many_models_have_room() -> None:
    long = "transformer:" + ",".join(f"option{number}=0.123" for number in range(20))
    found = texts(made(long, curve(3, 1)), *(made(f"m{i}", curve(30, i + 1)) for i in range(60)))
    names = [text for text in found if text.startswith("transformer:")]
    assert [len(name) for name in names] == [140]
    assert {f"m{i}" for i in range(60)} <= {*found}


def test_pictures_are_drawn_again_in_the_same_way() -> None:
    sections = Results([made("a", curve(5, 9))]).sections()
    assert curves_picture(sections, "validation") == curves_picture(sections, "validation")
