"""What both models share: errors without implicit, unfitted models, broken files, and silence."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import save_file
from threadpoolctl import threadpool_limits

from recbench import RecbenchError, load_plugins, run
from recbench.testing import example
from recbench_implicit import Als, Bpr

LOG = example()

models = pytest.mark.parametrize("model", [Als, Bpr])


@pytest.fixture
def installed() -> None:
    pytest.importorskip("implicit")


@models
def test_without_implicit_the_models_are_listed_and_say_what_to_install(
    model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "implicit", None)  # as if it were not installed
    name = model.name
    assert load_plugins().find("models", name).factory is model
    words = (
        f"{name} needs the library implicit, which is not installed; run "
        'pip install "recbench-toolkit[implicit]"'
    )
    with pytest.raises(RecbenchError) as raised:
        model()
    assert str(raised.value) == words
    models = [name, f"{name}:factors=2", "popular"]
    results = run(models, "synthetic:users=20,interactions=200", results=None, in_process=True)
    assert [result.ok for result in results] == [False, False, True], "popular runs all the same"
    assert all(words in result.status for result in results if not result.ok)


@models
@pytest.mark.usefixtures("installed")
def test_a_model_that_is_not_fitted_is_an_error(model: Callable[..., Any], tmp_path: Path) -> None:
    for call in (lambda: model().score(LOG), lambda: model().save(tmp_path)):
        with pytest.raises(RecbenchError, match=f"{model.name} is not fitted; call fit or load"):
            call()


@models
@pytest.mark.usefixtures("installed")
def test_a_history_with_another_catalogue_is_refused(model: Callable[..., Any]) -> None:
    with pytest.raises(RecbenchError, match="fitted on 32 items, but the history has 7; fit it on"):
        model(factors=2).fit(LOG).score(example(items=5))


@models
@pytest.mark.usefixtures("installed")
def test_a_missing_or_incomplete_file_is_an_error(
    model: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "factors.safetensors"
    for write in (lambda: None, lambda: file.write_bytes(b"text"), lambda: save_file({}, file)):
        write()
        with pytest.raises(RecbenchError, match=r"no complete saved factors .*; fit the model aga"):
            model().load(tmp_path)


@models
@pytest.mark.usefixtures("installed")
def test_implicit_prints_and_warns_nothing(
    model: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """With two threads of BLAS it would warn, and warnings are errors here."""
    import implicit.utils

    implicit.utils._checked_blas_config = False  # it warns once per process
    with threadpool_limits(2, "blas"):
        model(factors=2).fit(LOG).score(LOG)
    assert capfd.readouterr() == ("", "")
