"""Provenance: what each result records so that it can be reproduced."""

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench
from recbench import Interactions, Store, load_plugins
from recbench.store import provenance


def _git(folder: Path, *args: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c", *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module and the folder of a plugin in a separate git repository."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "own_model.py").write_text(
        "import numpy as np, recbench\n"
        "class Own:\n"
        "    def fit(self, train): return self\n"
        "    def score(self, history): return np.zeros((len(history), history.n_items))\n"
        "@recbench.hookimpl\n"
        "def recbench_models(): return {'own': Own}\n"
    )
    _git(folder, "init", "-q")
    _git(folder, "add", ".")
    _git(folder, "commit", "-qm", "first")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "own_model", raising=False)
    import own_model

    provenance._commit.cache_clear()
    yield own_model, folder
    provenance._commit.cache_clear()
    sys.modules.pop("own_model", None)


def test_every_result_has_a_complete_provenance(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/recbench", "run", "popular", "--dataset", "a b"])
    (result,) = recbench.run(["popular"], tiny)
    (stored,) = Store("results").all()
    assert stored.provenance == result.provenance
    made = stored.provenance
    assert made["versions"]["python"] == platform.python_version()
    assert made["versions"]["numpy"] == np.__version__
    assert made["versions"]["recbench"] == metadata.version("recbench-toolkit")
    assert {"torch", "recbench", "plugin popular"} <= made["versions"].keys()
    assert made["versions"]["plugin popular"] == result.model_version
    assert made["machine"]["cores"] == os.cpu_count()
    assert made["machine"]["processor"]
    assert made["machine"]["memory"] > 2**28
    assert {"system", "gpu"} <= made["machine"].keys()
    assert made["threads"] >= 1
    assert made["command"] == "recbench run popular --dataset 'a b'"
    assert made["dataset"] == tiny
    for sha in (stored.setting.dataset_sha256, stored.setting.split_sha256):
        assert len(sha) == 64
    assert stored.finished.startswith("20")


def test_versions_are_read_without_importing_torch() -> None:
    code = (
        "import sys; from recbench.store.provenance import provenance; made = provenance(None);"
        "assert made['versions']['torch'] and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_commit_of_a_plugin_is_recorded_and_marked_if_files_were_changed(
    own: Any, tiny: str
) -> None:
    module, folder = own
    commit = _git(folder, "rev-parse", "HEAD")
    plugins = load_plugins(own=module)
    (result,) = recbench.run(["own"], tiny, plugins=plugins)
    assert result.provenance["commits"]["plugin own"] == commit
    (folder / "own_model.py").write_text((folder / "own_model.py").read_text() + "# changed\n")
    provenance._commit.cache_clear()
    (result,) = recbench.run(["own"], tiny, plugins=plugins, force=True)
    assert result.provenance["commits"]["plugin own"] == f"{commit}+"


def test_git_variables_of_another_repository_are_ignored(
    own: Any, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git hook runs with such variables."""
    module, folder = own
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    _git(elsewhere, "init", "-q")
    commit = _git(folder, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(elsewhere / ".git"))
    (result,) = recbench.run(["own"], tiny, plugins=load_plugins(own=module))
    assert result.provenance["commits"]["plugin own"] == commit


def test_untracked_files_have_no_commit(tmp_path: Path) -> None:
    """The commit of a surrounding repository that does not track the files does not count."""
    provenance._commit.cache_clear()
    _git(tmp_path, "init", "-q")
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "some.py").write_text("")
    assert provenance._commit(tmp_path / "site-packages") == ""
    provenance._commit.cache_clear()


def test_provenance_without_git_torch_or_a_program_name(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", [])
    real_version = provenance.metadata.version

    def version(name: str) -> str:
        if name == "torch":
            raise provenance.metadata.PackageNotFoundError(name)
        return real_version(name)

    monkeypatch.setattr(provenance.metadata, "version", version)
    provenance._commit.cache_clear()
    provenance._machine.cache_clear()
    made = provenance.provenance(None)
    assert made["commits"] == {}
    assert made["command"] == ""
    assert "torch" not in made["versions"]
    provenance._commit.cache_clear()
    provenance._machine.cache_clear()


def test_threads_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert provenance.threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert provenance.threads() >= 1


def test_failed_results_have_a_provenance(tiny: str) -> None:
    class BrokenModel:
        def fit(self, train: Interactions) -> None:
            raise RuntimeError("no")

        def score(self, history: Interactions) -> None:
            pass

    (result,) = recbench.run(
        ["broken"], tiny, plugins=load_plugins(mine=plugin(models={"broken": BrokenModel}))
    )
    assert result.status.startswith("failed")
    assert result.provenance["versions"]["plugin mine"] == result.model_version
