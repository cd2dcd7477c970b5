"""Outside the flow: results that are made up, to check tables and trackers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from recbench.data.interactions import Columns
from recbench.evaluation.referee import PROTOCOL
from recbench.evaluation.uncertainty import Value, number_users, summarise
from recbench.results.result import Result, Setting
from recbench.results.results import Results

USERS = np.array([f"user {number}" for number in range(20)])

SETTING = Setting(
    dataset="films",
    dataset_sha256="d" * 64,
    split="leave-last-out",
    split_sha256="s" * 64,
    protocol=PROTOCOL,
    repeats="first",
    n_users=len(USERS),
    n_items=50,
    n_interactions=400,
    n_judged_users=len(USERS),
    n_cases=len(USERS),
    order="by user and time, equal times in file order",
    source="made up",
    notes=("2 interactions were dropped",),
    n_targets=len(USERS),
    future_share=0.25,
    time_tied=3,
)

KEYS = "ndcg@5", "ndcg@10", "hit@5", "hit@10"

ODD = 'odd:by=a|b&c<d>_*"$%#\\,text=日本'
"""A model whose options have characters that mean something in some format."""


def made(model: str, seed: int | None = None, setting: Setting = SETTING) -> Result:
    """Return the result of a model that ran."""
    return Result(
        key=f"{model} {seed} {setting.dataset}",
        model=model,
        model_version="1.0+abcdef12",
        plugin="mine",
        seed=seed,
        setting=setting,
        status="ok",
        values=summarise(_columns(model, seed), number_users(USERS)),
        depth=10,
        fit_seconds=1.5,
        score_seconds=0.25,
        peak_memory=50 * 2**20,
        parameters=None if seed is None else 1234,
        provenance={"recbench": "0.1"},
        finished="2026-01-01T12:00:00+00:00",
        notes=("a note on this model",) if seed else (),
    )


def cell(model: str, seed: int | None = None) -> Result:
    """Return what stands for a result while its model trains."""
    return dataclasses.replace(
        failed(model, seed), status="failed: not run yet", values={}, depth=0, finished="", notes=()
    )


def _columns(model: str, seed: int | None) -> dict[str, np.ndarray]:
    """Return values per case; those of other models and seeds differ."""
    random = np.random.default_rng([*model.encode(), seed or 0])
    return {key: random.random(len(USERS)).round(2) for key in KEYS}


def failed(model: str, seed: int | None = None) -> Result:
    """Return the result of a model that failed."""
    values = dict.fromkeys(KEYS, Value())
    return dataclasses.replace(
        made(model, seed),
        status="failed: fit raised ValueError: wrong | <size>",
        values=values,
        fit_seconds=float("nan"),
        score_seconds=float("nan"),
        peak_memory=None,
        parameters=None,
    )


def situations() -> dict[str, Results]:
    """Return results of every kind that a table can get -> in words."""
    other = dataclasses.replace(SETTING, dataset="shop:item=sku", dataset_sha256="e" * 64)
    both = [made("popular"), made("mine:dim=8", 0), made("mine:dim=8", 1)]
    cases: dict[str, Sequence[Result]] = {
        "one model": [made("popular")],
        "two models, one with two seeds": both,
        "two datasets": [*both, made("popular", setting=other)],
        "a model that failed": [*both, failed("broken", 0)],
        "only models that failed": [failed("broken")],
        "options with unusual characters": [made("popular"), made(ODD)],
    }
    found = {what: _shown(results) for what, results in cases.items()}
    found["several metrics"] = _shown(both, ("ndcg", "hit"))
    found["no metric"] = _shown(both, ())
    found["no result"] = _shown([])
    return found


def _shown(results: Sequence[Result], metrics: Sequence[str] = ("ndcg",)) -> Results:
    def columns(result: Result) -> Columns:
        return {"user": USERS, **_columns(result.model, result.seed)} if result.ok else {}

    return Results(results, columns, metrics=metrics)
