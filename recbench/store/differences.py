"""Step 6, store: why what is stored is not what would be computed now, in words."""

from __future__ import annotations

from typing import Protocol

from recbench.results.result import Setting


class Made(Protocol):
    """What numbers were made with: that of a result, or of a study."""

    @property
    def setting(self) -> Setting: ...
    @property
    def plugin(self) -> str: ...
    @property
    def model_version(self) -> str: ...
    @property
    def isolated(self) -> bool: ...
    @property
    def device(self) -> str: ...


def has_other_data(now: Made, then: Made) -> bool:
    """Whether the data or the split have changed."""
    first, second = now.setting, then.setting
    same_split = first.split_sha256 == second.split_sha256
    return not same_split or first.dataset_sha256 != second.dataset_sha256


def of_data_and_code(now: Made, then: Made, stored: str) -> list[str]:
    """Return the differences of data, rules and code. stored: such as "its stored result is"."""
    why = []
    if has_other_data(now, then):
        why.append("the data have changed")
    if now.setting.protocol != then.setting.protocol:
        why.append("the rules of the evaluation have changed")
    if now.plugin != then.plugin:
        why.append(f"{stored} of another plugin, {then.plugin}")
    elif now.model_version != then.model_version:
        why.append(f"the code of plugin {now.plugin} has changed")
    return why


def of_process(now: Made, then: Made) -> list[str]:
    """Return the differences of the process and the device that ran the model."""
    why = []
    if now.isolated != then.isolated:
        place = "a separate process" if then.isolated else "the main process"
        why.append(f"it was run in {place}")
    if now.device != then.device:
        why.append(f"it ran with --device {then.device or 'auto'}")
    return why
