"""The table follows the rules of recbench."""

from recbench_my_plugin import my_plugin

from recbench.testing import check_table


def test_contract():
    check_table(my_plugin)
