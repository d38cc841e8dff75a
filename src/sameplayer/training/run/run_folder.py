"""What one run leaves: config, environment, metrics, log, last/, best/, and state to go on from."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import pickle
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import torchvision
from torch import Tensor

from sameplayer._version import __version__
from sameplayer.common.files import new_folder, whole_file, write_text
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import ConfigError, TrainingError
from sameplayer.training.config import TrainConfig
from sameplayer.training.run.run_metadata import read_record

log = logging.getLogger("sameplayer.training")
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


def refuse_used_folder(path: str | Path) -> None:
    """Raise TrainingError where a folder for a new run holds files already."""
    try:
        new_folder(path, TrainingError)
    except TrainingError as error:
        raise TrainingError(f"{error} Or continue the run in it with resume.") from None


class RunFolder:
    """The folder of one run; use it in a ``with``, since it keeps the log open.

    path      a new or empty folder. With ``resume`` that of a run with the same settings on the
              same data, or TrainingError says what differs
    config    every setting
    data      ``Plan.facts``: where the data lies, its scope and hashes of its rows
    device    on which the run trains, for the record
    """

    def __init__(
        self,
        path: str | Path,
        config: TrainConfig,
        data: dict[str, Any],
        *,
        device: str = "cpu",
        resume: bool = False,
    ) -> None:
        self.path = Path(path)
        self._rows: list[dict[str, float | int]] = []
        record = {**asdict(config), "data": data}
        if resume:
            _refuse_changes(self.path, json.loads(json.dumps(record)))
        else:
            refuse_used_folder(self.path)
            self._write_json("config.json", record)
        self._write_json("environment.json", environment() | {"device": device})
        try:
            self._handler = logging.FileHandler(self.path / "train.log")
        except OSError as error:
            raise TrainingError(f"{self.path}: cannot be written ({error.strerror}).") from error
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(self._handler)
        log.setLevel(logging.INFO)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        log.removeHandler(self._handler)
        self._handler.close()

    def add_metrics(self, row: dict[str, float | int]) -> None:
        """Add one epoch to metrics.csv."""
        self._rows.append(row)
        with (
            whole_file(self.path / "metrics.csv", TrainingError) as partial,
            open(partial, "w", newline="") as file,
        ):
            writer = csv.DictWriter(file, fieldnames=list(row))
            writer.writeheader()
            writer.writerows(self._rows)

    def save(self, encoder: Encoder, name: str, **facts: Any) -> None:
        """Write the encoder as ``last`` or ``best``."""
        encoder.save(self.path / name, **facts)

    def save_state(self, state: dict[str, Any]) -> None:
        """Write all that a resumed run needs, whole or not at all: tensors, numbers and text."""
        save_state(self.path, {"rows": json.dumps(self._rows), **state})

    def load_state(self) -> dict[str, Any] | None:
        """Return what ``save_state`` wrote, or None; metrics.csv goes on after its epochs."""
        state = load_state(self.path)
        if state is not None:
            self._rows = json.loads(state["rows"])
        return state

    def _write_json(self, name: str, record: dict[str, Any]) -> None:
        write_text(self.path / name, json.dumps(record, indent=2) + "\n", TrainingError)


def _refuse_changes(folder: Path, now: dict[str, Any]) -> None:
    path = folder / "config.json"
    try:
        before = read_record(path)
    except ConfigError as error:
        raise TrainingError(f"{path}: there is no run to resume ({error}).") from error
    data = [record.pop("data", None) for record in (before, now)]
    changes = [
        f"{name} was {before.get(name)}, now {now.get(name)}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    changes += _data_changes(*(facts if isinstance(facts, dict) else {} for facts in data))
    if changes:
        raise TrainingError(
            f"{folder}: cannot resume with other settings or data: {'; '.join(changes)}. "
            "Leave them as they were, or begin a new run."
        )


def _data_changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Say what differs; where the data lies may change, and how its layout is called."""
    if before.get("scope") != now["scope"]:
        return [f"scope was {before.get('scope')}, now {now['scope']}"]
    rows = before.get("rows")
    known = rows if isinstance(rows, dict) else {}
    changes = []
    for part, hashes in now["rows"].items():
        old = known.get(part)
        old = old if isinstance(old, dict) else {}
        other = [name for name, value in hashes.items() if old.get(name) != value]
        if "count" in other:
            changes.append(f"the {part} rows were {old.get('count')}, now {hashes['count']}")
        elif other:
            changes.append(f"the {part} rows have another {', another '.join(other)}")
    return changes


def environment() -> dict[str, Any]:
    """Return what else decides a result: versions, machine, threads."""
    return {
        "sameplayer": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "timm": timm.__version__,
        "numpy": np.__version__,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


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
