"""Where networks run: one device a process, chosen by name."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sameplayer.errors import SettingError, import_extra

if TYPE_CHECKING:
    import torch

EXPECTED = "auto, cpu, cuda, cuda:N or mps"
DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # of NVIDIA, of AMD, of Windows' Linux


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of this process.

    name    "auto": the GPU where there is one, else the CPU; "cpu"; "cuda" (of several processes
            each its own GPU, by LOCAL_RANK); "cuda:N"; "mps"

    Raises SettingError for another name, and for a device that this machine has not.
    """
    if not isinstance(name, str):
        raise SettingError("device", f"of type {type(name).__name__}", EXPECTED)
    torch = import_extra("torch", "train", f"The device {name}")  # here: the CPU does without

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


def place_of(name: str = "auto") -> str:
    """Return the device of this process as a word, such as "cpu" or "cuda:0".

    As ``pick_device``, but torch is not imported where the answer is the CPU: for "cpu", and for
    "auto" where torch is not installed, or this machine has no GPU that it could use.
    """
    if name == "cpu" or (name == "auto" and not _may_have_gpu()):
        return "cpu"
    return str(pick_device(name))


def _may_have_gpu() -> bool:
    """Tell whether torch is worth asking for a GPU."""
    if sys.modules.get("torch") is not None:
        return True
    try:
        if importlib.util.find_spec("torch") is None:
            return False
    except (ImportError, ValueError):  # whoever keeps it from being imported wants none
        return False
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    windows = Path(os.environ.get("SYSTEMROOT", "/"), "System32", "nvcuda.dll")
    return windows.exists() or any(Path(driver).exists() for driver in DRIVERS)
