"""The metric follows the rules of recbench."""

from recbench_my_plugin import my_plugin

from recbench.testing import check_metric


def test_contract():
    check_metric(my_plugin)
