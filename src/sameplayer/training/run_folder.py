"""What one run leaves: config, environment, metrics, log, last/, best/, and state to go on from."""

from __future__ import annotations

import csv
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

from sameplayer._version import __version__
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import TrainingError
from sameplayer.files import whole_file, write_text
from sameplayer.training.config import TrainConfig

log = logging.getLogger("sameplayer.training")
STATE_FORMAT = 3


class RunFolder:
    """The folder of one run.

    A new run needs a new or empty folder. With ``resume`` the folder must be that of a run with the
    same settings on the same data, or TrainingError says what differs.
    """

    def __init__(
        self, path: str | Path, config: TrainConfig, data: dict[str, Any], *, resume: bool = False
    ) -> None:
        self.path = Path(path)
        self.rows: list[dict[str, float | int]] = []
        record = {**asdict(config), "data": data}
        if resume:
            self._check_same(record)
        elif self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise TrainingError(
                f"{self.path}: already holds files; a run needs a new or empty folder. Choose "
                "another --out, move the old run away, or go on with it: --resume True."
            )
        else:
            self._write_json("config.json", record)
        self._write_json("environment.json", environment())
        try:
            self._handler = logging.FileHandler(self.path / "train.log")
        except OSError as error:
            raise TrainingError(f"{self.path}: cannot be written ({error.strerror}).") from error
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(self._handler)
        log.setLevel(logging.INFO)

    def close(self) -> None:
        log.removeHandler(self._handler)
        self._handler.close()

    def add_metrics(self, row: dict[str, float | int]) -> None:
        """Add one epoch to metrics.csv."""
        self.rows.append(row)
        with (
            whole_file(self.path / "metrics.csv", TrainingError) as partial,
            open(partial, "w", newline="") as file,
        ):
            writer = csv.DictWriter(file, fieldnames=list(row))
            writer.writeheader()
            writer.writerows(self.rows)

    def save(self, encoder: Encoder, name: str, **facts: Any) -> None:
        """Write the encoder as ``last`` or ``best``."""
        encoder.save(self.path / name, **facts)

    def save_state(self, state: dict[str, Any]) -> None:
        """Write all that a resumed run needs, whole or not at all: tensors, numbers and text."""
        record = {"format": STATE_FORMAT, "rows": json.dumps(self.rows), **state}
        with whole_file(self.path / "state.pt", TrainingError) as partial:
            torch.save(record, partial)

    def _check_same(self, record: dict[str, Any]) -> None:
        path = self.path / "config.json"
        try:
            before = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise TrainingError(f"{path}: there is no run to resume ({error}).") from error
        now = json.loads(json.dumps(record))
        for one in (before, now):  # where the data lies may change, what it is may not
            one["data"] = one.get("data", {}).get("rows")
        changed = [
            f"{name} was {before.get(name)}, now {now.get(name)}"
            for name in sorted({*before, *now})
            if before.get(name) != now.get(name)
        ]
        if changed:
            raise TrainingError(
                f"{self.path}: cannot resume with other settings or data: {'; '.join(changed)}. "
                "Leave them as they were, or begin a new run."
            )

    def _write_json(self, name: str, record: dict[str, Any]) -> None:
        write_text(self.path / name, json.dumps(record, indent=2) + "\n", TrainingError)


def load_state(folder: Path) -> dict[str, Any] | None:
    """Return what ``save_state`` wrote, or None where the run was stopped before that."""
    path = folder / "state.pt"
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise TrainingError(
            f"{path}: damaged, so the run cannot go on ({type(error).__name__}); begin anew in "
            "another folder, from --weights last/ of this one if you like."
        ) from error
    if state.get("format") != STATE_FORMAT:
        raise TrainingError(
            f"{path}: written by another version (format {state.get('format')}, expected "
            f"{STATE_FORMAT}); begin anew in another folder."
        )
    return state


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
