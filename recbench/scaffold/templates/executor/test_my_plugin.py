"""The executor follows the rules of recbench."""

from recbench_my_plugin import MyPlugin

from recbench.testing import check_executor


def test_contract():
    check_executor(MyPlugin)
