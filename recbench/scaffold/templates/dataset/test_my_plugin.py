"""The dataset follows the rules of recbench."""

from recbench_my_plugin import my_plugin

from recbench.testing import check_dataset


def test_contract():
    check_dataset(my_plugin)
