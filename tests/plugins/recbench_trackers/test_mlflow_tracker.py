"""MLflow, read back from its store: runs, parameters, values by step, tags, tables and states."""

import contextlib
import dataclasses
import io
import logging
import warnings
from pathlib import Path
from typing import Any

import pytest

import recbench
from recbench_trackers import Mlflow


class Written:
    """The runs of the experiment `recbench`, and the results that they have."""

    def __init__(self, uri: str, results: recbench.Results, noise: str) -> None:
        from mlflow import MlflowClient

        self.uri, self.results, self.noise = uri, results, noise
        self.client = MlflowClient(tracking_uri=uri)
        self.runs = self.named("recbench")

    def named(self, experiment: str) -> dict[str, Any]:
        """Return the runs of an experiment by name."""
        number = self.client.get_experiment_by_name(experiment).experiment_id
        return {run.info.run_name: run for run in self.client.search_runs([number])}

    def of(self, name: str) -> Any:
        """Return the run of a model."""
        return next(run for key, run in self.runs.items() if key.startswith(name))


@pytest.fixture(scope="module")
def written(place: Path, run_with: Any) -> Written:
    """Return what a run has written to a store, whose tables take seconds to make."""
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    uri = f"sqlite:///{place}/mlflow.db"
    with contextlib.redirect_stderr(io.StringIO()) as noise, warnings.catch_warnings():
        warnings.simplefilter("error")
        tracker = Mlflow(uri=uri, name="all")
    return Written(uri, run_with(tracker), noise.getvalue())


@pytest.fixture(autouse=True)
def _at_home(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def test_a_command_has_a_run_and_each_cell_a_nested_one(written: Written) -> None:
    parent = written.runs["all"]
    assert len(written.runs) == 4
    nested = [run for name, run in written.runs.items() if name != "all"]
    assert {run.data.tags["mlflow.parentRunId"] for run in nested} == {parent.info.run_id}
    assert parent.info.status == written.of("popular").info.status == "FINISHED"
    assert parent.data.params["models"].endswith("failing, popular")


def test_parameters_and_metrics_are_recorded(written: Written) -> None:
    run, result = written.of("tiny"), written.results[0]
    assert run.data.params["model"] == result.model
    assert run.data.params["options.note"] == 'b&c<d>_*"$%#\\ 日本'
    assert run.data.params["seed"] == "0"
    value = result.value("ndcg", 5)
    assert run.data.metrics["test/ndcg_at_5"] == pytest.approx(value.mean)
    assert run.data.metrics["test_low/ndcg_at_5"] == pytest.approx(value.low)
    assert run.data.metrics["test_high/ndcg_at_5"] == pytest.approx(value.high)
    assert run.data.metrics["test_stderr/ndcg_at_5"] == pytest.approx(value.stderr)
    assert run.data.metrics["cost/fit_seconds"] == pytest.approx(result.fit_seconds)


def test_values_have_the_steps_at_which_they_were_reported(written: Written) -> None:
    run = written.of("tiny")
    history = written.client.get_metric_history(run.info.run_id, "training/loss")
    assert [(each.step, each.value) for each in history] == [(1, 1), (2, 1 / 2), (3, 1 / 3)]
    assert {"training/loss", "training/hit_at_5"} == {
        name for name in run.data.metrics if name.startswith("training")
    }
    assert run.info.start_time <= history[0].timestamp <= run.info.end_time


def test_tags_say_where_a_result_comes_from(written: Written) -> None:
    run, result = written.of("tiny"), written.results[0]
    assert run.data.tags["recbench.key"] == result.key
    assert run.data.tags["recbench.dataset_sha256"] == result.setting.dataset_sha256
    assert run.data.tags["recbench.split_sha256"] == result.setting.split_sha256
    numpy = result.provenance["versions"]["numpy"]
    assert run.data.tags["recbench.versions.numpy"] == numpy
    assert run.data.tags["recbench.command"] == result.provenance["command"]
    data = run.inputs.dataset_inputs[0].dataset
    assert data.name == result.setting.dataset
    assert result.setting.dataset_sha256.startswith(data.digest)


def test_a_failure_is_a_failed_run_with_its_reason(written: Written) -> None:
    run = written.of("failing")
    assert run.info.status == "FAILED"
    assert run.data.tags["recbench.status"] == "failed"
    assert run.data.tags["recbench.failure"] == written.results[1].failure
    assert "no luck | <b>" in run.data.tags["mlflow.note.content"]
    assert run.data.metrics["training/loss"] == 1 / 3
    assert "test/ndcg_at_5" not in run.data.metrics


def test_the_table_is_an_artifact(written: Written, tmp_path: Path) -> None:
    run = written.runs["all"].info.run_id
    names = {file.path for file in written.client.list_artifacts(run)}
    assert names == {"table.md", "table.html", "results.csv"}
    table = written.client.download_artifacts(run, "table.md", str(tmp_path))
    assert Path(table).read_text(encoding="utf-8") == written.results.to_table("markdown")


def test_an_interrupted_model_is_a_killed_run(written: Written) -> None:
    tracker = Mlflow(experiment="interrupted", uri=written.uri)
    tracker.recbench_progress(written.results[0], 1, {"loss": 1.0})
    tracker.recbench_all_finished(recbench.Results([]))
    assert [run.info.status for run in written.named("interrupted").values()] == ["KILLED"] * 2


def test_a_result_from_elsewhere_has_its_curves_and_times(written: Written) -> None:
    tracker = Mlflow(experiment="replayed", uri=written.uri)
    curves = {"loss": tuple((step, step / 10, 1 / step) for step in range(1, 251))}
    result = dataclasses.replace(written.results[0], curves=curves)
    tracker.recbench_run_finished(result)
    tracker.recbench_all_finished(recbench.Results([result]))
    run = next(run for name, run in written.named("replayed").items() if "tiny" in name)
    history = written.client.get_metric_history(run.info.run_id, "training/loss")
    assert [each.step for each in history] == list(range(1, 251))
    assert history[-1].timestamp - history[0].timestamp == pytest.approx(24_900, abs=2)
    assert run.info.end_time - run.info.start_time > 24_900


def test_the_run_of_the_user_stays_active(written: Written, run_with: Any) -> None:
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(written.uri)
    with mlflow.start_run(experiment_id="0") as own:
        run_with(Mlflow(experiment="beside", uri=written.uri), ["popular"])
        assert mlflow.active_run().info.run_id == own.info.run_id
    assert mlflow.get_run(own.info.run_id).data.params == {}
    assert mlflow.get_run(own.info.run_id).data.metrics == {}
    mlflow.set_tracking_uri(before)


def test_the_log_says_where_the_runs_are(
    written: Written, run_with: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "recbench")
    run_with(Mlflow(experiment="logged", uri=written.uri), ["popular"])
    assert caplog.messages[-1] == (
        "mlflow: 1 run in the experiment logged; to look at them: mlflow ui --backend-store-uri "
        f"{written.uri}"
    )


def test_a_wrong_store_or_experiment_is_a_wrong_option(written: Written) -> None:
    for uri in ("ftp://host", "a/folder"):
        with pytest.raises(recbench.UsageError, match=f"uri={uri} cannot be used"):
            Mlflow(uri=uri)
    with pytest.raises(recbench.UsageError, match="needs the package MySQLdb"):
        Mlflow(uri="mysql://user:secret@localhost:9/runs")
    with pytest.raises(recbench.UsageError, match="experiment must be a name"):
        Mlflow(experiment=" ", uri=written.uri)
    number = written.client.create_experiment("gone")
    written.client.delete_experiment(number)
    with pytest.raises(recbench.UsageError, match=f"experiments restore -x {number}"):
        Mlflow(experiment="gone", uri=written.uri)


def test_a_password_is_not_shown(written: Written) -> None:
    with pytest.raises(recbench.UsageError) as error:
        Mlflow(uri="mysql://user:secret@localhost:9/runs")
    assert written
    assert "secret" not in str(error.value)


def test_a_server_that_does_not_answer_is_an_error_at_once(
    written: Written, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(recbench.RecbenchError, match="does not answer; check that"):
        Mlflow(uri="http://127.0.0.1:9")
    assert written
    assert capfd.readouterr() == ("", "")


def test_a_new_store_is_made_without_a_word(written: Written) -> None:
    assert written.noise == ""
