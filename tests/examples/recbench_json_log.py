"""Append each new result to a file, as one line of JSON."""

import json
import os

import recbench


@recbench.hookimpl
def recbench_run_finished(result):
    file = os.environ.get("RECBENCH_JSON_LOG")
    if not file:
        return
    entry = {
        "model": result.model,
        "seed": result.seed,
        "dataset": result.setting.dataset,
        "split": result.setting.split,
        "status": result.status,
        "fit_seconds": result.fit_seconds if result.ok else None,
        **{name: value.mean for name, value in result.values.items() if result.ok},
    }
    with open(file, "a", encoding="utf-8") as log:
        log.write(f"{json.dumps(entry)}\n")
