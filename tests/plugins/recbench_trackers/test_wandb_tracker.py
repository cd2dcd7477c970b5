"""Weights & Biases without an account, read back from the files of its offline runs."""

import json
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import recbench
from recbench_trackers import Wandb

pytest.importorskip("wandb")


class Run:
    """What is in the file of an offline run."""

    def __init__(self, file: Path) -> None:
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.files: list[str] = []
        self.artifacts: dict[str, dict[str, str]] = {}
        for record in records(file):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.about = record.run
                self._update(self.config, record.run.config.update)
            elif kind == "config":
                self._update(self.config, record.config.update)
            elif kind == "summary":
                self._update(self.summary, record.summary.update)
            elif kind == "history":
                self.history.append({})
                self._update(self.history[-1], record.history.item)
            elif kind == "files":
                self.files += [each.path for each in record.files.files]
            elif kind == "artifact":
                contents = record.artifact.manifest.contents
                self.artifacts[record.artifact.type] = {
                    each.path: each.local_path for each in contents
                }
            elif kind == "exit":
                self.code = record.exit.exit_code

    @staticmethod
    def _update(values: dict[str, Any], items: Any) -> None:
        for item in items:
            *parents, key = item.nested_key or [item.key]
            place = values
            for parent in parents:
                place = place.setdefault(parent, {})
            place[key] = json.loads(item.value_json)


def records(file: Path) -> Iterator[Any]:
    """Yield the records of a file: blocks of 32 KiB, as in the log of LevelDB."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, whole = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a full record, or its last part
            record = Record()
            record.ParseFromString(whole)
            whole = b""
            yield record


def runs_in(folder: Path) -> dict[str, Run]:
    """Return the offline runs of a folder by name, once wandb's process has written their ends."""
    for _ in range(600):
        found = [Run(file) for file in folder.glob("wandb/offline-run-*/*.wandb")]
        if all(hasattr(run, "code") for run in found):
            break
        time.sleep(0.1)
    return {run.about.display_name: run for run in found}


class Written:
    """The runs in a folder, and the results that they have."""

    def __init__(self, folder: Path, results: recbench.Results) -> None:
        self.folder, self.results, self.runs = folder, results, runs_in(folder)

    def of(self, name: str) -> Run:
        """Return the run of a model."""
        return next(run for key, run in self.runs.items() if key.startswith(name))


@pytest.fixture(scope="module")
def written(place: Path, run_with: Any) -> Iterator[Written]:
    """Return what a run has written."""
    import wandb

    yield Written(place, run_with(Wandb(folder=place)))
    wandb.teardown()


def test_each_cell_has_a_run_and_so_has_the_table(written: Written) -> None:
    assert len(written.runs) == 4
    assert len({run.about.run_group for run in written.runs.values()}) == 1
    assert {run.about.project for run in written.runs.values()} == {"recbench"}
    assert written.of("tiny").about.job_type == "model"
    assert written.of("table").about.job_type == "table"
    assert [written.of(name).code for name in ("tiny", "failing", "table")] == [0, 1, 0]


def test_the_configuration_has_parameters_and_the_origin(written: Written) -> None:
    config, result = written.of("tiny").config, written.results[0]
    assert config["model"] == result.model
    assert config["options"] == {"dim": 3, "note": 'b&c<d>_*"$%#\\ 日本'}
    assert config["seed"] == 0
    assert config["key"] == result.key
    assert config["dataset_sha256"] == result.setting.dataset_sha256
    assert config["split_sha256"] == result.setting.split_sha256
    assert config["versions"] == result.provenance["versions"]
    assert config["machine"] == result.provenance["machine"]
    assert config["command"] == result.provenance["command"]


def test_the_summary_has_metrics_with_intervals(written: Written) -> None:
    summary, value = written.of("tiny").summary, written.results[0].value("ndcg", 5)
    assert summary["test/ndcg_at_5"] == pytest.approx(value.mean)
    assert summary["test_low/ndcg_at_5"] == pytest.approx(value.low)
    assert summary["test_high/ndcg_at_5"] == pytest.approx(value.high)
    assert summary["test_stderr/ndcg_at_5"] == pytest.approx(value.stderr)
    assert summary["cost/fit_seconds"] == pytest.approx(written.results[0].fit_seconds)
    assert summary["status"] == "ok"


def test_the_history_has_values_by_step(written: Written) -> None:
    history = written.of("tiny").history
    assert [(each["step"], each["training/loss"]) for each in history] == [
        (1, 1),
        (2, 1 / 2),
        (3, 1 / 3),
    ]
    assert [each["training/hit_at_5"] for each in history] == [0, 1 / 4, 1 / 2]
    assert "training/no" not in history[0]


def test_a_failure_is_a_failed_run(written: Written) -> None:
    run = written.of("failing")
    assert run.summary["status"] == "failed"
    assert run.summary["failure"] == written.results[1].failure
    assert run.history[-1]["training/loss"] == 1 / 3
    assert "test/ndcg_at_5" not in run.summary


def test_the_table_is_a_table_of_wandb_html_and_an_artifact(written: Written) -> None:
    run = written.of("table")
    assert run.history[0]["results"]["_type"] == "table-file"
    folder = next(written.folder.glob("wandb/offline-run-*/files/media/table")).parents[1]
    rows = json.loads((folder / run.history[0]["results"]["path"]).read_text())
    frame = written.results.to_frame()
    assert rows["columns"] == list(frame)
    assert [row[0] for row in rows["data"]] == list(frame["model"])
    assert run.history[0]["table"]["_type"] == "html-file"
    files = run.artifacts["table"]
    assert files.keys() == {"table.md", "table.html", "results.csv"}
    table = Path(files["table.md"]).read_text(encoding="utf-8")
    assert table == written.results.to_table("markdown")


def test_an_interrupted_model_has_the_code_of_ctrl_c(written: Written, tmp_path: Path) -> None:
    tracker = Wandb(folder=tmp_path, group="mine", project="other")
    tracker.recbench_progress(written.results[0], 1, {"loss": 1.0})
    tracker.recbench_all_finished(recbench.Results([]))
    runs = runs_in(tmp_path).values()
    assert [run.code for run in runs] == [255, 255]
    assert [run.summary["status"] for run in runs] == ["interrupted"] * 2
    assert {(run.about.run_group, run.about.project) for run in runs} == {("mine", "other")}


def test_the_run_of_the_user_stays_current(written: Written, tmp_path: Path) -> None:
    import wandb

    settings = wandb.Settings(silent=True)
    own = wandb.init(project="own", mode="offline", dir=tmp_path / "own", settings=settings)
    tracker = Wandb(folder=tmp_path)
    tracker.recbench_run_finished(written.results[2])
    tracker.recbench_all_finished(recbench.Results([written.results[2]]))
    assert wandb.run is own
    own.finish()
    assert len(runs_in(tmp_path)) == 2


def test_nothing_is_printed(
    written: Written, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tracker = Wandb(folder=tmp_path)
    tracker.recbench_run_finished(written.results[2])
    capfd.readouterr()
    tracker.recbench_run_finished(written.results[1])
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_without_an_account_the_mode_is_offline(written: Written, place: Path) -> None:
    assert written
    assert Wandb(folder=place).mode == "offline"
    with pytest.raises(recbench.UsageError, match="mode=online needs an account"):
        Wandb(folder=place, mode="online")


def test_with_an_account_the_mode_is_online(
    written: Written, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert written
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert Wandb(folder=place).mode == "online"
    assert Wandb(folder=place, mode="offline").mode == "offline"
    monkeypatch.delenv("WANDB_API_KEY")
    netrc = place / "made.netrc"
    netrc.write_text(f"machine api.wandb.ai\n  login user\n  password {'0' * 40}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert Wandb(folder=place).mode == "online"


def test_wrong_options_are_refused() -> None:
    with pytest.raises(recbench.UsageError, match="project=a/b must be a name"):
        Wandb(project="a/b")
    with pytest.raises(recbench.UsageError, match="mode=there must be"):
        Wandb(mode="there")  # type: ignore[arg-type]


def test_the_variables_of_the_user_stay_as_they_are(written: Written) -> None:
    assert written
    assert "WANDB_ERROR_REPORTING" not in os.environ
