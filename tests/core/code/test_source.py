"""The source of a plugin: which files it has, which change its version, and code without a file."""

import functools
import hashlib
import importlib
import json
import py_compile
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import recbench_popular
from recbench import load_plugins
from recbench.code.python_file import load_file
from recbench.code.source import NO_SOURCE, Source, has_source, source_of

MODEL = "class Model:\n    def fit(self, train):\n        return self\n"

Install = Callable[..., ModuleType]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that writes files to a folder of the path and imports the first of them."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def installed(**texts: str) -> ModuleType:
        for name, text in texts.items():
            file = tmp_path / f"{name.replace('__', '/').replace('/init', '/__init__')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        importlib.invalidate_caches()
        first = next(iter(texts)).removesuffix("__init").replace("__", ".")
        return importlib.import_module(first)

    yield installed
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def _names(source: Source, folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in source.files]


def test_a_plugin_that_imports_no_other_has_the_digest_of_its_python_files() -> None:
    """So results that are stored already stay valid."""
    for name in ("popular", "random", "rules"):
        folder = Path(recbench_popular.__file__).parents[1] / f"recbench_{name}"
        digest = hashlib.sha256()
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.name.encode() + file.read_bytes())
        offer = load_plugins().find("models", name)
        assert offer.source_version() == f"{offer.version}+{digest.hexdigest()[:8]}"


def test_another_plugin_that_is_imported_belongs_to_the_source() -> None:
    files = load_plugins().find("models", "transformer").source.files
    folders = [file.parent.name for file in files if file.suffix == ".py"]
    assert folders == sorted(folders, key=["recbench_transformer", "recbench_rules"].index)
    assert set(folders) == {"recbench_transformer", "recbench_rules"}


def test_the_core_and_installed_libraries_do_not_belong_to_it() -> None:
    source = load_plugins().find("models", "rules").source
    assert {file.parent.name for file in source.files} == {"recbench_rules"}
    assert source.libraries == {"numpy", "scipy"}
    assert source.versions()["numpy"] == metadata.version("numpy")
    transformer = load_plugins().find("models", "transformer").source.versions()
    assert transformer["scikit-learn"] == metadata.version("scikit-learn")
    assert "rich" not in transformer


@pytest.mark.parametrize(
    ("line", "imported"),
    [
        ("import helper", "helper"),
        ("import helper as other", "helper"),
        ("from helper import thing", "helper"),
        ("from helper import *", "helper"),
        ("def late():\n    import helper", "helper"),
        ("try:\n    import helper\nexcept ImportError:\n    pass", "helper"),
        ("import kit.helper", "kit/helper"),
        ("from kit import helper", "kit/helper"),
        ("from kit.helper import thing", "kit/helper"),
    ],
)
def test_a_module_beside_a_single_file_belongs_to_its_source(
    install: Install, tmp_path: Path, line: str, imported: str
) -> None:
    texts = {"helper": "from deep import b\nthing = 1\n", "kit__helper": "import deep\nthing = 1\n"}
    mine = install(mine=f"{line}\n{MODEL}", **texts, deep="b = 1\n", unused="")
    source = source_of(mine.Model)
    assert _names(source, tmp_path) == ["mine.py", "deep.py", f"{imported}.py"]
    before = source.digest()
    (tmp_path / "deep.py").write_text("b = 2\n")
    assert source_of(mine.Model).digest() not in (before, "")
    (tmp_path / "unused.py").write_text("b = 2\n")
    assert source_of(mine.Model).digest() == source_of(mine.Model).digest()


def test_all_files_of_a_package_count_except_documentation_and_caches(
    install: Install, tmp_path: Path
) -> None:
    pack = install(pack__init=f"from .deep.inner import a\n{MODEL}", pack__deep__inner="a = 1\n")
    for name, counts in {
        "weights.bin": True,
        "deep/settings.yaml": True,
        "deep/native.so": True,
        "README.md": False,
        "notes.rst": False,
        "lesson.ipynb": False,
        ".hidden/x.json": False,
        "__pycache__/x.pyc": False,
        "deep/inner.pyc": False,
    }.items():
        before = source_of(pack.Model).digest()
        (tmp_path / "pack" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "pack" / name).write_text("new")
        assert (source_of(pack.Model).digest() != before) is counts, name


def test_a_package_without_init_is_no_unit(install: Install, tmp_path: Path) -> None:
    mine = install(space__mine=f"from .near import a\n{MODEL}", space__near="a = 1", space__far="")
    assert _names(source_of(mine.Model), tmp_path) == ["space/mine.py", "space/near.py"]


def test_a_plugin_without_python_files_is_known_by_its_compiled_files(
    install: Install, tmp_path: Path
) -> None:
    digests = []
    for number in (1, 2):
        (tmp_path / "text.py").write_text(f"{MODEL}    k = {number}\n")
        (tmp_path / f"folder{number}").mkdir()
        py_compile.compile(str(tmp_path / "text.py"), str(tmp_path / f"folder{number}/only.pyc"))
        sys.path.insert(0, str(tmp_path / f"folder{number}"))
        sys.modules.pop("only", None)
        only = importlib.import_module("only")
        digests.append(source_of(only.Model).digest())
        sys.path.pop(0)
    assert "" not in digests
    assert digests[0] != digests[1]


# Code that is in no file


def test_code_that_was_typed_has_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    exec(MODEL + "make = lambda: Model()\n", notebook.__dict__)
    for factory in (notebook.Model, notebook.make, functools.partial(notebook.Model)):
        assert source_of(factory) == Source()
        assert source_of(factory, "recbench_popular") == Source(), "the hook may be in a file"
    exec(
        "class Other(Model): pass", notebook.__dict__ | {"__name__": "builtins"}, notebook.__dict__
    )
    assert source_of(notebook.Other).digest() == ""
    assert source_of(dict).digest() == ""


def test_code_that_was_typed_where_a_file_is_the_main_module_has_no_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in `python -i script.py`, and in shells that are programs themselves."""
    exec(MODEL, vars(sys.modules["__main__"]))
    typed = vars(sys.modules["__main__"]).pop("Model")
    assert source_of(typed) == source_of(typed, "__main__") == Source()


def test_a_factory_whose_attributes_raise_has_no_source() -> None:
    class Odd:
        def __getattr__(self, name: str) -> Any:
            raise SystemError(name)

        def __call__(self) -> None: ...

    assert source_of(Odd()) == Source()


def test_a_class_that_is_executed_or_generated_in_a_module_with_a_file_has_none(
    install: Install,
) -> None:
    mine = install(mine=MODEL)
    assert source_of(mine.Model).digest()
    base = mine.Model
    exec(MODEL.replace("self\n", "None\n"), mine.__dict__)
    assert source_of(mine.Model).digest() == ""
    mine.Model = base
    exec("class Quiet(Model):\n    k = 5", mine.__dict__)
    assert source_of(mine.Quiet).digest() == ""


def test_code_that_was_edited_since_its_import_has_no_source(
    install: Install, tmp_path: Path
) -> None:
    """In a long session, the class is the old one and the file is new."""
    mine = install(mine=MODEL)
    (tmp_path / "mine.py").write_text(MODEL.replace("self\n", "None\n"))
    assert source_of(mine.Model).digest() == ""
    assert source_of(importlib.reload(mine).Model).digest() != ""


def test_a_class_from_before_a_reload_has_no_source(install: Install, tmp_path: Path) -> None:
    """Its code is still that of the file, but its globals are not."""
    mine = install(mine=f"K = 1\n{MODEL}")
    old = mine.Model
    (tmp_path / "mine.py").write_text(f"K = 2\n{MODEL}")
    new = importlib.reload(mine).Model
    assert source_of(old).digest() == ""
    assert source_of(new).digest() != ""


def test_a_file_that_was_loaded_from_its_path_has_what_is_beside_it(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(near="K = 1\n")  # of the same name, and already imported
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.py").write_text(f"{MODEL}    def score(self, history): import near\n")
    (other / "near.py").write_text("import kit.deep\n")
    (other / "kit").mkdir()
    (other / "kit" / "__init__.py").write_text("")
    (other / "kit" / "deep.py").write_text("")
    monkeypatch.setattr(sys, "path", list(sys.path))
    source = source_of(load_file(str(other / "mine.py")).Model)
    assert _names(source, other) == ["mine.py", "kit/__init__.py", "kit/deep.py", "near.py"]


def test_code_in_the_values_of_options_belongs_to_the_source(
    install: Install, tmp_path: Path
) -> None:
    mine = install(mine=MODEL)
    other = install(other="class Inner: ...\ndef inner(): ...\n")
    for value in (other.Inner, other.inner, [other.Inner()]):
        factory = functools.partial(mine.Model)
        factory.option_values = {"text": value}  # type: ignore[attr-defined]
        assert _names(source_of(factory), tmp_path) == ["mine.py", "other.py"]
        factory.option_values["more"] = lambda: 3  # type: ignore[attr-defined]
        assert source_of(factory).digest() == ""
    plain = functools.partial(mine.Model)
    plain.option_values = {"text": [1, 2]}  # type: ignore[attr-defined]
    assert source_of(plain).digest() == source_of(mine.Model).digest()


def test_a_class_with_a_method_from_elsewhere_has_the_source_of_both(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = install(mine=MODEL)
    other = install(other="def score(self, history):\n    return None\n")
    monkeypatch.setattr(mine.Model, "score", other.score, raising=False)
    assert _names(source_of(mine.Model), tmp_path) == ["mine.py", "other.py"]
    typed: dict[str, Any] = {"__name__": "nowhere"}
    exec(compile("def score(self, history): ...", "<stdin>", "exec"), typed)
    monkeypatch.setattr(mine.Model, "score", typed["score"])
    assert source_of(mine.Model).digest() == ""


def test_a_plugin_object_whose_class_is_in_a_file_has_a_source(
    install: Install, tmp_path: Path
) -> None:
    text = (
        f"import recbench\n{MODEL}"
        "class Plugin:\n"
        "    @recbench.hookimpl\n"
        "    def recbench_models(self): return {'mine': Model}\n"
    )
    mine = install(mine=text)
    offer = load_plugins(mine=mine.Plugin()).find("models", "mine")
    assert _names(offer.source, tmp_path) == ["mine.py"]
    assert has_source(offer.source_version())


def test_a_class_of_a_library_is_known_by_the_file_of_the_plugin(
    install: Install, tmp_path: Path
) -> None:
    text = (
        "import json, recbench\n"
        "@recbench.hookimpl\n"
        "def recbench_models(): return {'mine': json.JSONDecoder}\n"
    )
    mine = install(mine=text)
    offer = load_plugins(mine=mine).find("models", "mine")
    assert _names(offer.source, tmp_path) == ["mine.py"]
    assert source_of(json.JSONDecoder).digest(), "without such a file by its own package"


@pytest.mark.parametrize(
    ("text", "make"),
    [
        ("import functools\n", lambda mine: functools.partial(mine.Model)),
        ("make = lambda: Model()\n", lambda mine: mine.make),
        ("def make(): return Model()\n", lambda mine: mine.make),
        ("class Shop:\n    def make(self): return Model()\n", lambda mine: mine.Shop().make),
        ("class Shop:\n    def __call__(self): return Model()\n", lambda mine: mine.Shop()),
        ("import dataclasses\n@dataclasses.dataclass\nclass D:\n    k: int = 3\n", lambda m: m.D),
        (
            "import abc\nclass A(abc.ABC):\n    @property\n    def k(self): return 1\n",
            lambda m: m.A,
        ),
    ],
)
def test_every_kind_of_factory_in_a_file_has_a_source(
    install: Install, tmp_path: Path, text: str, make: Callable[[Any], Any]
) -> None:
    mine = install(mine=MODEL + text)
    assert _names(source_of(make(mine)), tmp_path) == ["mine.py"]
    assert source_of(make(mine)).digest() == source_of(make(mine)).digest() != ""


def test_values_that_a_factory_got_at_run_time_belong_to_its_source(install: Install) -> None:
    text = (
        "def outer(k):\n"
        "    def make(): return k\n"
        "    return make\n"
        "def classes(k):\n"
        "    class Model:\n"
        "        def fit(self, train): return k\n"
        "    return Model\n"
        "class Shop:\n"
        "    def __init__(self, k): self.k = k\n"
        "    def make(self): return self.k\n"
    )
    mine = install(mine=MODEL + text)
    plain = source_of(mine.Model).digest()
    for make in (
        lambda k: functools.partial(mine.Model, k=k),
        mine.outer,
        mine.classes,
        lambda k: mine.Shop(k).make,
    ):
        digests = [source_of(make(k)).digest() for k in (3, 5, 3)]
        assert digests[0] == digests[2]
        assert len({*digests, plain, ""}) == 4
        assert source_of(make(lambda: 3)).digest() == "", "a value that cannot be compared"


def test_broken_files_do_not_matter_to_discovery(install: Install, tmp_path: Path) -> None:
    pack = install(pack__init=MODEL, pack__broken="def (:\n")
    assert _names(source_of(pack.Model), tmp_path) == ["pack/__init__.py", "pack/broken.py"]
    offer = load_plugins(mine=pack)  # has no hook
    assert offer.broken[-1].name == "mine"
    assert not has_source(f"1.0{NO_SOURCE}")


def test_what_objects_were_built_with_does_not_look_like_an_edit_of_their_file() -> None:
    first, second = (
        source_of(functools.partial(recbench_popular.Popular, rule=rule))
        for rule in ("rated", "all")
    )
    assert first.digest() != second.digest()
    assert first.is_as_loaded()
    assert second.is_as_loaded()
