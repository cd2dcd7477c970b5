"""The picture of studies: its parts, and what it says where there is nothing to draw."""

import dataclasses
import math
import struct
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from made_results import SETTING

from recbench import Choice, Float, Int, RecbenchError, UsageError, Value
from recbench.tuning.optuna_study import importances, quiet_optuna, ranges_of
from recbench.tuning.picture import IMPORTANCE, NO_TEST, tuning_picture
from recbench.tuning.study import FAILED, OK, PRUNED, STOPPED, Study, StudyTrial

SPACE = {"l2": "1..2000:log", "k": "5..50", "loss": "softmax|bce"}


def study_of(
    model: str,
    values: Sequence[float | str],
    space: Mapping[str, str] = SPACE,
    better: str = "higher",
) -> Study:
    """Return a study with a trial for each value, or for each state of a trial without a value."""
    random = np.random.default_rng(0)
    trials = []
    for number, value in enumerate(values):
        options = {
            "l2": f"{random.uniform(1, 2000):.3g}",
            "k": str(random.integers(5, 51)),
            "loss": str(random.choice(["softmax", "bce"])),
        }
        judged = not isinstance(value, str)
        trials.append(
            StudyTrial(
                number,
                model,
                {name: options[name] for name in space},
                OK if judged else str(value),
                float(value) if judged else math.nan,
            )
        )
    return Study(
        f"key of {model}",
        model,
        "1",
        "mine",
        SETTING,
        "v" * 64,
        40,
        "ndcg@10",
        better,
        space,
        0,
        tuple(trials),
    )


def rising(number: int, start: float = 0.1) -> list[float]:
    """Return the values of this many trials, some of them worse than the one before."""
    return [start + 0.001 * trial - 0.004 * (trial % 3) for trial in range(number)]


def texts(*given: Any, **more: Any) -> list[str]:
    """Return the texts of a picture, which an SVG file has as comments."""
    drawn = tuning_picture(*given, form="svg", **more).decode()
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
    root = ET.fromstring(drawn, parser)
    return [(node.text or "").strip() for node in root.iter() if node.tag is ET.Comment]


def _size(drawn: bytes) -> tuple[int, int]:
    assert drawn.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", drawn[16:24])
    return width, height


def test_pictures_of_more_models_are_larger_but_no_wider_than_a_page() -> None:
    studies = [study_of(f"model{number}", rising(6, 0.1 + number)) for number in range(13)]
    on_test = {study.key: Value(study.best.value, 0.01, 0.1, 20) for study in studies if study.best}
    (w1, h1), (w3, h3), (w13, h13) = (
        _size(tuning_picture(studies[:number], on_test)) for number in (1, 3, 13)
    )
    assert 1000 < w1 < w3 == w13 < 1600
    assert 600 < h1 <= h3 < h13 < 2600


def test_pictures_are_drawn_again_in_the_same_way() -> None:
    studies = [study_of("a", rising(12)), study_of("b", rising(9))]
    assert tuning_picture(studies, {}) == tuning_picture(studies[::-1], {})


def test_names_are_shortened_and_drawn_as_they_are_written() -> None:
    long = "transformer:preset=sasrec,dim=64,layers=2,dropout=0.25"
    studies = [study_of("$x_2^{$", rising(3)), study_of(long, rising(3)), study_of("a\x1b", [0.1])]
    found = texts(studies, {})
    assert "$x_2^{$" in found
    assert "transformer:preset=sasrec,…ut=0.25" in found
    assert r"a\x1b" in found


def test_models_are_sorted_by_their_test_value_and_the_gap_is_a_number() -> None:
    a, b, c = (study_of(name, [value], {}) for name, value in [("a", 0.4), ("b", 0.3), ("c", 0.2)])
    on_test = {a.key: Value(0.25, 0.01, 0.2, 0.3), b.key: Value(0.29)}
    found = texts([c, a, b], on_test)
    assert [text for text in found if text in {"a", "b", "c"}] == ["b", "a", "c"]
    gaps = ["\N{MINUS SIGN}0.0100", "\N{MINUS SIGN}0.1500", "not judged on test"]
    assert [text for text in found if text in gaps] == gaps


def test_lower_values_are_better_if_the_metric_says_so() -> None:
    studies = [study_of("a", [130.0, 140.0, 120.5], better="lower")]
    studies.append(study_of("b", [90.0, 95.0, 99.0], better="lower"))
    found = texts(studies, {studies[0].key: Value(125.0)})
    assert "Tuning on data, last: NDCG@10 (lower is better)" in found
    assert "130 by default, 120.5 in trial 2" in found
    assert "90 by default, not improved" in found
    assert "+4.5" in found


def test_trials_without_a_value_are_marked() -> None:
    judged = texts([study_of("a", rising(6))], {})
    words = ["failed", "pruned, as others were better", "not finished in time"]
    assert not {*words} & {*judged}
    marked = texts([study_of("a", [0.1, FAILED, PRUNED, STOPPED, 0.2])], {})
    assert [text for text in marked if text in words] == words


def test_trials_far_below_the_others_do_not_stretch_the_scale() -> None:
    near, far = ([0.1, low, 0.104, 0.103, 0.101] for low in (0.102, 0.0001))
    assert "a trial worse than shown" not in texts([study_of("a", near)], {})
    assert "a trial worse than shown" in texts([study_of("a", far)], {})


def test_models_with_one_trial_have_no_panel_of_trials() -> None:
    popular = study_of("popular", [0.1], {})
    found = texts([popular, study_of("ease", rising(6))], {})
    assert "Validation by trial. Not drawn, with one trial only: popular" in found
    alone = texts([popular], {})
    assert NO_TEST in " ".join(alone)
    assert "trial (0: the default options)" not in alone


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.1] * 8, "all trials have the same value"),
        (rising(4), "too few trials"),
        ([FAILED] * 6, "no trial was judged"),
        ([FAILED, 0.1, 0.2], "0.2 in trial 2"),
    ],
)
def test_studies_that_show_little_are_drawn_too(values: list[Any], words: str) -> None:
    assert words in texts([study_of("a", values)], {})


def test_values_of_zero_are_drawn() -> None:
    assert _size(tuning_picture([study_of("a", [0.0] * 3)], {"key of a": Value(0, 0, 0, 0)}))


def test_nothing_to_draw_and_no_optuna(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="there is no study to draw; run recbench tune first"):
        tuning_picture([], {})
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(RecbenchError, match="tuning needs the library optuna"):
        tuning_picture([study_of("a", rising(3))], {})


def _importances(study: Study) -> dict[str, float]:
    with quiet_optuna():
        return importances(study)


def test_the_option_that_decides_is_the_most_important_one() -> None:
    study = study_of("a", rising(30))
    decided = tuple(
        dataclasses.replace(trial, value=0.1 + int(trial.options["k"]) / 1000)
        for trial in study.trials
    )
    study = dataclasses.replace(study, trials=decided)
    found = _importances(study)
    assert found == _importances(study)
    assert {*found} == {*SPACE}
    assert sum(found.values()) == pytest.approx(1)
    assert found["k"] > 0.9
    assert {*SPACE, f"{found['k']:.2f}"} <= {*texts([study], {})}


def test_an_option_without_a_known_default_has_an_importance_too() -> None:
    study = study_of("a", rising(8))
    first = dataclasses.replace(study.trials[0], options={"k": "10"})
    study = dataclasses.replace(study, trials=(first, *study.trials[1:]))
    assert {*_importances(study)} == {*SPACE}


def test_a_single_option_explains_all_differences() -> None:
    study = study_of("a", rising(6), {"k": "5..50"})
    assert _importances(study) == {"k": 1.0}
    assert {"k", "1.00"} <= {*texts([study], {})}
    assert IMPORTANCE.split("(")[0].strip() in " ".join(texts([study], {}))


def test_ranges_are_read_from_their_texts_and_the_values_of_trials() -> None:
    space = {"l2": "1..2000:log", "k": "5..50", "lr": "0.001..0.1:log", "loss": "a||b|true|3"}
    study = study_of("a", [], space)
    assert ranges_of(study) == {
        "l2": Int(1, 2000, log=True),
        "k": Int(5, 50),
        "lr": Float(0.001, 0.1, log=True),
        "loss": Choice("a|b", "true", "3"),
    }
    trial = StudyTrial(0, "a", {"l2": "12.5", "k": "7", "lr": "0.01", "loss": "3"}, OK, 0.1)
    ranges = ranges_of(dataclasses.replace(study, trials=(trial,)))
    assert ranges["l2"] == Float(1, 2000, log=True)
    assert ranges["k"] == Int(5, 50)
