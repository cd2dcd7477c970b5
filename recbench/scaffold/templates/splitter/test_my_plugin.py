"""The splitter follows the rules of recbench."""

from recbench_my_plugin import MyPlugin

from recbench.testing import check_splitter


def test_contract():
    check_splitter(MyPlugin)
    check_splitter(MyPlugin, share=0.5)  # with an option
