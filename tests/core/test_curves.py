"""Learning curves of stored results: which are chosen, how they are shown, and what is an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from made_curves import write_curved
from made_results import GOOD, columns_of, result_of

import recbench
from recbench import RecbenchError, Results, UsageError
from recbench.curves import COLUMNS, Curves


def _flat(text: object) -> str:
    return " ".join(str(text).split())


@pytest.fixture
def _stored(tiny: str) -> None:
    model = write_curved()
    recbench.run([model, f"{model}:epochs=5", "popular"], tiny, seed=(0, 1), in_process=True)
    recbench.run(f"{model}:ends=true", tiny, split="temporal", in_process=True)


@pytest.mark.usefixtures("_stored")
def test_stored_results_are_chosen_and_shown() -> None:
    curves = recbench.curves()
    assert [len(section.results) for section in curves] == [5, 1]
    text = _flat(curves)
    assert "tiny.csv, leave-last-out: validation model seed last step" in text
    assert re.search(r"Curved:epochs=5 1 5 [\d.]+ 0\.8100 \(5\) 0\.8100", text)
    assert "Without values 'validation', so not drawn: popular." in text
    assert "Curved:ends=true failed 0 3" in text
    assert "(plugin curved.py) failed: " in text
    assert "a higher curve does not always mean a better model" in text
    frame = curves.to_frame()
    assert (*frame.columns,) == COLUMNS
    assert set(frame["name"]) == {"loss", "validation"}
    assert len(frame) == 2 * (3 + 3 + 5 + 5 + 3)
    assert frame[frame["model"] == "Curved:epochs=5"].query("seed == 1 and name == 'loss'")[
        "value"
    ].tolist() == [1 / epoch for epoch in range(1, 6)]
    assert set(frame["status"].str.partition(":")[0]) == {"ok", "failed"}

    def chosen(*models: str, **more: Any) -> set[tuple[str, str]]:
        found = recbench.curves(models, **more)
        return {(result.model, each.setting.split) for each in found for result in each.results}

    last = {("Curved", "leave-last-out"), ("Curved:epochs=5", "leave-last-out")}
    failed = {("Curved:ends=true", "temporal")}
    assert chosen("curved.py") == last | failed
    assert chosen("Curved", dataset="tiny.csv", split="leave-last-out") == last
    assert chosen("Curved:epochs=5") == {("Curved:epochs=5", "leave-last-out")}
    assert chosen("Curved", split="temporal") == failed
    with pytest.raises(UsageError, match=r"no results of 'Kurved' \(did you mean 'Curved.*'\?\)"):
        recbench.curves("Kurved")
    with pytest.raises(UsageError, match=r"has no learning curves of popular: .* recbench run tr"):
        recbench.curves("popular")
    with pytest.raises(UsageError, match="no values 'los' are stored in results; choose from: lo"):
        recbench.curves(values="los")
    with pytest.raises(UsageError, match=r"split. It has some on: tiny.csv, leave-last-out; tiny"):
        recbench.curves(split="random")
    loss = recbench.curves("Curved:epochs=5", values="loss")
    assert "0.2000 (5) 1.0000 (1) 0.2000" in _flat(loss)
    assert "measures 'loss' itself" in _flat(loss)


def test_a_folder_without_results_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"results has no results. To get some: recbench run tra"):
        recbench.curves()


@pytest.mark.usefixtures("_stored")
def test_damaged_results_are_left_out() -> None:
    for path in Path("results").glob("*/*/*.json"):
        path.write_text(path.read_text().replace('"Curved:epochs=5"', '"Curved:epochs=6"'))
    curves = recbench.curves(split="leave-last-out")
    assert set(curves.to_frame()["model"]) == {"Curved"}
    assert "Left out: " in str(curves)


def test_it_is_drawn_and_shown_in_notebooks(tmp_path: Path) -> None:
    points = {"validation": ((1, 0.5, 0.1), (2, 1.0, 0.2))}
    results = Results([result_of("mine", {"ndcg@10": GOOD}, seed=0, curves=points)], columns_of)
    curves = Curves(results.sections())
    curves.draw(tmp_path / "curves.svg")
    assert "<svg" in (tmp_path / "curves.svg").read_text()
    assert "data:image/png;base64," in curves._repr_html_()
    assert "| mine | 0 | 2 | 1.00 | 0.2000 (2) | 0.2000 |" in curves.to_markdown()
    with pytest.raises(UsageError, match="txt"):
        curves.draw(tmp_path / "curves.txt")
    with pytest.raises(RecbenchError, match="there are no values 'loss' to draw"):
        Curves(results.sections(), "loss").picture()
