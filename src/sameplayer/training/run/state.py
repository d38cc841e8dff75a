"""The state of a run on disk: whole, of this version, and as it was written."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sameplayer.common.files import whole_file
from sameplayer.errors import TrainingError

STATE_FORMAT = 5
DAMAGE = (
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)
"""What torch, zip and pickle raise for a damaged file."""


def save_state(folder: Path, state: dict[str, Any]) -> None:
    """Write state.pt, whole or not at all: dicts and lists of tensors, numbers and text."""
    record = {"format": STATE_FORMAT, "digest": _digest(state), "state": state}
    with whole_file(folder / "state.pt", TrainingError) as partial:
        torch.save(record, partial)


def load_state(folder: Path) -> dict[str, Any] | None:
    """Return what ``save_state`` wrote, or None where the run was stopped before that.

    Raises TrainingError for a file of another version, and for one whose content is not what was
    written.
    """
    path = folder / "state.pt"
    if not path.is_file():
        return None
    try:
        record: Any = torch.load(path, weights_only=True, map_location="cpu")
    except DAMAGE as error:
        raise _damaged(path, type(error).__name__) from error
    version = record.get("format") if isinstance(record, dict) else None
    if type(version) is not int or version != STATE_FORMAT:
        raise TrainingError(
            f"{path}: written by another version (expected format {STATE_FORMAT}); begin anew in "
            "another folder."
        )
    state = record.get("state")
    if not isinstance(state, dict) or record.get("digest") != _digest(state):
        raise _damaged(path, "its content is not what was written")
    return state


def _damaged(path: Path, reason: str) -> TrainingError:
    return TrainingError(
        f"{path}: damaged, so the run cannot go on ({reason}); begin anew in another folder, with "
        "weights from last/ of this one if you like."
    )


def _digest(value: Any) -> str:
    """Return a hash over all values of nested dicts and lists, their kinds and their order."""
    digest = hashlib.blake2b(digest_size=16)
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    digest.update(type(value).__name__.encode())
    if isinstance(value, Tensor):
        digest.update(f"{value.dtype} {tuple(value.shape)} ".encode())
        flat = value.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    elif isinstance(value, dict):
        for key, item in value.items():
            _feed(digest, key)
            _feed(digest, item)
        digest.update(b"end")
    elif isinstance(value, list | tuple):
        for item in value:
            _feed(digest, item)
        digest.update(b"end")
    else:
        digest.update(repr(value).encode(errors="replace") + b" ")
