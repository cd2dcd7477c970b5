"""TensorBoard, read back from its event files: scalars, texts, hyperparameters and folders."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import recbench
from recbench_trackers import TensorBoard

pytest.importorskip("tensorboard")

CELLS = Path("synthetic_interactions=300,items=20,users=30", "leave-last-out")


class Written:
    """The folder with event files, and the results that they have."""

    def __init__(self, folder: Path, results: recbench.Results) -> None:
        self.folder, self.results = folder, results

    def of(self, name: str | Path) -> Any:
        """Return the events of a folder."""
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(self.folder / name), size_guidance={"tensors": 0})
        return events.Reload()

    def cell(self, name: str) -> Any:
        """Return the events of a cell whose folder begins with a name."""
        return self.of(next((self.folder / CELLS).glob(f"{name}*")))


def text_of(events: Any, tag: str) -> str:
    """Return a text."""
    (event,) = events.Tensors(f"{tag}/text_summary" if tag not in events.Tags()["tensors"] else tag)
    text: bytes = event.tensor_proto.string_val[0]
    return text.decode()


@pytest.fixture(scope="module")
def written(place: Path, run_with: Any) -> Written:
    """Return what a run has written."""
    return Written(place / "events", run_with(TensorBoard(place / "events")))


def test_each_cell_has_a_folder_with_a_safe_name(written: Written) -> None:
    assert sorted(path.name for path in (written.folder / CELLS).iterdir()) == [
        "failing_seed=0",
        "popular",
        "tiny_dim=3,note=b_c_d___日本_seed=0",
    ]


def test_values_have_their_steps(written: Written) -> None:
    events = written.cell("tiny")
    loss = events.Scalars("training/loss")
    assert [each.step for each in loss] == [1, 2, 3]
    assert [each.value for each in loss] == pytest.approx([1, 1 / 2, 1 / 3])
    tags = events.Tags()["scalars"]
    assert {tag for tag in tags if tag.startswith("training")} == {
        "training/loss",
        "training/hit_at_5",
    }


def test_metrics_have_intervals(written: Written) -> None:
    events, value = written.cell("tiny"), written.results[0].value("ndcg", 5)
    for name, number in (
        ("test/ndcg_at_5", value.mean),
        ("test_low/ndcg_at_5", value.low),
        ("test_high/ndcg_at_5", value.high),
        ("test_stderr/ndcg_at_5", value.stderr),
        ("cost/fit_seconds", written.results[0].fit_seconds),
    ):
        assert events.Scalars(name)[0].value == pytest.approx(number, rel=1e-6)


def test_texts_have_parameters_and_the_origin(written: Written) -> None:
    events, result = written.cell("tiny"), written.results[0]
    assert "| options.dim | 3 |" in text_of(events, "parameters")
    assert f"| dataset_sha256 | {result.setting.dataset_sha256} |" in text_of(events, "origin")
    numpy = result.provenance["versions"]["numpy"]
    assert f"| versions.numpy | {numpy} |" in text_of(events, "origin")
    assert text_of(events, "status") == "ok"


def test_parameters_are_hyperparameters(written: Written) -> None:
    from tensorboard.plugins.hparams.api_pb2 import Status
    from tensorboard.plugins.hparams.metadata import (
        parse_session_end_info_plugin_data,
        parse_session_start_info_plugin_data,
    )

    def content(events: Any, tag: str) -> bytes:
        found: bytes = events.SummaryMetadata(f"_hparams_/{tag}").plugin_data.content
        return found

    events = written.cell("tiny")
    start = parse_session_start_info_plugin_data(content(events, "session_start_info"))
    assert start.hparams["options.dim"].number_value == 3
    assert start.hparams["model_name"].string_value == "tiny"
    for name, status in (("tiny", "STATUS_SUCCESS"), ("failing", "STATUS_FAILURE")):
        end = parse_session_end_info_plugin_data(content(written.cell(name), "session_end_info"))
        assert end.status == Status.Value(status)


def test_a_failure_is_a_text(written: Written) -> None:
    events = written.cell("failing")
    assert text_of(events, "status") == written.results[1].failure
    assert "test/ndcg_at_5" not in events.Tags()["scalars"]


def test_the_table_is_a_text(written: Written) -> None:
    assert text_of(written.of("table"), "table") == written.results.to_table("markdown")


def test_runs_again_have_folders_with_numbers(written: Written, tmp_path: Path) -> None:
    tracker = TensorBoard(tmp_path)
    popular = written.results[2]
    for _ in range(3):
        tracker.recbench_run_finished(popular)
    assert sorted(path.name for path in (tmp_path / CELLS).iterdir()) == [
        "popular",
        "popular-2",
        "popular-3",
    ]


def test_a_long_name_is_cut_and_still_its_own(written: Written, tmp_path: Path) -> None:
    tracker = TensorBoard(tmp_path)
    for letter in "ab":
        model = f"tiny:note={'x' * 500}{letter}"
        tracker.recbench_run_finished(dataclasses.replace(written.results[0], model=model))
    names = [path.name for path in (tmp_path / CELLS).iterdir()]
    assert len(set(names)) == 2
    assert not any(name.endswith("-2") for name in names)
    assert max(map(len, names)) <= 100


def test_no_name_leads_out_of_the_folder(written: Written, tmp_path: Path) -> None:
    tracker = TensorBoard(tmp_path / "events")
    for model in ("../..", "/etc/x", ".", "a\\..\\b"):
        tracker.recbench_run_finished(dataclasses.replace(written.results[2], model=model))
    assert [path.name for path in tmp_path.iterdir()] == ["events"]
    assert len(list((tmp_path / "events" / CELLS).iterdir())) == 4


def test_an_interrupted_model_says_so(written: Written, tmp_path: Path) -> None:
    tracker = TensorBoard(tmp_path)
    tracker.recbench_progress(written.results[2], 1, {"loss": 1.0})
    tracker.recbench_all_finished(recbench.Results([]))
    found = Written(tmp_path, recbench.Results([]))
    assert text_of(found.cell("popular"), "status") == "interrupted"
    assert text_of(found.of("table"), "status") == "interrupted"


def test_values_can_be_read_while_a_model_trains(written: Written, tmp_path: Path) -> None:
    tracker = TensorBoard(tmp_path)
    tracker.recbench_progress(written.results[2], 1, {"loss": 1.0})
    events = Written(tmp_path, written.results).cell("popular")
    assert events.Scalars("training/loss")[0].value == 1
    tracker.recbench_all_finished(recbench.Results([]))


def test_a_folder_that_is_a_file_is_a_wrong_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(recbench.UsageError, match="file is a file"):
        TensorBoard(tmp_path / "file")
