"""Every step: trackers that a command names, which hear of its results while it runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from recbench.code.raised import describe_raised
from recbench.errors import RecbenchError, UsageError
from recbench.given.services import with_trackers
from recbench.offers import EVENTS, check_events
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.spec import Spec


def check_trackers(plugins: Plugins, track: Any) -> tuple[Plugins, list[Any]]:
    """Return plugins with the trackers of files, and the trackers: texts with options, or objects.

    track: a name with options, an object with event hooks, the path of a .py file, or several.
    Raises UsageError for names and options that do not exist.
    """
    given = [track] if isinstance(track, str) or not isinstance(track, Iterable) else list(track)
    found: list[Any] = []
    for each in given:
        if any(callable(getattr(each, event, None)) for event in EVENTS):
            found.append(each)
            continue
        plugins, texts = with_trackers(plugins, each)
        found += texts
    for text in found:
        if isinstance(text, str):
            plugins.check("trackers", Spec.parse(text))
    return plugins, [each for n, each in enumerate(found) if each not in found[:n]]


@contextlib.contextmanager
def tracked(plugins: Plugins, trackers: Iterable[Any]) -> Iterator[None]:
    """In this block, the trackers are called for events. They are made first.

    trackers: as `check_trackers` returns them. Raises the UsageError of a tracker that cannot be
    made. Other errors cost a warning and this tracker.
    """
    with contextlib.ExitStack() as registered:
        for tracker in trackers:
            name = tracker if isinstance(tracker, str) else type(tracker).__name__
            try:
                registered.enter_context(_registered(plugins, tracker, f"tracker {name}"))
            except (UsageError, KeyboardInterrupt):
                raise
            except BaseException as error:  # also SystemExit
                log.debug("tracker %s failed", name, exc_info=True)
                log.warning(
                    "--track %s failed, and nothing is tracked there: %s",
                    name,
                    describe_raised(error),
                )
        yield


@contextlib.contextmanager
def _registered(plugins: Plugins, tracker: Any, title: str) -> Iterator[None]:
    """In this block, a tracker is called for events. title: how warnings name it."""
    made = tracker
    if isinstance(tracker, str):
        spec = Spec.parse(tracker)
        made = plugins.find("trackers", spec.name).build(spec.options, {})
    while plugins.manager.has_plugin(title):
        title += " (another)"
    plugins.manager.register(made, title)
    try:
        if not plugins.manager.get_hookcallers(made):
            raise RecbenchError(
                f"it has none of {', '.join(EVENTS)}, marked with @recbench.hookimpl"
            )
        check_events(plugins.manager, made)
        yield
    finally:
        plugins.manager.unregister(made)
