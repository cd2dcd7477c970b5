"""Other names of what plugins offer: they can be typed everywhere, but only details show them."""

import functools
import re
from pathlib import Path
from typing import Any

import pytest
from helpers import plugin

import recbench
from recbench import UsageError, compare, load_plugins
from recbench.cli.main import main
from recbench.recommend import recommend
from recbench.results.shown import with_shown_metrics
from recbench.spec import Spec
from recbench_metrics.ranks import hit
from recbench_popular import Popular

DATA = "synthetic:users=40,items=30,interactions=400"


class Mine:
    """A model with other names."""

    aliases = ("my-own", "own")


class Special(Mine):
    """A subclass, which is not what its base class is called."""


def test_an_alias_finds_the_offer_and_is_not_listed() -> None:
    plugins = load_plugins(mine=plugin(models={"mine": Mine}))
    assert plugins.find("models", "own").name == plugins.find("models", "my-own").name == "mine"
    assert plugins.check("models", Spec.parse("own")).name == "mine"
    assert isinstance(plugins.build("models", Spec.parse("own")), Mine)
    assert not {"own", "my-own"} & set(plugins.names("models"))
    assert not plugins.why_missing("own")
    with pytest.raises(UsageError, match="no splitter 'own'"):
        plugins.find("splitters", "own")


def test_a_name_comes_before_an_alias() -> None:
    for one_plugin in ({"mine": Mine, "own": Popular}, {"own": Popular, "mine": Mine}):
        plugins = load_plugins(both=plugin(models=one_plugin))
        assert plugins.find("models", "own").factory is Popular
        assert plugins.find("models", "my-own").factory is Mine


def test_an_alias_of_two_offers_is_an_error_only_if_it_is_requested() -> None:
    class Other:
        aliases = ("own",)

    plugins = load_plugins(a=plugin(models={"mine": Mine}), b=plugin(models={"other": Other}))
    assert plugins.find("models", "my-own").factory is Mine
    with pytest.raises(
        UsageError, match="model 'own' can mean 'mine' or 'other'; write one of these names"
    ):
        plugins.find("models", "own")


def test_aliases_are_not_inherited() -> None:
    partial = functools.partial(Mine)
    plugins = load_plugins(a=plugin(models={"mine": Mine, "special": Special, "part": partial}))
    assert plugins.find("models", "own").factory is Mine


@pytest.mark.parametrize("wrong", ["own", {"own": "mine"}, (1,)])
def test_aliases_must_be_a_tuple_of_names(wrong: Any) -> None:
    broken = type("Broken", (), {"aliases": wrong})
    plugins = load_plugins(bad=plugin(models={"broken": broken}))
    (info,) = plugins.broken
    assert info.broken == (f"model broken has the aliases {wrong!r}; they must be a tuple of names")


class Favourites(Popular):
    """A model for tests of commands."""

    aliases = ("best-sellers",)


def found(ranking: Any, k: int) -> Any:
    """Hit rate by another name."""
    return hit(ranking, k)


found.aliases = ("finds",)  # type: ignore[attr-defined]


def test_results_have_the_name_whatever_was_typed(tmp_path: Path) -> None:
    plugins = load_plugins(mine=plugin(models={"favourites": Favourites}, metrics={"found": found}))
    same: Any = {"plugins": plugins, "results": tmp_path, "ks": 5, "in_process": True}
    splits = ["leave-last-out", "leave-one-out"]
    (typed,) = recbench.run(
        ["best-sellers"], DATA, split="leave-one-out", metrics=["finds"], **same
    ).sections()
    assert (typed.setting.split, typed.results[0].model) == ("leave-last-out", "favourites")
    assert list(typed.shown_metrics) == ["found"]
    results = recbench.run(["favourites", "best-sellers"], DATA, split=splits, **same)
    assert [result.key for result in results] == [typed.results[0].key]
    recommended = recommend(
        "best-sellers", user=1, dataset=DATA, split="leave-one-out", plugins=plugins, results=None
    )
    assert recommended.origin.startswith("favourites")


def test_tables_show_a_metric_by_its_name() -> None:
    plugins = load_plugins(mine=plugin(metrics={"found": found}))
    assert list(with_shown_metrics(plugins, ["finds", "ndcg", "found"])[1]) == ["found", "ndcg"]
    assert list(with_shown_metrics(plugins, "finds, HR")[1]) == ["found", "hit"]
    assert list(with_shown_metrics(plugins, "all")[1]) == sorted(plugins.metrics())


def test_stored_results_are_found_by_an_alias(tmp_path: Path) -> None:
    recbench.run(["popular", "random"], DATA, ks=5, results=tmp_path, in_process=True)
    for split in ("leave-one-out", "leave-last-out"):
        assert len(compare("popular", "random", split=split, results=tmp_path)) == 1
    with pytest.raises(UsageError):
        compare("popular", "random", split="temporal", results=tmp_path)


@pytest.mark.parametrize("name", ["leave-one-out", "leave-last-out"])
def test_the_listing_of_an_alias_is_that_of_the_name(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["splitters", name])
    shown = capsys.readouterr().out
    assert stop.value.code == 0
    assert re.match(r"splitter leave-last-out \(plugin splitters", shown)
    assert shown.splitlines()[1:4] == ["", "Also called: leave-one-out", ""]


def test_the_details_of_an_offer_without_other_names_do_not_mention_any(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["splitters", "temporal"])
    assert "Also called" not in capsys.readouterr().out


def test_the_list_of_splitters_has_the_name_only(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["splitters"])
    shown = capsys.readouterr().out
    assert "leave-last-out" in shown
    assert "leave-one-out" not in shown
