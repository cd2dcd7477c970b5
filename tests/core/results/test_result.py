"""The JSON form of a result: its notes, and the results of versions that had none."""

import json
from typing import Any

import pytest
from made_results import GOOD, result_of

from recbench import Result
from recbench.results.result import from_json, to_json

NOTES = ("3 of 9 rows recommend items that are not in \"shop\", such as 'é'", "1 case is short")


def _as_json(result: Result) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(to_json(result), allow_nan=False))
    return data


def test_notes_are_kept_in_their_order() -> None:
    result = result_of("mine", {"ndcg@3": GOOD}, notes=NOTES)
    assert _as_json(result)["notes"] == list(NOTES)
    assert from_json(_as_json(result)).notes == NOTES


def test_a_result_that_was_stored_without_notes_has_none() -> None:
    data = _as_json(result_of("mine", {"ndcg@3": GOOD}))
    del data["notes"]
    assert from_json(data).notes == ()


@pytest.mark.parametrize("wrong", ["3 rows", {"3 rows": 1}, [3], [None], None, 3, [["3 rows"]]])
def test_notes_that_are_no_list_of_texts_are_refused(wrong: Any) -> None:
    data = _as_json(result_of("mine", {"ndcg@3": GOOD}, notes=NOTES))
    with pytest.raises(TypeError, match=r"notes are .*, not a list of texts"):
        from_json({**data, "notes": wrong})
    with pytest.raises(TypeError, match=r"notes are .*, not a list of texts"):
        from_json({**data, "setting": {**data["setting"], "notes": wrong}})
