"""The tracker follows the rules of recbench."""

from recbench_my_plugin import recbench_run_finished

from recbench.testing import check_tracker


def test_contract(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where the file is written
    check_tracker(recbench_run_finished)
