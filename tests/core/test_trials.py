"""The trials of stored studies: which are chosen, and what is said if there are none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_tuning import write_log, write_model

import recbench
from recbench import UsageError


@pytest.fixture
def _tuned() -> None:
    for split, metric in (("leave-last-out", "ndcg@10"), ("users:share=0.3", "mrr@5")):
        recbench.tune(
            [write_model(), "popular"],
            write_log(),
            split=split,
            metric=metric,
            trials=2,
            in_process=True,
        )


@pytest.mark.usefixtures("_tuned")
def test_studies_are_chosen_by_model_dataset_split_and_metric() -> None:
    assert len(recbench.trials()) == 4
    assert [study.model for study in recbench.trials("popular")] == ["popular"] * 2
    assert [study.model for study in recbench.trials("mine.py")] == ["Mine"] * 2
    assert len(recbench.trials(dataset="log.csv")) == 4
    assert {study.metric for study in recbench.trials(split="users:share=0.3")} == {"mrr@5"}
    assert {study.setting.split for study in recbench.trials(metric="NDCG@10")} == {
        "leave-last-out"
    }
    (study,) = recbench.trials("mine.py", split="leave-last-out")
    assert [trial.number for trial in study.trials] == [0, 1]
    with pytest.raises(UsageError, match="results has no trials like these"):
        recbench.trials(metric="mrr@7")
    with pytest.raises(UsageError, match="results has no trials of 'ease'"):
        recbench.trials("ease")


def test_a_folder_without_trials_is_an_error() -> None:
    with pytest.raises(UsageError, match="results has no trials"):
        recbench.trials()


def test_data_of_the_same_name_are_told_apart() -> None:
    for place, users in (("a", 40), ("b", 50)):
        Path(place).mkdir()
        log = write_log(f"{place}/log.csv", users=users)
        recbench.tune(write_model(), log, trials=1, in_process=True)
    both = recbench.trials()
    names = [study.setting.dataset for study in both]
    assert len(set(names)) == 2
    assert all(re.fullmatch(r"log\.csv \([0-9a-f]{6}\)", name) for name in names)
    assert f"Mine on {names[0]}, leave-last-out" in str(both)
    for place, n_users in (("a", 40), ("b", 50)):
        (study,) = recbench.trials(dataset=f"{place}/log.csv")
        assert study.setting.n_users == n_users
        (named,) = recbench.trials(dataset=study.setting.dataset)
        assert named == study
    assert len(recbench.trials(dataset="log.csv")) == 2


def test_trials_of_other_code_are_marked() -> None:
    log = write_log()
    recbench.tune(write_model(), log, trials=1, in_process=True)
    assert recbench.trials("mine.py").to_frame()["outdated"].tolist() == [False]
    recbench.tune(write_model("self.changed = True"), log, trials=1, in_process=True)
    stored = recbench.trials("mine.py")
    assert sorted(stored.to_frame()["outdated"]) == [False, True]
    text = " ".join(str(stored).split())
    assert text.count("Made by another version of the model's code than the installed one.") == 1


def test_splits_of_the_same_name_are_chosen_together_or_one_by_one() -> None:
    log, mine = write_log(), write_model()
    for seed in (1, 2):
        Path("halves.py").write_text(
            "from recbench_splitters import UnseenUsers\n\n\nclass Halves(UnseenUsers):\n"
            f"    def __init__(self):\n        super().__init__(share=0.5, seed={seed})\n"
        )
        recbench.tune(mine, log, split="halves.py", trials=1, in_process=True)
    both = recbench.trials(split="halves.py")
    names = {study.setting.split for study in both}
    assert len(names) == 2
    assert all(re.fullmatch(r"Halves \([0-9a-f]{6}\)", name) for name in names)
    for name in names:
        assert [study.setting.split for study in recbench.trials(split=name)] == [name]
