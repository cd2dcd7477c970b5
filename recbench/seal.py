"""Step 6, result: the JSON of a result with a checksum of itself, so that no edit goes unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import RecbenchError, said
from .result import Result, from_json, to_json

_NOT_OURS = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def sealed(result: Result) -> bytes:
    """The JSON of a result, with `sha256` over all else of it."""
    data = json.loads(json.dumps(to_json(result), allow_nan=False))  # as it will be read
    data["sha256"] = _digest(data)
    text = json.dumps(data, indent=1, ensure_ascii=False)
    return text.encode(errors="surrogatepass") + b"\n"  # paths can have what is no character


def opened(path: Path, text: bytes) -> Result:
    """The inverse of `sealed`. Raises RecbenchError, naming the file, for anything else."""
    try:
        data = dict(json.loads(text))
    except _NOT_OURS as error:
        raise RecbenchError(f"{path} was cut or edited by hand ({said(error)})") from error
    seal = data.pop("sha256", None)
    if seal is None:
        raise RecbenchError(f"{path} has no sha256 of itself: too old, or edited by hand")
    if seal != _digest(data):
        raise RecbenchError(f"{path} was edited by hand: it does not fit its own sha256")
    try:
        return from_json(data)
    except _NOT_OURS as error:
        raise RecbenchError(f"{path} is of another version of recbench ({said(error)})") from error


def _digest(data: Mapping[str, Any]) -> str:
    """sha256 of the content: spaces and the order of keys do not matter."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
