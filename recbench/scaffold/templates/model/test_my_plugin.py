"""The model follows the rules of recbench."""

from recbench_my_plugin import MyPlugin

from recbench.testing import check_model


def test_contract():
    check_model(MyPlugin)
