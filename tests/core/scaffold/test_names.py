"""Which names a new plugin can have, and what its parts are called."""

from pathlib import Path
from typing import Any

import pytest

import recbench
from recbench.scaffold import new
from recbench.scaffold.names import NAME, check_name, names_of, renamed

PLUGINS = recbench.load_plugins()

CODE = {
    kind: [path.read_text() for path in sorted((new.TEMPLATES / kind).glob("*.py"))]
    for kind in new.KINDS
}


def refusal(name: Any, kind: str = "model", plugins: Any = PLUGINS) -> str:
    with pytest.raises(recbench.UsageError) as caught:
        check_name(name, kind, CODE[kind], plugins)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "package", "module", "class_name"),
    [
        ("my-model", "recbench-my-model", "recbench_my_model", "MyModel"),
        ("MyModel", "recbench-mymodel", "recbench_mymodel", "MyModel"),
        ("bprMF", "recbench-bprmf", "recbench_bprmf", "BprMF"),
        ("a.b+C_2--", "recbench-a-b-c-2", "recbench_a_b_c_2", "ABC2"),
        ("my-plugin_my_plugin", "recbench-my-plugin-my-plugin", None, "MyPluginMyPlugin"),
        ("x", "recbench-x", "recbench_x", "X"),
    ],
)
def test_the_parts_are_named_after_the_plugin(
    name: str, package: str, module: str | None, class_name: str
) -> None:
    names = names_of(name)
    module = module or package.replace("-", "_")
    variable = module.removeprefix("recbench_")
    assert [*names.values()] == [package, name, module, variable, class_name]
    text = "recbench-my-plugin my-plugin recbench_my_plugin test_my_plugin MyPlugin"
    assert renamed(text, names) == f"{package} {name} {module} test_{variable} {class_name}"
    for kind in new.KINDS:
        check_name(name, kind, CODE[kind], PLUGINS)


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "-a", "_a", ".a", "+", "...", "2x", "7", "é", "modèle", "模型", "a/b", "a\\b",
     "a:b", "a=b", "a\n", "a" * 101, "../a", "a,b", "a|b", "$a", None, 3, b"a"],
)  # fmt: skip
def test_a_name_has_letters_digits_and_a_few_other_characters(name: Any) -> None:
    assert refusal(name) == (
        f"{name!r} cannot be the name of a plugin. Use 1 to 100 letters from a to z, digits "
        "and characters of '-_.+', and begin with a letter"
    )
    assert NAME.fullmatch("a" * 100)


@pytest.mark.parametrize("name", ["mine.py", "MINE.PY"])
def test_a_name_that_would_be_read_as_a_file(name: str) -> None:
    assert refusal(name) == (
        f"{name!r} cannot be the name of a plugin, as it would be read as a file. Leave out "
        f"{name[-3:]!r}"
    )


@pytest.mark.parametrize(
    ("name", "word"),
    [("class", "class"), ("Lambda", "lambda"), ("none", "None"), ("is-", "is")],
)
def test_words_of_python(name: str, word: str) -> None:
    for kind in new.KINDS:
        assert refusal(name, kind) == (
            f"{name!r} cannot be imported: {word!r} is a word of Python; choose another name"
        )


@pytest.mark.parametrize(
    ("kind", "name", "word"),
    [
        ("metric", "np", "np"),
        ("metric", "k", "k"),
        ("metric", "gains", "gains"),
        ("metric", "check-metric", "check_metric"),
        ("table", "line", "line"),
        ("table", "Results", "results"),
        ("table", "zip", "zip"),
        ("dataset", "read", "read"),
        ("dataset", "print", "print"),
        ("model", "value-error", "ValueError"),
        ("splitter", "exception", "Exception"),
        ("table", "recbench-run-finished", "recbench_run_finished"),
        ("executor", "process-pool-executor", "ProcessPoolExecutor"),
    ],
)
def test_names_that_the_code_needs_for_something_else(kind: str, name: str, word: str) -> None:
    assert refusal(name, kind) == (
        f"{name!r} cannot be used: its code needs another {word!r}; choose another name"
    )


def test_such_names_are_free_where_the_code_does_not_use_them() -> None:
    check_name("np", "model", CODE["model"], PLUGINS)  # the class is called Np
    check_name("print", "tracker", CODE["tracker"], PLUGINS)  # the class is called Print
    check_name("gains", "table", CODE["table"], PLUGINS)


@pytest.mark.parametrize(
    ("kind", "name", "taken"),
    [
        ("model", "rules", "the installed plugin rules"),
        ("metric", "Movie.Lens", None),
        ("metric", "MovieLens", "the installed plugin movielens"),
        ("splitter", "Leave_Last.Out", "the splitter leave-last-out (plugin splitters)"),
        ("splitter", "leave-one-out", "the splitter leave-last-out (plugin splitters)"),
        ("model", "leave-last-out", None),
        ("dataset", "ml-100k", "the dataset ml-100k (plugin movielens)"),
        ("metric", "NDCG", "the metric ndcg (plugin metrics)"),
        ("table", "markdown", "the table markdown (plugin tables)"),
        ("tracker", "toolkit", "the installed package recbench-toolkit"),
        ("tracker", "NumPy", "the module numpy, which Python can import already"),
        ("model", "json", "the module json, which Python can import already"),
        ("tracker", "recbench", "the module recbench, which Python can import already"),
        ("model", "sys", "the module sys, which Python can import already"),
    ],
)
def test_names_that_are_taken(kind: str, name: str, taken: str | None) -> None:
    if taken is None:
        check_name(name, kind, CODE[kind], PLUGINS)
    else:
        assert refusal(name, kind) == f"the name {name!r} is taken by {taken}; choose another name"


def test_the_name_of_a_broken_plugin_is_taken() -> None:
    plugins = recbench.load_plugins(my_idea=object())
    assert plugins.broken
    assert "is taken by the installed plugin my_idea" in refusal("my-idea", plugins=plugins)


def test_a_module_beside_is_found_and_an_empty_folder_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "recbench_mine.py").touch()
    (tmp_path / "notes").mkdir()
    assert "is taken by the module recbench_mine, " in refusal("mine")
    check_name("notes", "model", CODE["model"], PLUGINS)
