"""What one run leaves: config.json, environment.json, metrics.csv, train.log, last/ and best/."""

from __future__ import annotations

import csv
import json
import logging
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import torchvision

from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import TrainingError
from sameplayer.files import whole_file, write_text
from sameplayer.training.config import TrainConfig

log = logging.getLogger("sameplayer.training")


class RunFolder:
    """A new folder of one run; one that is already in use is refused."""

    def __init__(self, path: str | Path, config: TrainConfig, data: dict[str, Any]) -> None:
        self.path = Path(path)
        self._rows: list[dict[str, float | int]] = []
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise TrainingError(
                f"{self.path}: already holds files; a run needs a new or empty folder. Choose "
                "another --out or move the old run away."
            )
        self._write_json("config.json", {**asdict(config), "data": data})
        self._write_json("environment.json", environment())
        self._handler = logging.FileHandler(self.path / "train.log")
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(self._handler)
        log.setLevel(logging.INFO)

    def close(self) -> None:
        log.removeHandler(self._handler)
        self._handler.close()

    def add_metrics(self, row: dict[str, float | int]) -> None:
        """Append one epoch to metrics.csv."""
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

    def _write_json(self, name: str, record: dict[str, Any]) -> None:
        write_text(self.path / name, json.dumps(record, indent=2) + "\n", TrainingError)


def environment() -> dict[str, Any]:
    """Return what else decides a result: versions, machine, threads."""
    from sameplayer import __version__

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
