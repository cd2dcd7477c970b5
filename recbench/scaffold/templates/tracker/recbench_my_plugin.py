"""Append each new result to a file, as one line of JSON."""

import json

import recbench


class MyPlugin:
    """A file with a line of JSON for each result.

    Parameters
    ----------
    file : str, default: my-plugin.jsonl
        The file, to which lines are appended.
    """

    def __init__(self, file: str = "my-plugin.jsonl"):
        self.file = file

    @recbench.hookimpl
    def recbench_run_finished(self, result):
        entry = {
            "model": result.model,
            "seed": result.seed,
            "dataset": result.setting.dataset,
            "split": result.setting.split,
            "status": result.status,
            "fit_seconds": result.fit_seconds if result.ok else None,
            **{name: value.mean for name, value in result.values.items() if result.ok},
        }
        with open(self.file, "a", encoding="utf-8") as file:
            file.write(f"{json.dumps(entry)}\n")


@recbench.hookimpl
def recbench_trackers():
    return {"my-plugin": MyPlugin}
