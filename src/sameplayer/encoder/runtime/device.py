"""Where networks run: one device a process, chosen by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sameplayer.errors import SettingError

if TYPE_CHECKING:
    import torch

EXPECTED = "auto, cpu, cuda, cuda:N or mps"


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of this process.

    name    "auto": the GPU where there is one, else the CPU; "cpu"; "cuda" (of several processes
            each its own GPU, by LOCAL_RANK); "cuda:N"; "mps"

    Raises SettingError for another name, and for a device that this machine has not.
    """
    if not isinstance(name, str):
        raise SettingError("device", f"of type {type(name).__name__}", EXPECTED)
    import torch  # here: ONNX files run without it

    if name == "auto":
        if torch.cuda.is_available():
            name = "cuda"
        else:
            name = "mps" if torch.backends.mps.is_available() else "cpu"
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingError("device", name, EXPECTED) from None
    if device.type == "cuda":
        found = torch.cuda.device_count()
        if (device.index or 0) >= found:
            raise SettingError("device", name, f"{EXPECTED}; this machine has {found} CUDA GPUs")
        torch.cuda.set_device(device)
    elif device.type == "mps":
        if not torch.backends.mps.is_available():
            raise SettingError("device", name, f"{EXPECTED}; this machine has no MPS")
    elif device.type != "cpu":
        raise SettingError("device", name, EXPECTED)
    return device
