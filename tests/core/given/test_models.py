"""Models that are given as objects or files: what is run, its name, and what is refused."""

import functools
import importlib
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import recbench
import recbench_random
from recbench import Interactions, RecbenchError, Results, UsageError, load_plugins
from recbench.cli.main import main
from recbench.given.models import with_model, with_models
from recbench_popular import Popular


class Mine(Popular):
    """A model with options of several types."""

    def __init__(
        self,
        dim: int = 16,
        rate: float = 0.5,
        layers: tuple[int, ...] = (8, 8),
        weights: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.dim, self.rate, self.layers, self.weights, self.seed = dim, rate, layers, weights, seed

    def score(self, history: Interactions) -> Any:
        scores = np.asarray(super().score(history), dtype=float)
        return scores if self.weights is None else scores * self.weights


class Backwards(Popular):
    """The worst recommendations; unless it was fitted before, and kept what it has learned."""

    def fit(self, train: Interactions) -> Any:
        self.fits = getattr(self, "fits", 0) + 1
        return super().fit(train)

    def score(self, history: Interactions) -> Any:
        return np.asarray(super().score(history)) * (1 if self.fits > 1 else -1)


class Needs(Popular):
    def __init__(self, n: int, *, inner: Any = None) -> None:
        super().__init__()
        self.n, self.inner = n, inner


def make() -> Popular:
    return Popular()


def _run(models: Any, dataset: Any, **more: Any) -> Results:
    given = {"in_process": True, "results": None, **more}
    return recbench.run(models, dataset, **given)


def _names(models: Any) -> list[str]:
    return with_models(load_plugins(), models)[1]


REVERSED = -np.ones(1)


@pytest.mark.parametrize(
    ("models", "names"),
    [
        ("popular", ["popular"]),
        (Mine, ["Mine"]),
        ([Mine, "popular"], ["Mine", "popular"]),
        ((model for model in [Mine, make]), ["Mine", "make"]),
        (make, ["make"]),
        (Mine(), ["Mine"]),
        (Mine(16), ["Mine"]),
        ([Mine(dim=32, rate=1)], ["Mine:dim=32,rate=1"]),
        ([Mine(np.int64(32))], ["Mine:dim=32"]),  # type: ignore[arg-type]
        ([Mine(layers=[4, 5])], ["Mine:layers=4,5"]),  # type: ignore[arg-type]
        ([Mine(weights=[1, 2])], ["Mine:weights=[1,2]"]),
        ([Mine(weights="x,dim=3")], ["Mine:weights=xdim3-*"]),
        ([Mine(weights="3")], ["Mine:weights=3-*"]),
        ([Mine(dim=None)], ["Mine:dim=None-*"]),  # type: ignore[arg-type]
        ([Mine(weights=REVERSED)], ["Mine:weights=ndarray-*"]),
        ([Mine(weights=np.mean)], ["Mine:weights=mean-*"]),
        ([Mine(weights=lambda: 3)], ["Mine:weights=lambda-*"]),
        ([Mine(seed=3), Mine(seed=0)], ["Mine:seed=3", "Mine"]),
        (Needs(3), ["Needs:n=3"]),
        (functools.partial(Needs, 3), ["Needs:n=3"]),
        (functools.partial(Needs, inner=Mine, n=3), ["Needs:inner=Mine-*,n=3"]),
        ({"a": Mine(dim=8), "b": Mine, "c": make, "d": lambda: Mine(3)}, ["a", "b", "c", "d"]),
        ({"a": "transformer:dim=8", "b": Mine(seed=3)}, ["a", "b:seed=3"]),
        ([Mine, {"a": Mine}], ["Mine", "a"]),
        (recbench_random, ["random"]),
    ],
)
def test_every_form_of_a_model_has_a_name(models: Any, names: list[str]) -> None:
    found = _names(models)
    assert len(found) == len(names)
    for text, pattern in zip(found, names, strict=True):
        start, star, _ = pattern.partition("*")
        assert text.startswith(start) if star else text == pattern


def test_the_digest_of_a_value_is_that_of_its_content() -> None:
    first, again, other = (
        _names(Mine(weights=array))[0] for array in (np.arange(3), np.arange(3), np.arange(4))
    )
    assert first == again != other


def test_several_objects_of_a_class_are_rows_with_their_own_values(busy: str) -> None:
    models = [Mine(), Mine(weights=REVERSED), Mine(seed=3), {"mine": Mine(weights=REVERSED)}]
    results = _run([*models, "popular"], busy, in_process=False, ks=3, seed=[0, 1])
    assert [result.status for result in results] == ["ok"] * 8
    seeds = [(result.model.partition("=")[0], result.seed) for result in results]
    assert seeds == [
        *(("Mine", 0), ("Mine", 1), ("Mine:weights", 0), ("Mine:weights", 1), ("Mine:seed", 3)),
        *(("mine", 0), ("mine", 1), ("popular", None)),
    ]
    ndcg = [result.value("ndcg", 3).mean for result in results]
    assert ndcg[0] == ndcg[4] == ndcg[-1]
    assert ndcg[2] == ndcg[5] < ndcg[0]


def test_what_an_object_has_learned_is_not_used_and_the_object_is_not_changed(
    tiny: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = Backwards()
    model.fit(recbench.split(tiny).train)
    before = dict(vars(model))
    for in_process in (True, False):
        caplog.clear()
        fitted, new = _run({"fitted": model, "new": Backwards}, tiny, in_process=in_process)
        assert fitted.values == new.values
        assert [message for message in caplog.messages if "was fitted" in message] == [
            (
                "fitted: this object was fitted or changed after it was built (fits, n_parameters, "
                "popularity_); a new one is built with the same parameters and fitted"
            )
        ]
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[key] is value for key, value in before.items())


class NoScore:
    def fit(self, train: Any) -> "NoScore":
        return self


class NoFit:
    def score(self, history: Any) -> Any: ...


class TakesTwo(NoScore):
    def fit(self, train: Any, targets: Any) -> "TakesTwo":  # type: ignore[override]
        return self

    def score(self, history: Any) -> Any: ...


def _sklearn() -> Any:
    from sklearn.cluster import KMeans

    return KMeans()


def _torch() -> Any:
    import torch

    return torch.nn.Linear(2, 2)


def _named(name: str) -> type:
    return type(name, (Popular,), {})


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "None": (lambda: [None], "None is not a model; give a name, a class, an object, a function"),
    "int": (lambda: 5, "an object of type int is not a model; give a name"),
    "frame": (lambda: pd.DataFrame({"a": [1]}), "an object of type DataFrame is not a model; give"),
    "object": (
        object,
        "an object of type object is not a model: it has no fit.train., and no",
    ),
    "no score": (
        lambda: [NoScore],
        "class NoScore is not a model: it has no score.history.",
    ),
    "no fit": (
        lambda: [NoFit()],
        r"object of type NoFit is not a model: it has no fit\(train\)$",
    ),
    "torch": (_torch, "an object of type Linear is not a model: it has no fit"),
    "sklearn": (
        _sklearn,
        "KMeans is not a model: its fit takes X, y, sample_weight. Write a",
    ),
    "two": (lambda: TakesTwo, "TakesTwo is not a model: its fit takes train, targets"),
    "needs": (lambda: Needs, r"Needs needs a value of 'n'; give an object, as in Needs\(n=...\)"),
    "partial": (lambda: functools.partial(Needs, inner=3), "Needs needs a value of 'n'"),
    "misfit": (
        lambda: functools.partial(Mine, size=3),  # type: ignore[call-arg]
        "does not fit: got an unexpected keyword",
    ),
    "lambda": (
        lambda: [lambda: Mine(3)],
        r"a lambda is not a valid name .* as in {'mine': ...}$",
    ),
    "private": (
        lambda: [_named("_Private")],
        "'_Private' is not a valid name for a model. Give it",
    ),
    "space": (lambda: {"a b": Mine}, "'a b' is not a valid name for a model"),
    "number": (lambda: {3: Mine}, "3 is not a valid name for a model"),
    "list": (lambda: {"a": [Mine]}, "an object of type list is not a model"),
    "namesakes": (
        lambda: [_named("Same"), _named("Same")],
        "two models are called 'Same'; rename one, or name both in Python, as in {'first': ...",
    ),
    "installed": (
        lambda: [_named("popular")],
        "'popular' is a model of plugin popular; give yours another name, as in {'my-popular': ...",
    ),
    "key": (lambda: {"popular": Mine}, "'popular' is a model of plugin popular"),
    "option": (lambda: {"a": "transformer:dimm=3"}, "has no option 'dimm'; did you mean 'dim'"),
    "csv": (lambda: Path("log.csv"), "'log.csv' is not a .py file; give"),
    "gone": (lambda: "gone.py", "there is no file 'gone.py'; check the path"),
    "module": (lambda: json, "json has no model: it has no class with fit"),
    "nothing": (list, "name at least one model"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_model_is_refused_in_one_line(case: str) -> None:
    given, message = WRONG[case]
    with pytest.raises(UsageError, match=message) as error:
        _run(given(), "gone.csv")
    assert len(str(error.value)) < 300


def test_a_single_model_is_asked_for() -> None:
    assert with_model(load_plugins(), Mine(3))[1] == "Mine:dim=3"
    with pytest.raises(UsageError, match=r"name a single model, not 2 \(Mine, make\)"):
        with_model(load_plugins(), [Mine, make])


def test_plugins_that_were_given_stay(tiny: str) -> None:
    plugins = load_plugins(mine=types.SimpleNamespace(recbench_metrics=_metrics))
    result = _run([Mine], tiny, plugins=plugins, metrics=["first"])[0]
    assert result.value("first", 3).mean == 1.0
    assert "Mine" not in plugins.names("models")


@recbench.hookimpl
def _metrics() -> dict[str, Any]:
    return {"first": lambda ranking, k: np.ones(len(ranking))}


def test_a_class_that_is_typed_again_is_run_again(
    busy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    text = "class Typed(Popular):\n    def score(self, h): return SIGN * super().score(h)\n"
    values = []
    for sign in (1, -1):
        space = {"__name__": "__main__", "Popular": Popular, "SIGN": sign}
        exec(text, space)
        result = _run(space["Typed"], busy, results="results", in_process=False)[0]
        assert result.plugin == "__main__"
        values.append(result.value("ndcg", 10).mean)
    assert values[0] > values[1]


# Files and modules


FILE = """
import numpy as np
import near

class _Base:
    pass

class Filed(_Base):
    def __init__(self, dim: int = 16):
        self.dim = dim

    def fit(self, train):
        import late
        self.pop_ = train.popularity * near.SIGN * late.SIGN * 1
        return self

    def score(self, history):
        return np.tile(self.pop_, (len(history), 1))
"""

HOOKS = """
import recbench
@recbench.hookimpl
def recbench_models():
    return {"filed": Filed, "other": lambda: Filed(3)}
"""


@pytest.fixture
def folder(place: Path) -> Path:
    """A folder with a model and the modules that it imports; it is the current one."""
    (place / "filed.py").write_text(FILE)
    (place / "near.py").write_text("SIGN = 1\n")
    (place / "late.py").write_text("SIGN = 1\n")
    return place


def test_a_file_is_a_model(folder: Path, tiny: str) -> None:
    models = ["filed.py", folder / "filed.py", "./filed.py:dim=32", {"mine": "filed.py:dim=3"}]
    results = _run([*models, "popular"], tiny, in_process=False)
    assert [(result.model, result.plugin, result.status) for result in results] == [
        ("Filed", "filed.py", "ok"),
        ("Filed:dim=32", "filed.py", "ok"),
        ("mine", "filed.py", "ok"),
        ("popular", "popular", "ok"),
    ]
    assert results[0].values == results[2].values == results[3].values


@pytest.mark.parametrize("name", ["filed", "near", "late"])
@pytest.mark.parametrize("in_process", [False, True])
def test_a_file_is_reused_until_it_or_a_file_beside_it_is_edited(
    folder: Path, busy: str, name: str, in_process: bool
) -> None:
    def ndcg(*, reused: bool = False) -> float:
        results = _run("filed.py", busy, results="results", in_process=in_process)
        assert bool(results.reused) is reused
        return float(results[0].value("ndcg", 10).mean)

    first = ndcg()
    assert ndcg(reused=True) == first
    file = folder / f"{name}.py"
    old, new = ("* 1", "*-1") if name == "filed" else ("= 1", "=-1")
    file.write_text(file.read_text().replace(old, new))
    if name == "late" and in_process:
        sys.modules.pop("late")  # what `fit` imports is not loaded again in this process
    assert ndcg() < first


def test_two_files_of_one_name_have_what_is_beside_each(folder: Path, busy: str) -> None:
    other = folder / "other"
    other.mkdir()
    (other / "filed.py").write_text(FILE)
    (other / "near.py").write_text("SIGN = -1\n")
    (other / "late.py").write_text("SIGN = 1\n")
    models = {"one": "filed.py", "two": "other/filed.py"}
    one, two = _run(models, busy, in_process=False, results="results")
    assert (one.plugin, two.plugin) == ("filed.py", "filed.py (given)")
    assert one.value("ndcg", 10).mean > two.value("ndcg", 10).mean
    (folder / "near.py").write_text("SIGN = -1\n")
    again = _run(models, busy, in_process=False, results="results")
    assert again[0].values == two.values
    with pytest.raises(UsageError, match="two models are called 'Filed'; rename one"):
        _run(["filed.py", "other/filed.py"], busy)


def test_a_file_with_hooks_adds_all_its_models(folder: Path, tiny: str) -> None:
    (folder / "filed.py").write_text(FILE + HOOKS)
    results = _run(["filed.py", "popular"], tiny, in_process=False)
    assert [result.model for result in results] == ["filed", "other", "popular"]
    assert results[0].values == results[1].values == results[2].values
    with pytest.raises(UsageError, match=r"filed.py has several models \(filed, other\); name one"):
        _run("filed.py:dim=3", tiny)
    (folder / "filed.py").write_text(FILE + HOOKS.replace("filed", "popular"))
    with pytest.raises(UsageError, match="'popular' is a model of plugin popular"):
        _run("filed.py", tiny)
    (folder / "filed.py").write_text(FILE + HOOKS.replace("models", "model"))
    with pytest.raises(RecbenchError, match=r"^filed\.py: it implements an unknown hook"):
        _run("filed.py", tiny)


def test_a_file_with_several_classes_is_refused_and_a_module_adds_them(
    folder: Path, tiny: str
) -> None:
    (folder / "filed.py").write_text(f"{FILE}\nclass Second(Filed): ...\n")
    with pytest.raises(UsageError, match=r"filed.py has several models \(Filed, Second\)"):
        _run("filed.py", tiny)
    module = importlib.import_module("filed")
    results = _run(module, tiny, in_process=False)
    assert [(result.model, result.plugin, result.status) for result in results] == [
        ("Filed", "filed", "ok"),
        ("Second", "filed", "ok"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("K = 1\n", r"^filed.py has no model: it has no class with fit\(train\), and score\("),
        (
            "class Mine:\n    def fit(self, train): ...\n    def scores(self, history): ...\n",
            r"^filed.py has no model: class Mine has no score\(history\) or recommend\(",
        ),
        ("1 / 0\n", "^file filed.py failed: ZeroDivisionError: division by zero .filed.py, line 1"),
        ("def (:\n", "^file filed.py failed: SyntaxError: invalid syntax .filed.py, line 1"),
        ("import sys; sys.exit(3)\n", "^file filed.py failed: SystemExit: 3"),
        (
            "import os; os._exit(3)\n",
            "^file filed.py failed: it calls os._exit when it is imported; remove that call",
        ),
    ],
)
def test_a_file_that_fails_is_named(folder: Path, text: str, message: str) -> None:
    (folder / "filed.py").write_text(text)
    with pytest.raises(RecbenchError, match=message):
        _run("filed.py", "gone.csv")


def test_a_file_on_the_command_line(
    folder: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = {
        "run filed.py:dim=3 popular": (0, "Filed:dim=3 "),
        "recommend filed.py --user u0 --k 2": (0, "Filed "),
        "run field.py popular": (2, "there is no file 'field.py'; did you mean 'filed.py'?"),
        "run filed.py:dimm=3": (2, "model Filed has no option 'dimm'; did you mean 'dim'?"),
    }
    for line, (code, text) in lines.items():
        with pytest.raises(SystemExit) as stop:
            main([*line.split(), "--dataset", tiny, "--in-process"])
        assert stop.value.code == code
        out, err = capsys.readouterr()
        assert text in (err if code else out)


def test_objects_of_a_file_hold_values_of_its_own_classes(folder: Path, tiny: str) -> None:
    inner = "\nclass Inner:\n    pass\n\nclass Second(Filed):\n"
    text = f"{FILE}{inner}    def __init__(self, inner=None): self.inner = inner\n"
    (folder / "second.py").write_text(text)
    second = importlib.import_module("second")
    results = _run([second.Second(second.Inner())], tiny, in_process=False)
    assert results[0].ok, results[0].status
    assert results[0].model.startswith("Second:inner=Inner-")
