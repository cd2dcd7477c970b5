"""Values in groups: checked by hand, their differences, seeds, several targets, and stored ones."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import USERS, columns_of, result_of

import recbench
from recbench import Row
from recbench.evaluation.ranking import Ranking
from recbench.evaluation.uncertainty import number_users, summarise
from recbench.results.by_group import GroupValue, values_by_group
from recbench.results.groups import Group, Grouping
from recbench_metrics.ranks import ndcg

K = 2
IS_F = np.arange(40) < 15
GENDER = Grouping("gender", [Group("F", IS_F), Group("M", ~IS_F)])


def _rows(*results: recbench.Result) -> list[Row]:
    models = dict.fromkeys(result.model for result in results)
    return [
        Row(model, tuple(each for each in results if each.model == model), columns_of)
        for model in models
    ]


def _values(grouping: Grouping, *results: recbench.Result, **metrics: Any) -> list[GroupValue]:
    return values_by_group(_rows(*results), grouping, metrics or {"ndcg": ndcg}, K)


def test_two_groups_have_one_difference() -> None:
    values = np.where(IS_F, 0.25, 0.5) + np.tile([0.1, -0.1], 20)
    women, men = _values(GENDER, result_of("a", {"ndcg@2": values}))
    assert (women.by, women.group, women.model, women.metric, women.k) == (
        *("gender", "F", "a", "ndcg", 2),
    )
    assert (women.users, women.cases, men.users, men.cases) == (15, 15, 25, 25)
    assert women.value.mean == pytest.approx(values[:15].mean())
    own = summarise({"a": values[IS_F]}, number_users(USERS[IS_F]))["a"]
    assert women.value == pytest.approx(own)
    assert women.versus == ""
    assert np.isnan([women.difference, women.low, women.high]).all()
    assert not women.differs
    assert men.versus == "F"
    assert men.difference == pytest.approx(values[15:].mean() - values[:15].mean())
    assert 0 < men.low < men.difference < men.high
    assert men.differs


def test_several_groups_are_compared_with_all_others_that_are_known() -> None:
    part = np.arange(40) % 4
    groups = [Group(name, part == place, name != "unknown") for place, name in enumerate("abc")]
    grouping = Grouping("job", [*groups, Group("unknown", part == 3, known=False)])
    means = np.array([0.1, 0.2, 0.6, 0.9])
    found = _values(grouping, result_of("m", {"ndcg@2": means[part]}))
    assert [each.group for each in found] == ["a", "b", "c", "unknown"]
    assert [each.value.mean for each in found] == pytest.approx(means.tolist())
    assert [each.difference for each in found[:3]] == pytest.approx([-0.3, -0.15, 0.45])
    assert [each.versus for each in found] == ["others"] * 3 + [""]
    assert np.isnan(found[3].low)


def test_no_difference_is_not_marked_and_a_real_one_is() -> None:
    draws = np.random.default_rng(2)
    same, other = draws.normal(size=40), draws.normal(size=40) + 2 * IS_F
    found = _values(GENDER, result_of("same", {"ndcg@2": same}), result_of("x", {"ndcg@2": other}))
    assert {(each.model, each.differs) for each in found if each.versus} == {
        ("same", False),
        ("x", True),
    }


def test_values_are_means_over_seeds_first() -> None:
    one, two = np.arange(40.0), np.arange(40.0)[::-1]
    seeds = result_of("a", {"ndcg@2": one}, 0), result_of("a", {"ndcg@2": two}, 1)
    women, men = _values(GENDER, *seeds)
    assert women.value.mean == men.value.mean == 19.5
    assert (men.low, men.high) == (0, 0)


def test_a_user_counts_once_with_all_cases() -> None:
    users = np.repeat(USERS[:20], 2)
    values = np.repeat(np.arange(20.0), 2)
    chosen = np.repeat(np.arange(20) < 8, 2)
    grouping = Grouping("gender", [Group("F", chosen), Group("M", ~chosen)])
    women, men = _values(grouping, result_of("a", {"ndcg@2": values}, users=users))
    assert (women.users, women.cases, men.users, men.cases) == (8, 16, 12, 24)
    each_once = Grouping("gender", [Group("F", chosen[::2]), Group("M", ~chosen[::2])])
    _, single = _values(each_once, result_of("a", {"ndcg@2": values[::2]}, users=USERS[:20]))
    assert (men.low, men.high) == pytest.approx((single.low, single.high))


def test_models_and_metrics_without_a_value_per_case_are_left_out() -> None:
    values = np.arange(40.0)
    whole = result_of("b", {"ndcg@2": values})
    whole = dataclasses.replace(whole, values={**whole.values, "coverage@2": recbench.Value(0.5)})
    ranked = dataclasses.replace(result_of("c", {"ndcg@2": values}), key="nothing is stored")
    found = _values(
        GENDER, result_of("a", {"ndcg@2": values}), whole, ranked, ndcg=ndcg, coverage=np.mean
    )
    assert {(each.metric, each.model) for each in found} == {("ndcg", "a"), ("ndcg", "b")}
    assert [each.model for each in found] == ["a", "b", "a", "b"]
    assert _values(GENDER, ranked) == []


ABOVE = np.array([0, 2, 0])
OFFSETS = np.array([0, 2, 3])


def _of_targets(chosen: list[bool], **more: Any) -> tuple[Grouping, recbench.Result]:
    """Return groups of three targets of two cases, and the result of a model that ranks them."""
    ranking = Ranking(ABOVE, np.ones(3, dtype=np.int64), OFFSETS)
    head = np.array(chosen)
    grouping = Grouping("popularity", [Group("head", head), Group("tail", ~head)], OFFSETS)
    columns = {**ranking.columns(), "ndcg@3": ndcg(ranking, 3), **more}
    return grouping, result_of("a", columns, users=USERS[:2])


def test_each_of_several_targets_is_in_its_own_group() -> None:
    # the first case has a head target at rank 1 and a tail target at rank 3, the second case a tail
    # target at rank 1
    grouping, result = _of_targets([True, False, False])
    head, tail = values_by_group(_rows(result), grouping, {"ndcg": ndcg}, 3)
    assert (head.cases, head.value.mean) == (1, pytest.approx(1))
    assert (tail.cases, tail.value.mean) == (2, pytest.approx((0.5 + 1) / 2))
    assert tail.difference == pytest.approx(-0.25)


def test_of_such_targets_a_metric_must_need_ranks_only() -> None:
    def year(ranking: recbench.Ranking, k: int) -> Any:
        return ranking.item_features["year"][ranking.targets[:k]]

    grouping, result = _of_targets([True, False, False], **{"year@3": np.zeros(2)})
    functions = {"ndcg": ndcg, "year": year}
    found = values_by_group(_rows(result), grouping, functions, 3)
    assert {each.metric for each in found} == {"ndcg"}


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 5), st.integers(0, 2)),
        min_size=1,
        max_size=30,
    )
)
def test_groups_add_up_to_all_cases(rows: list[tuple[int, int, int]]) -> None:
    above, tied, part = np.array(rows).T
    values = ndcg(Ranking(above, tied), K)
    parts = [Group(str(place), part == place) for place in np.unique(part)]
    users = np.array([f"u{place}" for place in range(len(rows))])
    found = _values(Grouping("x", parts), result_of("a", {"ndcg@2": values}, users=users))
    assert sum(each.cases for each in found) == len(rows)
    mean = sum(each.cases * each.value.mean for each in found) / len(rows)
    assert mean == pytest.approx(values.mean())


LOG = pd.DataFrame(
    [
        {"user": f"u{user:03}", "item": f"i{(user * 7 + place * place) % 23:02}", "time": place}
        for user in range(60)
        for place in range(5)
    ]
)


def _shop(tmp_path: Any) -> str:
    """Write a log with customers and articles, and return it with its options."""
    LOG.to_csv(tmp_path / "log.csv", index=False)
    genders = ["F", "M", "M", ""] * 15
    ids = [f"u{user:03}" for user in range(60)]
    pd.DataFrame({"user": ids, "gender": genders, "age": [*range(60)]}).to_csv(
        tmp_path / "users.csv", index=False
    )
    kinds = [("A", "A|B", "B")[item % 3] for item in range(23)]
    pd.DataFrame({"item": [f"i{item:02}" for item in range(23)], "kind": kinds}).to_csv(
        tmp_path / "items.csv", index=False
    )
    return f"{tmp_path}/log.csv:user_table={tmp_path}/users.csv,item_table={tmp_path}/items.csv"


def test_run_and_table_show_the_same_groups(tmp_path: Any) -> None:
    data = _shop(tmp_path)
    made = recbench.run(["popular", "random"], data, ks=5, by="gender,kind", in_process=True)
    (section,) = made.sections()
    found = section.by_group(5)
    targets = LOG.groupby("user")["item"].last()
    users = pd.read_csv(tmp_path / "users.csv", index_col="user", keep_default_na=False)["gender"]
    kinds = pd.read_csv(tmp_path / "items.csv", index_col="item")["kind"]
    columns = made.read_columns(made[0])
    values = pd.Series(columns["ndcg@5"], index=columns["user"])
    of_popular = {each.group: each for each in found if each.model == "popular"}
    for group, chosen in {
        **{name or "unknown": users[values.index] == name for name in ("F", "M", "")},
        **{name: kinds[targets[values.index]].str.contains(name).to_numpy() for name in "AB"},
    }.items():
        assert of_popular[group].value.mean == pytest.approx(values[np.array(chosen)].mean())
        assert of_popular[group].users == np.count_nonzero(chosen)
    assert of_popular["M"].difference == pytest.approx(
        of_popular["M"].value.mean - of_popular["F"].value.mean
    )
    assert (of_popular["unknown"].versus, of_popular["M"].versus) == ("", "F")
    shown = list(map(str, found))
    stored = recbench.table(by=["gender", "kind"])
    assert list(map(str, stored.sections()[0].by_group(5))) == shown
    (section,) = made.showing(by="gender").sections()
    assert list(map(str, section.by_group(5))) == shown[:6]
    assert made.showing(by=()).sections()[0].by_group(5) == []
    assert made.showing("hit").sections()[0].by_group(5)[0].metric == "hit"


def test_history_and_popularity_are_stored() -> None:
    (result,) = recbench.run(["popular"], "synthetic", in_process=True)
    (section,) = recbench.Store("results").all().showing(by="history,popularity").sections()
    found = section.by_group(10)
    for by in ("history", "popularity"):
        parts = [each for each in found if each.by == by]
        assert len(parts) == 3
        assert sum(each.cases for each in parts) == result.setting.n_cases
        mean = sum(each.cases * each.value.mean for each in parts) / result.setting.n_cases
        assert mean == pytest.approx(result.value("ndcg", 10).mean)
        if by == "history":
            shares = [each.cases / result.setting.n_cases for each in parts]
            assert all(0.25 < share < 0.42 for share in shares)
        else:
            assert [each.group for each in parts] == ["head", "middle", "tail"]
            assert parts[0].value.mean > parts[2].value.mean
            assert parts[0].differs


def test_with_several_targets_run_and_hand_agree(tmp_path: Any) -> None:
    data = _shop(tmp_path)
    split = "temporal:at=2,targets=all"
    made = recbench.run(
        ["random"], data, split=split, ks=5, by="kind", in_process=True, seed=[0, 1]
    )
    found = {each.group: each for each in made.sections()[0].by_group(5)}
    assert made[0].setting.n_targets > made[0].setting.n_cases
    assert found["A"].cases <= made[0].setting.n_cases
    assert found["A"].users == found["A"].cases
    assert 0 <= found["A"].value.mean <= 1
    assert found["B"].difference == pytest.approx(found["B"].value.mean - found["A"].value.mean)


def test_a_column_that_is_not_there_is_an_error_before_anything_is_trained(tmp_path: Any) -> None:
    with pytest.raises(recbench.UsageError, match="no column 'town' to group by; columns of users"):
        recbench.run("popular", _shop(tmp_path), by="town", in_process=True)
    with pytest.raises(recbench.RecbenchError, match="no results are stored"):
        recbench.table()
