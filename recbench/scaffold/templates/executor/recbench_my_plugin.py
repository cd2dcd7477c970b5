"""Run models side by side, in processes of this machine."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import recbench


class MyPlugin(ProcessPoolExecutor):
    """Processes of this machine.

    Parameters
    ----------
    workers : int, default: 2
        Number of models that run at the same time.
    """

    def __init__(self, workers: int = 2):
        recbench.check_options("my-plugin", ("workers", workers, workers >= 1, "1 or more"))
        super().__init__(workers, mp_context=multiprocessing.get_context("spawn"))

    def shutdown(self, wait=True, *, cancel_futures=False):
        """End the processes too, so that no model runs on after Ctrl-C."""
        processes = list((self._processes or {}).values())
        super().shutdown(wait, cancel_futures=cancel_futures)
        for process in processes:
            process.terminate()


@recbench.hookimpl
def recbench_executors():
    return {"my-plugin": MyPlugin}
