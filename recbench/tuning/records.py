"""Tuning: the studies in a folder of results, each in a JSON file with a checksum.

The file is written again after each trial. It holds everything that is shown, so reading it needs
nothing but this file. The journal beside it is what processes that share a study write to.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

from recbench.errors import RecbenchError, describe_error
from recbench.files import write
from recbench.progress import log
from recbench.results.json_form import plain, read_as
from recbench.results.result import Setting
from recbench.store.differences import has_other_data, of_data_and_code, of_process
from recbench.store.format import read_file, seal, unseal
from recbench.store.layout import TUNING, Layout, slug, writing
from recbench.tuning.study import Study

FILE = "trials.json"


def path_of(store: Layout, study: Study) -> Path:
    """Return where the JSON file of a study is, or would be."""
    return store.tuning_folder(study.setting, study.model, study.key) / FILE


def write_study(store: Layout, study: Study) -> Study:
    """Write a study in place of what is stored of it, and return it with the time of this change.

    Raises RecbenchError if the folder cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    study = dataclasses.replace(study, changed=now)
    path = path_of(store, study)
    with writing(path):
        write(path, seal({name: plain(value) for name, value in dataclasses.asdict(study).items()}))
    return study


def read_study(path: Path) -> Study:
    """Read the JSON file of a study. Raises RecbenchError if it is missing, damaged or edited."""
    study: Study = unseal(path, read_file(path), "a study", lambda data: read_as(Study, data))
    return study


def read_studies(
    folder: str | Path, setting: Setting | None = None, left_out: list[str] | None = None
) -> list[Study]:
    """Return the studies in a folder of results, by dataset, split and model, the latest last.

    setting: only studies on these data and this split. left_out: where to add why damaged files are
    left out; the log says so too.
    """
    studies = []
    for path in sorted(Path(folder).glob(f"*/*/*{TUNING}/{FILE}")):
        try:
            study = read_study(path)
        except RecbenchError as error:
            log.warning("%s. It is left out; run recbench tune again", describe_error(error))
            if left_out is not None:
                left_out.append(describe_error(error))
            continue
        if setting is None or study.setting.comparison_key == setting.comparison_key:
            studies.append(study)
    return sorted(
        studies,
        key=lambda study: (
            study.setting.dataset,
            study.setting.split,
            study.setting.comparison_key,
            study.model,
            study.changed,
        ),
    )


def others(store: Layout, study: Study) -> list[Study]:
    """Return other stored studies of the same model on data and a split of the same name."""
    folder = path_of(store, study).parent
    found = []
    for path in sorted(folder.parent.glob(f"{slug(study.model)}-????????{TUNING}/{FILE}")):
        try:
            other = read_study(path)
        except RecbenchError:
            continue
        if other.key != study.key and other.model == study.model:
            found.append(other)
    return sorted(found, key=lambda other: other.changed)


def why_new(study: Study, stored: Study) -> list[str]:
    """Return why trials of a stored study of the same model are not trials of this one."""
    why = of_data_and_code(study, stored, "the stored trials are")
    if not has_other_data(study, stored) and study.validation_sha256 != stored.validation_sha256:
        why.append("the validation targets have changed")
    if study.space != stored.space:
        why.append("the search space has changed")
    if study.metric != stored.metric:
        why.append(f"the metric was {stored.label}")
    if study.seed != stored.seed:
        why.append(f"the tuning seed was {stored.seed}")
    if study.timeout != stored.timeout:
        why.append(f"the time limit was {limit(stored.timeout, 's')}")
    if study.memory != stored.memory:
        why.append(f"the memory limit was {limit(stored.memory, 'MB')}")
    return [*why, *of_process(study, stored)]


def limit(value: float | None, unit: str) -> str:
    """Return a limit as a text."""
    return "not set" if value is None else f"{value:g} {unit}"
