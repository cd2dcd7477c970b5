"""Tuning: one model after the other, or several, each in a process forked from this one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass

from recbench.errors import RecbenchError
from recbench.experiment import Host
from recbench.jobs.pool import POLL_SECONDS, TRIES, ForkedPool, LostProcessError
from recbench.progress import log
from recbench.space import Space
from recbench.store.layout import Layout
from recbench.tuning.loop import Tuner
from recbench.tuning.plan import Plan
from recbench.tuning.study import Study


@dataclass(frozen=True)
class ModelTuner:
    """Tunes models, each until its budget is spent.

    spaces: model -> where to look for the best values of its options. new_host: returns what runs
    models in a process of its own.
    """

    plan: Plan
    store: Layout
    spaces: Mapping[str, Space]
    new_host: Callable[[], Host]

    def tune(self, model: str, host: Host) -> Study:
        """Tune a model in this process."""
        plan = dataclasses.replace(self.plan, host=host)
        with plan.search(self.store, model, self.spaces[model]) as search:
            return Tuner(plan.held_out.validation, host, plan.device).tune(search)

    def stored(self, models: Sequence[str]) -> dict[str, Study]:
        """Return the studies of models that have stored trials."""
        found = {model: self.plan.stored(self.store, model, self.spaces[model]) for model in models}
        return {model: study for model, study in found.items() if study is not None}

    def side_by_side(self, models: Sequence[str], n_jobs: int) -> dict[str, Study]:
        """Tune models in several processes.

        If there are more processes than models, several share the trials of a model. The trials
        that one of them sees when it chooses options then depend on how long each takes.

        Raises RecbenchError if the process of a model is lost twice.
        """
        searched = [model for model in models if self.spaces[model]]
        n_more = n_jobs - len(models) if searched else 0
        more = [searched[number % len(searched)] for number in range(n_more)]
        _Inherited.tuner = self
        pool = ForkedPool(min(n_jobs, len(models) + len(more)))
        studies = {}
        try:
            running = {pool.submit(_tune, model): (model, 1) for model in [*models, *more]}
            while running:
                done, _ = wait(running, POLL_SECONDS, FIRST_COMPLETED)
                pool.receiver.show()
                for future in done:
                    model, tries = running.pop(future)
                    try:
                        studies[model] = future.result()
                    except LostProcessError as error:
                        if tries == TRIES:
                            raise RecbenchError(
                                f"{model}: the process that tunes it {error}, for the second time. "
                                "Trials that have ended are stored"
                            ) from error
                        log.warning("%s: the process that tunes it %s; it goes on", model, error)
                        running[pool.submit(_tune, model)] = model, tries + 1
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            _Inherited.tuner = None
        return studies


class _Inherited:
    """What a forked process has from the one that forked it."""

    tuner: ModelTuner | None = None


def _tune(model: str) -> Study:
    """In a forked process: tune a model."""
    tuner = _Inherited.tuner
    assert tuner is not None  # noqa: S101  it is set before processes are forked
    with tuner.new_host() as host:
        return tuner.tune(model, host)
