"""What is in a .py file: its own public classes and functions, loaded once per command."""

from pathlib import Path

import pytest

from recbench import UsageError, load_plugins
from recbench.given.files import has_hooks, loaded, member, own_classes, own_functions
from recbench.plugins import current_plugins

TEXT = """
from pathlib import Path
from shutil import copy
import abc, recbench

class Mine: ...
class _Hidden: ...
class Abstract(abc.ABC):
    @abc.abstractmethod
    def method(self): ...
def make(): ...
Alias = Mine
"""


def test_what_a_file_has_of_its_own(place: Path) -> None:
    (place / "mine.py").write_text(TEXT)
    plugins = load_plugins()
    module = loaded(plugins, "mine.py")
    assert loaded(plugins, str(place / "mine.py")) is module
    assert loaded(current_plugins(plugins), "mine.py") is not module
    assert list(own_classes(module)) == ["Mine"]
    assert list(own_functions(module)) == ["make"]
    assert not has_hooks(plugins, module)
    assert member(module, "mine.py", "_Hidden", (), "model") is module._Hidden
    with pytest.raises(UsageError, match=r"^mine\.py has no model 'hoked'; did you mean 'hooked'"):
        member(module, "mine.py", "hoked", ["hooked"], "model")
