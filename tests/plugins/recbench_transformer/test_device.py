"""Choosing a device."""

import pytest
import torch

from recbench import UsageError
from recbench_transformer import device


def test_available_devices_are_chosen_and_others_refused() -> None:
    assert device.choose_device("cpu") == torch.device("cpu")
    assert device.choose_device("auto").type in ("cpu", "cuda", "mps")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no device cuda:1"):
            device.choose_device("cuda:1")
