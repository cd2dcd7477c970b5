"""Tidy tables: one row per model, dataset, split, seed, metric and cut-off."""

import math
from json import dumps

import recbench

from .escapes import no_formula


def csv(results: recbench.Results) -> str:
    """Comma-separated values with a header, for pandas and spreadsheets.

    A text that a spreadsheet would run as a formula begins with an apostrophe.

    Parameters
    ----------
    results : recbench.Results
        The results to show.

    Returns
    -------
    str
        One line per model, dataset, split, seed, metric and cut-off.

    Examples
    --------
    >>> import recbench
    >>> results = recbench.run(["popular"], "synthetic", results=None)
    >>> csv(results).split(",")[:3]
    ['model', 'dataset', 'split']
    """
    frame = results.to_frame()
    texts = frame.select_dtypes(exclude="number")
    frame[texts.columns] = texts.map(no_formula)
    return frame.to_csv(index=False, lineterminator="\n")


def json(results: recbench.Results) -> str:
    """A JSON list of objects, with full precision; missing values are null.

    Parameters
    ----------
    results : recbench.Results
        The results to show.

    Returns
    -------
    str
        One object per model, dataset, split, seed, metric and cut-off.

    Examples
    --------
    >>> import recbench
    >>> results = recbench.run(["popular"], "synthetic", results=None)
    >>> import json as parser
    >>> parser.loads(json(results))[0]["model"]
    'popular'
    """
    frame = results.to_frame()
    known = frame.notna() & ~frame.isin([math.inf, -math.inf])
    rows = frame.astype(object).where(known, None).to_dict("records")
    return f"{dumps(rows, indent=1, allow_nan=False)}\n"  # pandas would cut off digits
