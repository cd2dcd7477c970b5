"""Groups of cases by columns: which there are, in which order, and what each is compared with."""

import numpy as np
import pytest
from made_results import SETTING, failed, result_of

from recbench import RecbenchError, UsageError
from recbench.data.metadata import Metadata
from recbench.results.groups import Breakdown, CaseFacts, Grouping, check_columns, names_of


def _facts(users: list[int] | None = None, targets: list[int] | None = None, **columns: list):
    arrays = {
        name.replace("_of_", "_features."): np.array(
            values, dtype=object if isinstance(values[0], str) else None
        )
        for name, values in columns.items()
    }
    n = len(next(iter(arrays.values())))
    users = list(range(n)) if users is None else users
    targets = list(range(len(users))) if targets is None else targets
    offsets = np.arange(len(users) + 1) * (len(targets) // len(users))
    return CaseFacts(np.array(users), np.array(targets), offsets, Metadata.of(arrays))


def _grouping(by: str, facts: CaseFacts) -> Grouping:
    made = Breakdown.of([by], {}, [result_of("a", {})], lambda _: {}, lambda _: facts)
    return made.groupings[SETTING.comparison_key][0]


def _members(grouping: Grouping) -> dict[str, list[int]]:
    return {group.name: np.flatnonzero(group.chosen).tolist() for group in grouping.groups}


def test_names_may_be_one_text() -> None:
    assert names_of("gender, age,,gender") == ["gender", "age"]
    assert names_of(("gender", "history")) == ["gender", "history"]
    assert names_of(()) == []


def test_two_texts_are_in_the_order_of_their_names() -> None:
    grouping = _grouping("gender", _facts(user_of_gender=["M", "F", "M", "M"]))
    assert _members(grouping) == {"F": [1], "M": [0, 2, 3]}
    (name, (versus, chosen)), *more = grouping.contrasts.items()
    assert (name, versus, chosen.tolist(), more) == ("M", "F", [False, True, False, False], [])


def test_more_texts_are_in_the_order_of_their_size_and_compared_with_all_others() -> None:
    grouping = _grouping("job", _facts(user_of_job=["b", "c", "c", "a", "", "c", "b"]))
    assert _members(grouping) == {"c": [1, 2, 5], "b": [0, 6], "a": [3], "unknown": [4]}
    assert [group.known for group in grouping.groups] == [True, True, True, False]
    others = {
        name: np.flatnonzero(chosen).tolist() for name, (_, chosen) in grouping.contrasts.items()
    }
    assert others == {"c": [0, 3, 6], "b": [1, 2, 3, 5], "a": [0, 1, 2, 5, 6]}
    assert {versus for versus, _ in grouping.contrasts.values()} == {"others"}


def test_the_smallest_of_many_texts_are_one_group() -> None:
    jobs = [f"job {number:02}" for number in range(35) for _ in range(2 if number < 30 else 1)]
    grouping = _grouping("job", _facts(user_of_job=jobs))
    assert len(grouping.groups) == 31
    assert grouping.groups[-1].name == "5 smaller groups"
    assert _members(grouping)["5 smaller groups"] == [60, 61, 62, 63, 64]


def test_several_categories_count_in_each() -> None:
    facts = _facts(
        users=[0, 1, 1], targets=[2, 0, 1], item_of_genres=["Action|Comedy", "Comedy", "unknown"]
    )
    grouping = _grouping("genres", facts)
    assert grouping.offsets is None
    assert _members(grouping) == {"Action": [1], "Comedy": [1, 2], "unknown": [0]}
    assert grouping.contrasts["Comedy"][1].tolist() == [False, True, False]


def test_a_group_of_all_is_compared_with_nothing() -> None:
    grouping = _grouping("genres", _facts(item_of_genres=["A|B|C", "A|B", "A|C"]))
    assert grouping.contrasts.keys() == {"B", "C"}
    assert _grouping("genres", _facts(item_of_genres=["A", "A"])).contrasts == {}


def test_numbers_are_cut_into_thirds_of_the_cases() -> None:
    ages = [*range(20, 50)]
    facts = _facts(users=[*range(30), 29, 29, 29], user_of_age=ages)
    assert {name: len(cases) for name, cases in _members(_grouping("age", facts)).items()} == {
        "<= 30": 11,
        "31-41": 11,
        "> 41": 11,
    }
    incomes = (np.arange(30) + 0.5).tolist()
    grouping = _grouping("income", _facts(user_of_income=incomes))
    assert [group.name for group in grouping.groups] == ["<= 9.5", "> 9.5 and <= 19.5", "> 19.5"]


def test_one_value_may_fill_a_third() -> None:
    ages = [7] * 30 + [*range(8, 28)]
    grouping = _grouping("age", _facts(user_of_age=ages))
    assert {name: len(cases) for name, cases in _members(grouping).items()} == {
        "<= 7": 30,
        "8-10": 3,
        "> 10": 17,
    }


def test_a_few_different_numbers_are_a_group_each() -> None:
    grouping = _grouping("premium", _facts(user_of_premium=[1, 0, 1]))
    assert _members(grouping) == {"premium=0": [1], "premium=1": [0, 2]}
    assert [*grouping.contrasts] == ["premium=1"]
    grouping = _grouping("stars", _facts(user_of_stars=[2.5, np.nan, 4.0, np.inf]))
    assert _members(grouping) == {
        "stars=2.5": [0],
        "stars=4": [2],
        "stars=inf": [3],
        "unknown": [1],
    }


def test_users_that_are_unknown_have_no_value() -> None:
    facts = _facts(users=[0, -1, 1], user_of_gender=["F", "M"])
    assert _members(_grouping("gender", facts)) == {"F": [0], "M": [2], "unknown": [1]}
    facts = _facts(users=[0, -1, 1], user_of_age=[30, 40])
    assert _members(_grouping("age", facts)) == {"age=30": [0], "age=40": [2], "unknown": [1]}


def test_of_a_case_with_several_targets_each_has_its_group() -> None:
    facts = _facts(users=[0, 1], targets=[0, 1, 1, 2], item_of_year=[1990, 2000, 2010])
    grouping = _grouping("year", facts)
    assert _members(grouping) == {"year=1990": [0], "year=2000": [1, 2], "year=2010": [3]}
    assert grouping.cases(grouping.groups[1].chosen).tolist() == [0, 1]
    assert grouping.cases(grouping.groups[2].chosen).tolist() == [1]


def test_users_come_before_items_unless_the_name_is_full() -> None:
    facts = _facts(user_of_year=[1, 2], item_of_year=[3, 4])
    assert [*_members(_grouping("year", facts))] == ["year=1", "year=2"]
    full = _grouping("item_features.year", facts)
    assert [*_members(full)] == ["item_features.year=3", "item_features.year=4"]


def _columns(_: object) -> dict:
    return {"history": np.array([1, 5, 2]), "segment": np.array([2, 0, 0])}


def test_history_and_popularity_need_no_data() -> None:
    made = Breakdown.of(
        ["history", "popularity"], {}, [failed("b"), result_of("a", {})], _columns, _no_data
    )
    history, popularity = made.groupings[SETTING.comparison_key]
    assert _members(history) == {"history=1": [0], "history=2": [2], "history=5": [1]}
    assert _members(popularity) == {"head": [1, 2], "tail": [0]}


def _no_data(_: object) -> CaseFacts:
    raise RecbenchError("the file is gone")


def test_a_table_without_its_data_says_so() -> None:
    made = Breakdown.of(["gender"], {}, [result_of("a", {})], _columns, _no_data)
    assert made.groupings == {SETTING.comparison_key: []}
    assert made.missing == {SETTING.comparison_key: ["Not by gender: the file is gone"]}
    made = Breakdown.of(["history"], {}, [result_of("a", {})], lambda _: {}, _no_data)
    assert "run them again with --force" in made.missing[SETTING.comparison_key][0]


def test_a_column_that_no_dataset_has_is_an_error_that_lists_those_there_are() -> None:
    known = [_facts(user_of_age=[1]).metadata, _facts(item_of_year=[1]).metadata]
    check_columns(["age", "year", "history", "popularity"], known)
    with pytest.raises(UsageError) as error:
        check_columns(["gender"], known)
    assert str(error.value) == (
        "there is no column 'gender' to group by; columns of users: age; columns of items: year; "
        "always: history, popularity"
    )
    with pytest.raises(UsageError, match="no column 'gender' to group by; columns of users: none"):
        _grouping("gender", _facts(item_of_year=[1]))
