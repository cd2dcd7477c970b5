"""The tracker follows the rules of recbench."""

from recbench_my_plugin import MyPlugin

from recbench.testing import check_tracker


def test_contract(tmp_path):
    check_tracker(MyPlugin, file=str(tmp_path / "results.jsonl"))
