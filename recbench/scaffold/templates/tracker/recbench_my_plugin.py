"""Append each new result to the file my-plugin.jsonl, as one line of JSON."""

import json

import recbench


@recbench.hookimpl
def recbench_run_finished(result):
    entry = {
        "model": result.model,
        "seed": result.seed,
        "dataset": result.setting.dataset,
        "split": result.setting.split,
        "status": result.status,
        "fit_seconds": result.fit_seconds if result.ok else None,
        **{name: value.mean for name, value in result.values.items() if result.ok},
    }
    with open("my-plugin.jsonl", "a", encoding="utf-8") as file:
        file.write(f"{json.dumps(entry)}\n")
