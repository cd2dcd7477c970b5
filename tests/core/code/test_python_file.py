"""Files that are loaded by their path: always as they are now, with the files beside them."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recbench import UsageError
from recbench.code.python_file import FILES, found_in, is_python_file, load_file, loaded


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Undo what loading changes in this process."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
            FILES.pop(name, None)


def _write(folder: Path, **texts: str) -> str:
    """Write files, and return the path of the first one."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    return str(folder / f"{next(iter(texts))}.py")


def test_a_file_and_what_it_imports_are_loaded_as_they_are_now(tmp_path: Path) -> None:
    path = _write(tmp_path, mine="import near\nK = 1\n", near="K = 1\n")
    first = load_file(path)
    _write(tmp_path, mine="import near\nK = 2\n", near="K = 2\n")  # same size, same second
    second = load_file(path)
    assert (first.K, first.near.K, second.K, second.near.K) == (1, 1, 2, 2)
    assert first.__name__ == second.__name__
    assert sys.modules[first.__name__] is second
    assert not (tmp_path / "__pycache__").exists()


def test_files_of_two_folders_get_what_is_beside_each(tmp_path: Path) -> None:
    paths = [
        _write(tmp_path / folder, mine="import near\nK = near.K\n", near=f"K = {folder!r}\n")
        for folder in "ab"
    ]
    modules = [load_file(path) for path in paths]
    assert [module.K for module in modules] == ["a", "b"]
    assert len({module.__name__ for module in modules}) == 2
    assert sys.path[0] == str(tmp_path / "b")


def test_the_name_of_a_module_hides_no_other(tmp_path: Path) -> None:
    import random

    assert load_file(_write(tmp_path, random="K = 1\n")) is not random
    assert sys.modules["random"] is random


def test_a_file_that_fails_leaves_no_module(tmp_path: Path) -> None:
    before = set(sys.modules)
    with pytest.raises(ZeroDivisionError):
        load_file(_write(tmp_path, mine="1 / 0\n"))
    assert set(sys.modules) == before


def test_a_missing_file_is_refused_with_a_hint(tmp_path: Path) -> None:
    path = _write(tmp_path, my_model="")
    for wrong, hint in (("mymodel.py", "did you mean .*my_model.py"), ("x.py", "check the path")):
        with pytest.raises(UsageError, match=f"there is no file '.*{wrong}'; {hint}"):
            load_file(path.replace("my_model.py", wrong))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").mkdir()
    with pytest.raises(UsageError, match=r"mine\.py' is a folder; name a \.py file in it$"):
        load_file(str(tmp_path / "mine.py"))


def test_a_model_s_process_loads_a_file_once(tmp_path: Path) -> None:
    path = _write(tmp_path, mine="class A:\n    class B: pass\n")
    assert loaded(path) is loaded(path)
    assert found_in(path, "A.B") is loaded(path).A.B


def test_a_path_may_begin_with_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "HOME", str(tmp_path))
    _write(tmp_path, mine="K = 3\n")
    assert load_file("~/mine.py").K == 3


def test_only_py_files_are_python_files() -> None:
    assert is_python_file("a/b.py")
    assert not is_python_file("log.csv")
    assert not is_python_file("popular")
