"""Tidy tables: a line for each model, dataset, split, seed, metric and k."""

import recbench


def csv(results: recbench.Results) -> str:
    """Comma-separated values with a header, for pandas and spreadsheets."""
    return results.to_frame().to_csv(index=False)


def json(results: recbench.Results) -> str:
    """A list of objects, numbers in full; what is missing is null."""
    text = results.to_frame().to_json(orient="records", double_precision=15, indent=1)
    return f"{text}\n"
