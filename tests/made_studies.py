"""Studies and searches that need no dataset, for tests of tuning."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from made_results import SETTING

from recbench.space import Space, spaces_text
from recbench.store.layout import Layout
from recbench.tuning.search import Claim, Search
from recbench.tuning.study import FAILED, OK, Study, StudyTrial

KEY = "0123456789abcdef" * 4


def made_study(trials: Sequence[StudyTrial] = (), **more: Any) -> Study:
    """Return a study of the model `mine`."""
    fields: dict[str, Any] = {
        "key": KEY,
        "model": "mine",
        "model_version": "1+abc",
        "plugin": "mine",
        "setting": SETTING,
        "validation_sha256": "v" * 64,
        "n_cases": 40,
        "metric": "ndcg@10",
        "better": "higher",
        "space": {"x": "0..1"},
        "seed": 0,
        "trials": tuple(trials),
        **more,
    }
    return Study(**fields)


def made_trials(
    *values: float | str | None, seconds: Sequence[float] = (), model: str = "mine"
) -> list[StudyTrial]:
    """Return a trial for each value; for a text, one that ended in this state."""
    return [
        StudyTrial(
            number,
            f"{model}:x={number}" if number else model,
            {"x": str(number)},
            value if isinstance(value, str) else OK,
            math.nan if isinstance(value, str) or value is None else value,
            seconds[number] if seconds else 1.0,
            "broken" if value == FAILED else "",
        )
        for number, value in enumerate(values)
    ]


def made_search(
    folder: Path | str, ranges: Space, defaults: Mapping[str, Any] | None = None, **more: Any
) -> Search:
    """Return a search in a folder of results; more: fields of the study."""
    study = made_study(**{"space": spaces_text(ranges), "max_trials": 5, **more})
    return Search(Layout(folder), study, ranges, {} if defaults is None else defaults)


def value_of(claim: Claim) -> float:
    """Return the value of a trial, which is best where the options are near 0.3."""
    return -sum((float(value) - 0.3) ** 2 for value in claim.options.values())


def search_on(search: Search, value: Callable[[Claim], float] = value_of) -> list[StudyTrial]:
    """Run trials until there is none to claim; each takes a second."""
    while (claim := search.claim()) is not None:
        search.end(claim, OK, value(claim), 1.0)
    return list(search.study.trials)


def options_of(trials: Sequence[StudyTrial]) -> list[tuple[int, dict[str, str]]]:
    """Return the number and the options of each trial."""
    return [(trial.number, dict(trial.options)) for trial in trials]
