"""Files in place of names: what of a file is meant, what it is called, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

import recbench
from recbench import RecbenchError, UsageError, load_plugins
from recbench.given.models import with_models

MODELS = """
import numpy as np
import near

class Mine:
    def __init__(self, dim: int = 16):
        self.dim = dim

    def fit(self, train):
        self.pop_ = train.popularity * near.SIGN
        return self

    def score(self, history):
        return np.tile(self.pop_, (len(history), 1))

class Other(Mine): ...

class Needs(Mine):
    def __init__(self, size: int, dim: int = 16):
        super().__init__(dim)

class Nothing: ...

def make(dim: int = 3, seed: int = 0):
    return Mine(dim)

def needing(size: int):
    return Mine()
"""

HOOKS = """
import recbench

@recbench.hookimpl
def recbench_models():
    return {"hooked": Mine, "second": make}
"""


@pytest.fixture
def files(place: Path) -> Path:
    (place / "mine.py").write_text(MODELS)
    (place / "b.py").write_text(MODELS)
    (place / "hooks.py").write_text(MODELS + HOOKS)
    (place / "near.py").write_text("SIGN = 1\n")
    return place


def _names(models: Any) -> list[str]:
    return with_models(load_plugins(), models)[1]


@pytest.mark.parametrize(
    ("models", "names"),
    [
        ("mine.py:Mine", ["Mine"]),
        ("./mine.py:Mine:dim=32", ["Mine:dim=32"]),
        (["mine.py:Other", "mine.py:Mine:dim=2"], ["Other", "Mine:dim=2"]),
        ("mine.py:make:dim=4", ["make:dim=4"]),
        ("mine.py:Needs:size=3", ["Needs:size=3"]),
        ("hooks.py:hooked:dim=4", ["hooked:dim=4"]),
        ("hooks.py:Other", ["Other"]),
        ("hooks.py", ["hooked", "second"]),
        ({"a": "mine.py:Mine:dim=4"}, ["a"]),
        ("mine.py:Mine:dim=1|2", ["Mine:dim=1", "Mine:dim=2"]),
        (["rules:decay=0.5|0.7", "popular"], ["rules:decay=0.5", "rules:decay=0.7", "popular"]),
        (["mine.py:Mine", "b.py:Mine:dim=3"], ["mine.py:Mine", "b.py:Mine:dim=3"]),
        (["mine.py:Mine", "b.py:Other"], ["Mine", "Other"]),
        (["mine.py:Mine", "mine.py:Mine"], ["Mine", "Mine"]),
    ],
)
def test_what_a_text_means(files: Path, models: Any, names: list[str]) -> None:
    assert _names(models) == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mine.py:Mien", "^mine.py has no model 'Mien'; did you mean 'Mine'[?]$"),
        ("mine.py:xyzzy", "available: Mine, Needs, Nothing, Other, make, needing$"),
        ("hooks.py:hoked", "^hooks.py has no model 'hoked'; did you mean 'hooked'[?]$"),
        ("mine.py", r"several models \(Mine, .*; name one of them, as in mine.py:Mine$"),
        ("mine.py:Nothing", "^class Nothing is not a model: it has no fit.train., and no score"),
        ("mine.py:Needs", "^Needs needs the option size; write mine.py:Needs:size=VALUE$"),
        ("mine.py:Needs:dim=3", "write mine.py:Needs:size=VALUE$"),
        ("mine.py:needing", "^needing needs the option size; write mine.py:needing:size=VALUE$"),
        ("gone/x.py:Mine", r"^there is no file 'gone/x\.py'; check the path$"),
        ("mine.py:Mine:", "is not a name; write name or name:option=value"),
        ("mine.py:Needs:dimm=3", "^model Needs has no option 'dimm'; did you mean 'dim'[?]$"),
        ("mine.py:Mine:Other", r"^'mine.py:Mine:Other' is not a name; write FILE.py:NAME or FILE"),
        ("mine.py:Mine|Other", r"^'mine.py:Mine\|Other' is not a name; write FILE.py:NAME or F"),
        ("mine.py:Mine dim=3", r"^'mine.py:Mine dim=3' is not a name; write FILE.py:NAME or F"),
    ],
)
def test_what_is_refused(files: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _names(text)


def test_a_name_stands_for_one_model(files: Path) -> None:
    with pytest.raises(UsageError, match=r"^'a' names several models \(mine.py:Mine:dim=1, "):
        _names({"a": "mine.py:Mine:dim=1|2"})


def test_hooks_of_two_files_with_one_name_are_refused(files: Path) -> None:
    (files / "again.py").write_text(MODELS + HOOKS)
    with pytest.raises(UsageError, match=r"^'hooked' is a model of plugin hooks.py; give yours an"):
        _names(["hooks.py", "again.py"])


def test_an_unknown_option_is_an_error(files: Path, tiny: str) -> None:
    with pytest.raises(
        UsageError, match=r"^model Mine has no option 'dimm'; did you mean 'dim'[?]"
    ):
        recbench.run("mine.py:Mine:dimm=3", tiny, results=None)


def test_a_broken_hook_is_named(files: Path) -> None:
    (files / "hooks.py").write_text(MODELS + HOOKS.replace("recbench_models", "recbench_model"))
    with pytest.raises(RecbenchError, match=r"^hooks.py: it implements an unknown hook"):
        _names("hooks.py:hooked")


def test_models_of_two_files_are_told_apart_and_used_again(files: Path, busy: str) -> None:
    (files / "b.py").write_text(MODELS.replace("* near.SIGN", "* -near.SIGN"))
    same: dict[str, Any] = {"results": "results", "ks": 5}
    models = ["mine.py:Mine", "b.py:Mine:dim=3", "b.py:make"]
    first, other, made = recbench.run(models, busy, **same)
    assert [row.model for row in (first, other, made)] == [
        "mine.py:Mine",
        "b.py:Mine:dim=3",
        "make",
    ]
    assert first.value("ndcg", 5).mean > other.value("ndcg", 5).mean == made.value("ndcg", 5).mean
    again = recbench.run(models, busy, **same)
    assert len(again.reused) == 3
    comparison = recbench.compare("mine.py:Mine", "b.py:Mine:dim=3", results="results", ks=5)[0]
    assert comparison.paired.difference > 0
    with pytest.raises(
        UsageError, match=r"To run both: recbench run mine.py:Needs:size=3 popular$"
    ):
        recbench.compare("mine.py:Needs:size=3", "popular", results="results")
    assert recbench.verify("results", models=models).holds
    (files / "near.py").write_text("SIGN =-1\n")
    edited = recbench.run(models, busy, **same)
    assert not edited.reused
    assert edited[0].value("ndcg", 5).mean == other.value("ndcg", 5).mean


def test_a_model_of_a_file_answers_questions(files: Path, busy: str) -> None:
    asked: dict[str, Any] = {"dataset": busy, "user": "100", "k": 2, "results": None}
    assert recbench.recommend("mine.py:Mine:dim=2", **asked).origin.startswith("Mine:dim=2 (split")
    with pytest.raises(UsageError, match=r"recommends: recbench recommend mine.py:Mine:dim=2$"):
        recbench.explain("mine.py:Mine:dim=2", **asked)
    with pytest.raises(UsageError, match=r"name a single model, not 2 \(Mine:dim=2, Mine:dim=3\)"):
        recbench.recommend("mine.py:Mine:dim=2|3", **asked)


def test_a_file_that_is_moved_with_what_it_imports_is_the_same_code(files: Path) -> None:
    def version(text: str) -> str:
        plugins, (name,) = with_models(load_plugins(), text)
        return plugins.find("models", name.partition(":")[0]).source_version()

    moved = files / "moved to"
    moved.mkdir()
    for name in ("mine.py", "near.py"):
        (moved / name).write_bytes((files / name).read_bytes())
    assert version("mine.py:Mine") == version("moved to/mine.py:Mine:dim=4")
    (moved / "near.py").write_text("SIGN = -1\n")
    assert version("mine.py:Mine") != version("moved to/mine.py:Mine")


def test_a_class_of_another_file_is_not_an_edit(
    files: Path, tiny: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="recbench")
    for text in ("mine.py:Mine", "b.py:Mine", "mine.py:Mine"):
        recbench.run(text, tiny, in_process=True)
    (files / "mine.py").write_text(f"{MODELS}# edited\n")
    recbench.run("mine.py:Mine", tiny, in_process=True)
    reasons = [each.getMessage() for each in caplog.records if "Mine: " in each.getMessage()]
    assert [each for each in reasons if "running again" in each] == [
        "Mine: running again: its stored result is of another plugin, mine.py",
        "Mine: running again: the code of plugin mine.py has changed",
    ]
    assert sum("using the stored result" in each for each in reasons) == 1


def test_a_name_of_a_plugin_is_changed_in_the_file(files: Path) -> None:
    (files / "mine.py").write_text(MODELS.replace("Mine", "popular"))
    with pytest.raises(UsageError, match=r"^'popular' is a model of plugin popular; rename the on"):
        _names("mine.py:popular")


def test_files_beside_a_model_that_are_called_like_modules_do_not_harm_its_process(
    files: Path, tiny: str
) -> None:
    for name in ("random", "numpy", "secrets"):
        (files / f"{name}.py").write_text("1 / 0\n")
    (result,) = recbench.run("mine.py:Mine", tiny, results=None)
    assert result.status == "ok"
