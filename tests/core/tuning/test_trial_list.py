"""All trials of stored studies: printed, as a frame, and drawn."""

import dataclasses
import math
from pathlib import Path

import pytest
from made_results import GOOD, SETTING, columns_of, result_of
from made_studies import made_study, made_trials

from recbench import RecbenchError, Results, UsageError
from recbench.tuning.study import FAILED, PRUNED
from recbench.tuning.trial_list import COLUMNS, Trials

STUDY = made_study(made_trials(0.1, 0.3, FAILED, PRUNED, seconds=[1.5, 2, math.nan, 0.2]))
OTHER = made_study(
    made_trials(0.2, model="plain"),
    model="plain",
    space={},
    key="other",
    metric="mrr@5",
    max_trials=1,
)


def test_the_frame_has_a_row_for_each_trial() -> None:
    frame = Trials([STUDY, OTHER]).to_frame()
    assert (*frame.columns,) == COLUMNS
    assert list(frame["trial"]) == [0, 1, 2, 3, 0]
    assert list(frame["state"]) == ["ok", "ok", "failed", "pruned", "ok"]
    assert list(frame["best"]) == [False, True, False, False, True]
    assert list(frame["options"]) == ["default", "x=1", "x=2", "x=3", "default"]
    assert list(frame["spec"]) == ["mine", "mine:x=1", "mine:x=2", "mine:x=3", "plain"]
    assert list(frame["metric"]) == ["ndcg@10"] * 4 + ["mrr@5"]
    assert list(frame["reason"]) == ["", "", "broken", "", ""]
    assert list(frame["value"])[:2] == [0.1, 0.3]
    assert frame["value"].isna().tolist() == [False, False, True, True, False]
    assert list(frame["study"])[-1] == "other"
    assert (*Trials([]).to_frame().columns,) == COLUMNS


def test_the_text_has_a_table_for_each_study() -> None:
    text = str(Trials([STUDY, OTHER]))
    flat = " ".join(text.split())
    assert flat.startswith("mine on data, last")
    assert "plain on data, last" in text
    assert "1 ok, best x=1 0.3000 2.0 2 failed x=2" in flat
    assert "3 pruned x=3 0.2" in flat
    assert "earch space: x 0..1." in flat
    assert "rial 2 failed: broken." in flat
    assert "ot tuned." in flat
    assert "MRR@5" in text


def test_it_is_a_sequence_of_studies() -> None:
    trials = Trials([STUDY, OTHER])
    assert (len(trials), trials[1], list(trials)) == (2, OTHER, [STUDY, OTHER])
    assert "| mine" not in trials.to_markdown()
    assert "### mine on data, last" in trials.to_markdown()


def test_a_picture_shows_studies_that_can_be_compared(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    results = Results([result_of("mine:x=1", {"ndcg@10": GOOD})], columns_of)
    Trials([STUDY], results).draw(tmp_path / "trials.svg")
    drawn = (tmp_path / "trials.svg").read_text()
    assert "<svg" in drawn
    assert drawn != Trials([STUDY]).picture("svg").decode()
    with pytest.raises(UsageError, match="txt"):
        Trials([STUDY]).draw(tmp_path / "trials.txt")


def test_studies_that_cannot_be_compared_are_not_drawn() -> None:
    setting = dataclasses.replace(SETTING, split_sha256="t" * 64)
    for other in (OTHER, dataclasses.replace(STUDY, setting=setting)):
        with pytest.raises(RecbenchError, match="a picture shows studies of one dataset, split"):
            Trials([STUDY, other]).picture()
