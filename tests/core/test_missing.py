"""Why a name is unknown: what the error suggests, and which plugins may have it."""

import pytest

from recbench.code.installed import installed_plugins
from recbench.missing import unknown, why_broken
from recbench.offers import PluginInfo

INFOS = {name: PluginInfo(name, "1") for name in ("mine", "random")}
BROKEN = PluginInfo("recbench-mine", "1", broken="it fails")


def test_the_error_suggests_a_name_and_names_what_is_broken_or_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert str(unknown("model", "rulse", ["rules"], INFOS)) == (
        "no model 'rulse'; did you mean 'rules'?"
    )
    broken = unknown("model", "xyz", ["rules"], {**INFOS, "bad": BROKEN})
    assert str(broken) == (
        "no model 'xyz'; available: rules. It may belong to a broken plugin (recbench-mine); "
        "see: recbench plugins"
    )
    monkeypatch.setenv("RECBENCH_PLUGINS", "mine,random")
    left_out = [name for name in installed_plugins() if name != "random"]
    assert str(unknown("model", "rulse", ["rules"], INFOS)) == (
        "no model 'rulse'; did you mean 'rules'? RECBENCH_PLUGINS=mine,random leaves out the "
        f"plugins {', '.join(left_out)}, one of which may offer it"
    )


@pytest.mark.parametrize(
    ("model", "others", "text"),
    [
        ("mine", ["rules"], "mine: plugin recbench-mine is broken: it fails"),
        ("xyz", ["rules"], "xyz: plugin recbench-mine is broken: it fails"),
        ("rulse", ["rules"], ""),
    ],
)
def test_broken_plugins_are_suspected(model: str, others: list[str], text: str) -> None:
    assert why_broken(model, others, [BROKEN]) == text
    assert why_broken(model, others, []) == ""
