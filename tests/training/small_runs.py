"""Short trainings that several test modules run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from sameplayer.encoder.load import load_encoder
from sameplayer.training.config import TrainConfig
from sameplayer.training.run.loop import Step

QUICK = TrainConfig("small", pairs=8, epochs=2, height=64, width=32, folds=4, device="cpu", seed=1)


def weights(run: Path) -> bytes:
    return (run / "last" / "model.safetensors").read_bytes()


def prints(run: Path) -> list[str]:
    """Fingerprints of last/ and best/, which hash weights, not facts."""
    return [load_encoder(run / part).fingerprint() for part in ("last", "best")]


def epochs_of(run: Path) -> list[list[str]]:
    """The columns of metrics.csv that do not depend on the clock."""
    return [line.split(",")[:8] for line in (run / "metrics.csv").read_text().splitlines()]


def stop_at(epoch: int, step: int):  # type: ignore[no-untyped-def]
    """A progress that kills the run at this step."""

    def interrupt(told: Step) -> None:
        if (told.epoch, told.step) == (epoch, step):
            raise KeyboardInterrupt

    return interrupt


def record(run: Path) -> dict:
    return json.loads((run / "config.json").read_text())


def digest(folder: Path) -> str:
    """A hash of all files of a folder: what must not change."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
