"""Jobs, collect: hand cells to an executor, and store each result as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any

from recbench.cell import Task
from recbench.errors import RecbenchError, counted, describe_error
from recbench.jobs.pool import POLL_SECONDS, TRIES, LostProcessError
from recbench.jobs.relay import Receiver
from recbench.jobs.worker import process_name, work, write_files
from recbench.keeper import Keeper
from recbench.progress import Bar, announce, log
from recbench.results.result import Result, metric_label
from recbench.store.format import unpacked


@dataclass(eq=False)
class _Sent:
    """A cell that was handed over.

    tries: how often. has_run: whether the executor has said that it runs. is_alone: whether it
    runs alone, so that nothing else can have broken the executor. reported: (step, name) of the
    values that plugins know.
    """

    task: Task
    tries: int = 1
    has_run: bool = False
    is_alone: bool = False
    reported: set[tuple[int, str]] = field(default_factory=set)

    def report(self, step: int, values: Mapping[str, float]) -> None:
        """Notify the plugins of values that they do not know yet."""
        new = {name: value for name, value in values.items() if (step, name) not in self.reported}
        if new:
            self.reported.update((step, name) for name in new)
            self.task.report(step, new)

    def report_all(self, result: Result) -> None:
        """Notify the plugins of all that the model has reported and they do not know yet."""
        steps: dict[int, dict[str, float]] = {}
        for name, points in result.curves.items():
            for step, _, value in points:
                steps.setdefault(step, {})[name] = value
        for step in sorted(steps):
            self.report(step, steps[step])


@dataclass
class Collector:
    """Hands cells to an executor, and collects their results.

    order: returns what a process of the executor needs to run a cell. receiver: what such processes
    show and report, if they are forked from this one. renew: makes another executor.
    """

    executor: Executor
    keeper: Keeper
    order: Callable[[Task], Mapping[str, Any]]
    receiver: Receiver | None = None
    renew: Callable[[], Executor] | None = None
    _running: dict[Future[Any], _Sent] = field(default_factory=dict)

    def run(self, tasks: Sequence[Task], bar: Bar) -> Iterator[tuple[Task, Result]]:
        """Run cells, and yield each with its result as soon as it has ended.

        bar: shows which are running, if the executor says so.
        """
        for experiment in dict.fromkeys(task.experiment for task in tasks):
            self.keeper.prepare(experiment)
        running = self._running
        running.update({self._submit(self.order(task)): _Sent(task) for task in tasks})
        sent = {each.task.cell.key: each for each in running.values()}
        n_ended, alone = 0, list[_Sent]()
        while running or alone:
            if not running:
                lost = alone.pop(0)
                running[self._submit_again(lost)] = lost
            labels = []
            for future, each in running.items():
                if future.running():
                    each.has_run = True
                    labels.append(each.task.cell.label)
            bar.step(0, ", ".join(labels))
            wait(running, POLL_SECONDS, FIRST_COMPLETED)  # it overlooks some cancelled futures
            self._report(sent)
            for future in [future for future in running if future.done()]:
                ended = running.pop(future)
                result = self._result(future, ended)
                if result is None and ended.is_alone:
                    alone.append(ended)
                    continue
                if result is None:
                    running[self._submit_again(ended)] = ended
                    continue
                n_ended += 1
                if result.ok and len(tasks) > 1:
                    announce("%s (%d of %d)", self._summary(result), n_ended, len(tasks))
                yield ended.task, result

    def cancel(self) -> None:
        """Cancel what has not ended."""
        for future in self._running:
            future.cancel()

    def _submit_again(self, lost: _Sent) -> Future[Any]:
        """Hand over a cell that was lost, and may have left a checkpoint."""
        lost.tries += 1
        order = self.order(lost.task)
        return self._submit({**order, "storing": {**order["storing"], "force": False}})

    def _submit(self, order: Mapping[str, Any]) -> Future[Any]:
        """Hand a cell over. If that fails, the future says why."""
        try:
            try:
                return self.executor.submit(work, order)
            except BrokenExecutor as error:  # such as a pool of processes of which one was killed
                if self.renew is None:
                    raise
                log.warning("the executor is started again: %s", describe_error(error))
                self.executor = self.renew()
                return self.executor.submit(work, order)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # of the executor's library
            lost: Future[Any] = Future()
            lost.set_exception(error)
            return lost

    def _report(self, sent: Mapping[str, _Sent]) -> None:
        """Show what has come since the last time, and notify the plugins of reported values."""
        for key, step, values in () if self.receiver is None else self.receiver.show():
            if key in sent:
                sent[key].report(step, values)

    def _result(self, future: Future[Any], ended: _Sent) -> Result | None:
        """Return the result of a cell that has ended; None if it has to be run once more."""
        try:
            answer = future.result()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also CancelledError
            return self._lost(ended, error)
        try:
            worker = f"worker {answer['worker']}"
            if "refused" in answer:
                return self._failed(ended, f"refused by {worker}: {answer['refused']}")
            result, columns = unpacked(answer["result"], answer["cases"])
            is_stored, model, messages = answer["stored"], answer["model"], answer["messages"]
            keep = self.keeper.keep_reported if answer["reported"] else self.keeper.keep
        except RecbenchError as error:
            return self._failed(ended, f"{describe_error(error)} ({worker})")
        except Exception:  # an executor that returns something else
            return self._failed(ended, f"the executor returned {answer!r:.60}, not a result")
        for level, text in messages if answer["worker"] != process_name() else ():
            log.log(level, "%s", text)
        ended.report_all(result)
        if not is_stored:
            result = keep(result, columns)
            if model and self.keeper.store is not None:
                self.keeper.store.keep_model(result, lambda folder: write_files(model, folder))
        return self.keeper.show(ended.task.experiment, result, columns)

    def _lost(self, ended: _Sent, error: BaseException) -> Result | None:
        """Return None if a cell that was lost has to be run once more, or else a failed result.

        An executor that is broken loses all its cells, also those that have not begun. Those that
        may have broken it run again one at a time.
        """
        is_broken = isinstance(error, BrokenExecutor)
        if is_broken and not ended.has_run and ended.tries == 1:
            return None
        if isinstance(error, LostProcessError):
            reason = f"its process {error}"
        else:
            reason = f"its worker was lost: {describe_error(error)}"
        if ended.tries < TRIES or (is_broken and not ended.is_alone):
            log.warning("%s: %s; it runs again", ended.task.cell.label, reason)
            ended.is_alone = is_broken
            return None
        return self._failed(ended, f"{reason} (the last of {counted(ended.tries, 'time')})")

    def _failed(self, ended: _Sent, reason: str) -> Result:
        experiment = ended.task.experiment
        failed = experiment.failed(ended.task.cell, reason, self.keeper.ks)
        return self.keeper.show(experiment, self.keeper.keep(failed, {}), {})

    def _summary(self, result: Result) -> str:
        """Return a result in a line: its first metric at the largest cut-off."""
        metric, k = self.keeper.metrics[0], max(self.keeper.ks)
        value = result.value(metric, k)
        return (
            f"{result.label}: {metric_label(metric, k)} {value.mean:.4f} "
            f"[{value.low:.3f}, {value.high:.3f}]"
        )
