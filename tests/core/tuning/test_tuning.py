"""What `tune` returns: the table of studies, remarks, reasons of failures, and all forms of it."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from made_results import FAIR, GOOD, columns_of, failed, result_of
from made_studies import made_study, made_trials

from recbench import Results, UsageError
from recbench.tuning.drawn import on_test
from recbench.tuning.gains import gains_of
from recbench.tuning.study import FAILED, PRUNED, STOPPED, Study
from recbench.tuning.tuning import COLUMNS, Tuning, failures, remark, shortened

BUDGET: dict[str, Any] = {"max_trials": 4, "metric": "ndcg@3"}
STUDY = made_study(made_trials(0.1, 0.3, FAILED, PRUNED), **BUDGET)
PLAIN = made_study(made_trials(0.15, model="plain"), model="plain", space={}, key="p", **BUDGET)
NEVER = made_study(made_trials(FAILED, FAILED, model="never"), model="never", key="n", **BUDGET)
RESULTS = Results(
    [
        result_of("mine:x=1", {"ndcg@3": GOOD}, tuned=STUDY.tuned),
        result_of("plain", {"ndcg@3": FAIR}, tuned=PLAIN.tuned),
    ],
    columns_of,
)


def test_the_frame_has_a_row_for_each_model() -> None:
    frame = Tuning([STUDY, PLAIN, NEVER]).to_frame()
    assert (*frame.columns,) == COLUMNS
    assert list(frame["model"]) == ["mine", "plain", "never"]
    assert list(frame["best"]) == ["mine:x=1", "plain", ""]
    assert list(frame["trials"]) == [4, 1, 2]
    assert list(frame["failed"]) == [1, 0, 2]
    assert list(frame["pruned"]) == [1, 0, 0]
    assert list(frame["tuned"])[:2] == [0.3, 0.15]
    assert math.isnan(frame["tuned"][2])
    assert list(frame["seconds"]) == [4.0, 1.0, 2.0]
    assert list(frame["remark"]) == ["", "not tuned", "no trial succeeded"]
    assert Tuning([]).to_frame().empty


REMARKS: list[tuple[Study, str]] = [
    (made_study(), "no trial has ended"),
    (made_study(made_trials(FAILED)), "no trial succeeded"),
    (made_study(made_trials(0.1), space={}), "not tuned"),
    (made_study(made_trials(0.1, 0.2), exhausted=True), "all combinations tried"),
    (made_study(made_trials(0.1, 0.1, 0.1, 0.2)), "still improving"),
    (made_study(made_trials(0.2, 0.1, 0.1, 0.2)), "default is best"),
    (made_study(made_trials(0.1, 0.2, 0.1, 0.1)), ""),
]


@pytest.mark.parametrize(("study", "text"), REMARKS)
def test_remarks_say_what_is_worth_knowing(study: Study, text: str) -> None:
    assert remark(study) == text


def test_the_table_says_what_each_model_had() -> None:
    text = str(Tuning([STUDY, PLAIN, NEVER]))
    assert text.startswith("data, last: tuning")
    lines = text.splitlines()
    mine = next(line for line in lines if line.startswith("mine "))
    assert mine.split() == ["mine", "mine:x=1", "0.1000", "0.3000", "4", "1", "1", "4.0"]
    plain = next(line for line in lines if line.startswith("plain "))
    assert plain.split() == ["plain", "not", "tuned", "0.1500", "1", "0", "0", "1.0"]
    assert "stopped" not in text
    flat = " ".join(text.split())
    assert "NDCG@3 (higher is better) on 40 validation cases with the default and with the" in flat
    assert "Budget: 4 trials per model." in flat
    assert "not tuned: there are no options to tune." in flat
    assert "still improving:" not in flat
    assert "mine: trial 2 failed: broken." in flat
    assert "never: trials 0, 1 failed: broken." in flat


def test_a_budget_in_time_and_stopped_trials_are_shown() -> None:
    study = made_study(made_trials(0.1, STOPPED), max_seconds=90.0)
    text = " ".join(str(Tuning([study])).split())
    assert "Budget: 1.5 minutes of trials per model." in text
    assert "stopped" in text


def test_nothing_known_is_said() -> None:
    assert str(Tuning([])) == "No trial has ended."
    assert not Tuning([]).best
    assert "no trial has ended" in str(Tuning([made_study()]))
    assert "Budget" not in str(Tuning([PLAIN]))


def test_it_holds_if_every_model_was_tuned_and_judged() -> None:
    assert Tuning([STUDY, PLAIN], RESULTS).holds
    assert Tuning([STUDY, PLAIN], RESULTS).best == {"mine": "mine:x=1", "plain": "plain"}
    assert not Tuning([STUDY, PLAIN]).holds
    assert not Tuning([STUDY, NEVER], RESULTS).holds
    assert not Tuning([PLAIN], Results([failed("plain")])).holds


def test_the_table_of_results_follows_in_every_form() -> None:
    tuning = Tuning([STUDY, PLAIN], RESULTS)
    for text in (str(tuning), tuning.to_markdown(), tuning._repr_html_()):
        assert "mine:x=1 (tuned by NDCG@3: 4 trials)" in text
        assert "plain (not tuned)" in text
        assert text.index("tuning") < text.index("mine:x=1 (tuned")
    assert tuning.to_markdown().startswith("### data, last: tuning\n\n| model |")
    assert "(tuned" not in Tuning([STUDY, PLAIN]).to_markdown()
    assert tuning.showing(verbose=True).studies == tuning.studies


def test_gains_are_shown_if_the_default_options_were_judged() -> None:
    results = Results([*RESULTS, result_of("mine", {"ndcg@3": FAIR})], columns_of)
    gains = gains_of([STUDY, PLAIN], results)
    text = str(Tuning([STUDY, PLAIN], results, gains))
    assert "What tuning gained on the test targets" in text
    assert f"{GOOD.mean() - FAIR.mean():+.4f}" in text
    assert "What tuning gained" not in str(Tuning([STUDY, PLAIN], results))
    assert "No trial was better" in str(Tuning([PLAIN], results, []))


def test_reasons_of_failures_are_given_once() -> None:
    trials = made_trials(*[FAILED] * 6, 0.1)
    reasons = ["a", "b", "a", "c", "d", "e"]
    trials = [
        dataclasses.replace(trial, reason=reason)
        for trial, reason in zip(trials, [*reasons, ""], strict=True)
    ]
    lines = failures(made_study(trials))
    assert len(lines) == 5
    assert lines[:2] == ["Trials 0, 2 failed: a.", "Trial 1 failed: b."]
    assert shortened(lines) == [*lines[:3], "2 more; see recbench trials"]
    assert shortened(lines[:3]) == lines[:3]


def test_names_are_made_printable() -> None:
    study = made_study(made_trials(0.1), model="mine:x=\x1b[31m")
    assert "\x1b" not in str(Tuning([study]))
    assert "<script>" not in Tuning([made_study(model="<script>")])._repr_html_()


def test_values_on_test_are_those_of_the_best_options() -> None:
    found = on_test([STUDY, PLAIN, NEVER], RESULTS)
    assert {key: value.mean for key, value in found.items()} == {
        STUDY.key: pytest.approx(GOOD.mean()),
        "p": pytest.approx(FAIR.mean()),
    }
    assert on_test([STUDY], None) == {}
    other = dataclasses.replace(STUDY.setting, dataset_sha256="other")
    both = Results(
        [
            *RESULTS,
            result_of("mine:x=1", {"ndcg@3": FAIR}, setting=other, tuned=STUDY.tuned),
        ],
        columns_of,
    )
    elsewhere = dataclasses.replace(STUDY, setting=other, key="elsewhere")
    found = on_test([STUDY, elsewhere], both)
    assert found[STUDY.key].mean == pytest.approx(GOOD.mean())
    assert found["elsewhere"].mean == pytest.approx(FAIR.mean())
    assert on_test([made_study(STUDY.trials, metric="mrr@3")], RESULTS) == {}
    assert on_test([PLAIN], Results([failed("plain")])) == {}


def test_pictures_are_written_in_the_form_of_their_suffix(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    tuning = Tuning([STUDY, PLAIN], RESULTS)
    tuning.draw(tmp_path / "tuning.png")
    assert (tmp_path / "tuning.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="txt"):
        tuning.draw(tmp_path / "tuning.txt")
