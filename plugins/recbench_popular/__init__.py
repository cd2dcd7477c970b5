"""Recommend what is popular: overall, recently, or with the user."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .personal import PersonalPopular
from .popular import Popular
from .recent import RecentPopular

__all__ = ["PersonalPopular", "Popular", "RecentPopular"]


@recbench.hookimpl
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    return {
        "personal-popular": PersonalPopular,
        "popular": Popular,
        "recent-popular": RecentPopular,
    }
