"""Installed plugins: found by their metadata, which may be damaged."""

from pathlib import Path

import pytest
from helpers import install

from recbench import UsageError, load_plugins
from recbench.code.installed import installed_plugins

SOURCE = "import recbench\n@recbench.hookimpl\ndef recbench_models(): return {'NAME': object}\n"


def test_names_and_versions_are_found_without_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(install(tmp_path / "site", never="1 / 0\n"))
    version, load = installed_plugins()["never"]
    assert version == "1.0"
    with pytest.raises(ZeroDivisionError):
        load()


def test_a_package_without_metadata_has_no_version_and_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = install(tmp_path / "site", bare_plugin=SOURCE)
    (site / "bare_plugin-1.0.dist-info" / "METADATA").unlink()
    monkeypatch.syspath_prepend(site)
    plugins = load_plugins()
    assert plugins.infos["bare_plugin"].version == "?"
    assert plugins.find("models", "NAME").plugin == "bare_plugin"


def test_two_plugins_of_one_name_are_both_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = install(tmp_path / "site", first_plugin=SOURCE, second_plugin=SOURCE)
    for name in ("first_plugin", "second_plugin"):
        entry = site / f"{name}-1.0.dist-info" / "entry_points.txt"
        entry.write_text(f"[recbench]\nsame = {name}\n")
    monkeypatch.syspath_prepend(site)
    names = [name for name in installed_plugins() if name.startswith("same")]
    assert names[0] == "same"
    assert names[1] in {"same (first_plugin)", "same (second_plugin)"}


def test_a_variable_limits_the_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = install(
        tmp_path / "site", limited_plugin=SOURCE, limited_too=SOURCE.replace("NAME", "OTHER")
    )
    (site / "limited_too-1.0.dist-info" / "entry_points.txt").write_text(
        "[recbench]\nrandom = limited_too\n"
    )
    monkeypatch.syspath_prepend(site)
    both = [name for name in installed_plugins() if name.startswith("random")]
    assert len(both) == 2
    monkeypatch.setenv("RECBENCH_PLUGINS", f"limited_plugin, {both[1]},")
    plugins = load_plugins()
    assert list(plugins.infos) == ["limited_plugin", both[1]]
    with pytest.raises(UsageError, match=r"^no model 'popular'; .*leaves out the plugins dask, "):
        plugins.find("models", "popular")
    monkeypatch.setenv("RECBENCH_PLUGINS", "")
    assert {"limited_plugin", *both} < load_plugins().infos.keys()
    with pytest.raises(UsageError, match=r"^no model 'xyz'; (?!.*RECBENCH_PLUGINS)"):
        load_plugins().find("models", "xyz")
    monkeypatch.setenv("RECBENCH_PLUGINS", "limited_plugin,limitd_plugin")
    with pytest.raises(
        UsageError,
        match="limitd_plugin: there is no plugin 'limitd_plugin'; installed: dask,",
    ):
        load_plugins()
