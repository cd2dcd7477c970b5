"""Outside the flow: which stored results and studies are meant by the names that users give."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable
from pathlib import Path

from recbench.data.load import FILE, Data, find_dataset, text_of
from recbench.errors import UsageError, suggest
from recbench.plugins import Plugins
from recbench.results.section import Section
from recbench.spec import Spec


def as_stored(plugins: Plugins, kind: str, text: str) -> str:
    """Return a name with options as results have it: no alias, and options in order."""
    spec = Spec.parse(text)
    with contextlib.suppress(UsageError):  # stored results may be of plugins that are gone
        spec = plugins.find(kind, spec.name).spec(spec.options)
    return str(spec)


def names_of_models(models: Iterable[str]) -> set[str]:
    """Return what stored models may be called: their names with options, and without them."""
    return {name for model in models for name in (model, Spec.parse(model).name)}


def is_wanted(model: str, wanted: Collection[str]) -> bool:
    """Whether a stored model has one of these names; all have, if there are no names."""
    return not wanted or not names_of_models([model]).isdisjoint(wanted)


def of_missing(wanted: Iterable[str], known: Collection[str]) -> str:
    """Return ` of 'x' (did you mean 'y'?)` for the first name that is not known; "" if all are."""
    for name in wanted:
        if name not in known:
            return f" of {name!r}" + (f" ({suggest(name, known)})" if known else "")
    return ""


def is_of(section: Section, datasets: Collection[str] | None, split: str | None) -> bool:
    """Whether a section is of this split and one of these datasets; None stands for any."""
    setting = section.results[0].setting  # the section's names may end in a hash
    if split is not None and split not in (setting.split, section.setting.split):
        return False
    names = {setting.dataset, section.setting.dataset, section.dataset_name}
    names.add(setting.dataset_sha256)
    return datasets is None or not names.isdisjoint(datasets)


def names_of_dataset(plugins: Plugins, dataset: Data) -> set[str]:
    """Return the names that stored results may have for a dataset, without reading its data.

    A dataset that is given as an object is known by its content.
    """
    text = text_of(dataset)
    if not text:
        return {find_dataset(plugins, dataset).load().fingerprint()}
    spec = Spec.parse(text)
    name, options = Path(spec.name).name, dict(spec.options)
    names = {text, str(spec), str(Spec(name, options))}
    with contextlib.suppress(UsageError):  # the data may be gone, or read by a plugin that is
        chosen = find_dataset(plugins, dataset)
        own = {key: text for key, text in options.items() if key not in (chosen.cleaning or {})}
        of_file = chosen.offer.name == FILE
        names.add(chosen.name(str(Spec(name, own)) if of_file else chosen.offer.name))
    return names
