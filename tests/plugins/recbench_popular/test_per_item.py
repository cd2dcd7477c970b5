"""What all models of popularity share: saved files, parameters, and errors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from recbench import RecbenchError, load_plugins
from recbench.testing import example
from recbench_popular import PersonalPopular, Popular, RecentPopular

LOG = example()

models = pytest.mark.parametrize("model", [Popular, RecentPopular, PersonalPopular])


def test_the_names_of_the_models() -> None:
    factories = [
        load_plugins().find("models", name).factory
        for name in ("popular", "recent-popular", "personal-popular")
    ]
    assert factories == [Popular, RecentPopular, PersonalPopular]


@models
def test_one_number_per_item_is_learned_and_saved(
    model: Callable[..., Any], tmp_path: Path
) -> None:
    fitted = model().fit(LOG)
    assert fitted.n_parameters == 32
    fitted.save(tmp_path)
    (file,) = tmp_path.iterdir()
    assert load_file(file)["popularity"].tolist() == fitted.popularity_.tolist()
    loaded = model().load(tmp_path)
    assert loaded.n_parameters == 32
    assert np.array_equal(loaded.score(LOG), fitted.score(LOG))


@models
@pytest.mark.parametrize("content", [None, b"", b"text"])
def test_a_missing_or_broken_file_is_an_error(
    model: Callable[..., Any], content: bytes | None, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "popularity.safetensors").write_bytes(content)
    with pytest.raises(
        RecbenchError, match=r"no complete saved popularity .*; fit the model again"
    ):
        model().load(tmp_path)


@models
def test_a_model_that_is_not_fitted_is_an_error(model: Callable[..., Any], tmp_path: Path) -> None:
    for call in (lambda: model().score(LOG), lambda: model().save(tmp_path)):
        with pytest.raises(RecbenchError, match="not fitted; call fit or load first"):
            call()


@models
def test_a_history_with_another_catalogue_is_refused(model: Callable[..., Any]) -> None:
    with pytest.raises(RecbenchError, match="fitted on 32 items, but the history has 7; fit it on"):
        model().fit(LOG).score(example(items=5))
