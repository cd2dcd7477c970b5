"""The model's own process: it imports the plugin of its model, and nothing else."""

from typing import Any

import pytest
from helpers import plugin

from recbench import RecbenchError
from recbench.isolation.worker import find_offer
from recbench_popular import Popular


def test_the_offer_of_an_installed_plugin_is_found_by_its_name() -> None:
    installed = {"p": ("1.2", lambda: plugin(models={"mine": Popular}))}
    offer = find_offer(installed, "p", "mine")
    assert (offer.what, offer.plugin, offer.version) == ("model mine", "p", "1.2")
    assert offer.factory is Popular


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: plugin(models={}), "KeyError: 'mine'"),
    ],
)
def test_a_plugin_that_can_be_imported_in_the_main_process_only_is_an_error(
    load: Any, words: str
) -> None:
    with pytest.raises(RecbenchError, match=f"its plugin cannot be imported: {words}"):
        find_offer({"p": ("1.2", load)}, "p", "mine")
