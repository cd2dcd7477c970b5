"""Before step 1: write values of options as text that is read as the same values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from recbench.code.content import digest, same
from recbench.errors import UsageError
from recbench.given.instances import SCALARS
from recbench.spec import Spec, parameters, read_options


def read_values(
    what: str, factory: Callable[..., Any], options: Mapping[str, str]
) -> dict[str, Any]:
    """Return the values of options; parameters without a default may be missing."""
    others = dict.fromkeys(parameters(factory)[0])
    values = read_options(what, factory, options, others)
    return {key: values[key] for key in options}


def option_text(name: str, factory: Callable[..., Any], key: str, value: Any) -> str:
    """Return the text of an option: the value itself if it can be read back, else a digest."""
    plain = value.item() if isinstance(value, np.generic) else value
    texts = [str(plain).lower() if plain is None or isinstance(plain, bool) else str(plain)]
    if isinstance(plain, (list, tuple)):
        texts = [",".join(map(str, plain)), repr(plain).replace(", ", ",")]
    for text in texts:
        if reads_as(name, factory, key, text, value):
            return text
    shown = str(value) if isinstance(value, SCALARS) else type(value).__name__
    label = re.sub(r"\W", "", getattr(value, "__name__", shown))[:20]
    return f"{label}-{(digest(value) or f'{id(value):08x}')[-8:]}"


def reads_as(name: str, factory: Callable[..., Any], key: str, text: str, value: Any) -> bool:
    """Whether the text of an option is read as this value, or a number or list that equals it."""
    try:
        spec = Spec.parse(f"{name}:{key}={text}")
        read = read_values(name, factory, spec.options)[key]
    except UsageError:
        return False
    return spec.options == {key: text} and same(_usual(read), _usual(value))


def _usual(value: Any) -> Any:
    """Return numbers of all types as float, and a list as tuple; any other value as it is."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_usual, value))
    value = value.item() if isinstance(value, np.generic) else value
    is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
    return float(value) if is_whole else value
