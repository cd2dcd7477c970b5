"""What plugins offer: wrong names make a plugin broken, and imports leave no trace."""

import functools
import os
import signal
import socket
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import install, plugin

from recbench import Float, UsageError, hookimpl, load_plugins
from recbench.offers import MOST, Offer
from recbench.spec import Spec


class Falls(Mapping[str, Any]):
    """A mapping that cannot be iterated."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("not today")

    def __len__(self) -> int:
        return 1


class Endless(Falls):
    """A mapping without an end."""

    def __getitem__(self, key: str) -> Any:
        return object

    def __iter__(self) -> Iterator[str]:
        number = 0
        while True:
            yield f"m{number}"
            number += 1


def _broken(**hooks: Any) -> str:
    """Return why a plugin with these hooks is broken, "" if it is not."""
    plugins = load_plugins(odd=plugin(**hooks), good=plugin(models={"good": object}))
    assert plugins.find("models", "good")
    return plugins.infos["odd"].broken


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "a\n", "a\tb", "a:b", "a=b", "a,b", "-a", "_a", "a/b", "a\u202eb", "a" * 101],
)
def test_names_that_cannot_be_typed_or_shown_make_a_plugin_broken(name: str) -> None:
    reason = _broken(models={"fine": object, name: object})
    assert reason.startswith("recbench_models() returned the name '")
    assert reason.endswith(
        "a name has 1 to 100 letters, digits and characters of '-_.+', and begins with a letter or "
        "digit"
    )
    assert "fine" not in load_plugins(odd=plugin(models={"fine": object, name: 1})).names("models")


@pytest.mark.parametrize("name", ["a", "7", "Ünïcode", "a-b_c.d+e", "a" * 100])
def test_other_names_are_allowed(name: str) -> None:
    assert _broken(models={name: object}) == ""


@pytest.mark.parametrize(
    ("factories", "reason"),
    [
        ({3: object}, "returned the name 3; a name has 1 to 100 letters"),
        ({"a": object()}, "it must map names to classes or functions, as in {'mine': Mine}"),
        (Falls(), "RuntimeError: not today"),
        (Endless(), f"recbench_models() returned more than {MOST} names"),
        ({f"m{number}": object for number in range(10_000)}, f"more than {MOST} names"),
    ],
)
def test_odd_mappings_make_a_plugin_broken(factories: Any, reason: str) -> None:
    assert reason in _broken(models=factories)


def _with(attribute: str, value: Any) -> Callable[[], object]:
    def make() -> object:
        return object()

    setattr(make, attribute, value)
    return make


class _NoDocs:
    @property
    def __doc__(self) -> str:  # type: ignore[override]
        raise ValueError("no docs")

    def __call__(self) -> object:
        return object()


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        (_with("aliases", "own"), "model odd has the aliases 'own'; they must be a tuple of names"),
        (_with("aliases", ("a b",)), "model odd has the alias 'a b'; a name has"),
        (_with("renamed_options", ["a"]), "model odd has the renamed_options ['a']; it must be a "),
        (_with("option_groups", 3), "model odd has the option_groups 3; it must be a dict"),
        (_with("option_aliases", "l2"), "model odd has the option_aliases 'l2'; it must be a dict"),
        (_with("search_space", 3), "model odd has the search_space 3; it must be a dict from opt"),
        (
            _with("search_space", {"l2": Float(0, 1)}),
            "model odd has no option 'l2', which is in its search_space",
        ),
        (_NoDocs(), "ValueError: no docs"),
    ],
)
def test_wrong_attributes_of_a_factory_make_a_plugin_broken(factory: Any, reason: str) -> None:
    assert _broken(models={"odd": factory}).startswith(reason)


def _takes_none() -> None: ...


def _takes_a_default(result: Any = None) -> None: ...


def _takes_anything(**given: Any) -> None: ...


async def _waits(result: Any) -> None: ...


def _yields(result: Any) -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    "listener", [_takes_none, _takes_a_default, _takes_anything, _waits, _yields]
)
def test_a_listener_that_would_not_get_the_result_makes_a_plugin_broken(listener: Any) -> None:
    odd = types.SimpleNamespace(recbench_run_finished=hookimpl(listener))
    plugins = load_plugins(odd=odd)
    assert plugins.infos["odd"].broken == (
        "recbench_run_finished must be a function, without async and yield, with one parameter, "
        "`result`, that has no default"
    )
    plugins.notify("recbench_run_finished", result="result")


def _takes_step(step: int) -> None: ...


def _takes_more(cell: Any, step: int, values: Any, more: Any) -> None: ...


def test_an_event_may_be_heard_with_some_of_its_parameters() -> None:
    heard = types.SimpleNamespace(recbench_progress=hookimpl(_takes_step))
    odd = types.SimpleNamespace(recbench_progress=hookimpl(_takes_more))
    plugins = load_plugins(heard=heard, odd=odd)
    assert not plugins.infos["heard"].broken
    assert plugins.infos["heard"].hooks == ("recbench_progress",)
    assert "parameter 'more'" in plugins.infos["odd"].broken.replace("{'more'}", "parameter 'more'")


def test_a_usage_error_of_a_factory_names_model_and_plugin() -> None:
    def make(dim: int = 1) -> object:
        raise UsageError(f"dim={dim} is odd")

    offer = Offer("models", "mine", make, "theirs", "1.0")
    with pytest.raises(UsageError, match=r"^model mine \(plugin theirs\): dim=3 is odd$"):
        offer.build({"dim": "3"}, {})


def test_a_usage_error_that_names_the_offer_itself_is_not_changed() -> None:
    with pytest.raises(UsageError, match=r"^splitter temporal: share must be above 0"):
        load_plugins().build("splitters", Spec("temporal", {"share": "2"}))
    with pytest.raises(UsageError, match=r"^transformer: dim=-3 must be 1 or more"):
        load_plugins().build("models", Spec("transformer", {"dim": "-3"}))


def _with_aliases(l2: float = 500, decay: float = 0.9) -> tuple[float, float]:
    return l2, decay


_with_aliases.option_aliases = {"lambda": "l2"}  # type: ignore[attr-defined]
_with_aliases.search_space = {"l2": Float(1, 2000, log=True)}  # type: ignore[attr-defined]


def test_results_have_the_own_names_of_models_and_options() -> None:
    plugins = load_plugins(mine=plugin(models={"mine": _with_aliases}))
    assert not plugins.broken
    offer = plugins.find("models", "mine")
    assert str(offer.spec({"lambda": "7", "decay": "0.5"})) == "mine:decay=0.5,l2=7"
    assert offer.build({"lambda": "7"}, {}) == offer.build({"l2": "7"}, {}) == (7, 0.9)
    with pytest.raises(UsageError, match=r"^model mine: l2 is set twice, as lambda is another"):
        offer.spec({"l2": "7", "lambda": "7"})
    splitter = load_plugins().find("splitters", "leave-one-out")
    assert str(splitter.spec({})) == "leave-last-out"


CHANGES = """
import os, signal, socket, sys
import numpy as np, recbench

def ignore(*_): pass

os.chdir("/")
os.umask(0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGTERM, ignore)
if hasattr(signal, "SIGCHLD"):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
socket.setdefaulttimeout(0.001)
np.seterr(all="raise")
sys.stdout = sys.stderr = None
sys.argv[:] = ["mine"]

@recbench.hookimpl
def recbench_models():
    os.chdir("/")
    return {"changes": object}
"""


def _state() -> tuple[Any, ...]:
    """Return what a plugin must not change for others."""
    mask = os.umask(0o77)
    os.umask(mask)
    handlers = [signal.getsignal(number) for number in sorted(signal.valid_signals())]
    streams = (sys.stdout, sys.stderr, tuple(sys.argv))
    return os.getcwd(), mask, handlers, socket.getdefaulttimeout(), np.geterr(), streams


@pytest.mark.parametrize("end", ["", "1 / 0\n"])
def test_what_a_plugin_changes_when_it_is_imported_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.syspath_prepend(install(tmp_path / "site", **{f"changes{len(end)}": CHANGES + end}))
    before = _state()
    plugins = load_plugins()
    assert _state() == before
    assert bool(plugins.broken) == bool(end)
    assert ("changes" in plugins.names("models")) != bool(end)


def test_plugins_are_loaded_in_a_folder_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    plugins = load_plugins(mine=plugin(models={"mine": functools.partial(object)}))
    assert not plugins.broken
