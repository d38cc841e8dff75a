"""The settings and the data that a run folder records, read without loading torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sameplayer.errors import ConfigError, MissingFile, SettingError, did_you_mean
from sameplayer.training.config import TrainConfig

FACTS = ("root", "source", "scope")
SCOPES = ("set", "game", "sequence")


@dataclass(frozen=True)
class RunRecord:
    """Settings of a run, and the data that it learned from.

    config    every setting
    root      folder or table of the data when the run began
    source    its layout, one of SOURCES
    scope     where its person ids hold: "set", "game" or "sequence"
    """

    config: TrainConfig
    root: Path
    source: str
    scope: str


def read_config(path: str | Path) -> TrainConfig:
    """Read a run's config.json.

    Raises ConfigError naming the file and the key: one that is unknown, a value of another type.
    """
    return _config_of(read_record(path), path)


def read_record(path: str | Path) -> dict[str, Any]:
    """Return the JSON object of a configuration file; ConfigError where it holds none."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as a configuration ({error}).") from error
    if not isinstance(record, dict):
        raise ConfigError(f"{path}: expected a JSON object of settings.")
    return record


def read_run(folder: str | Path) -> RunRecord:
    """Read a run folder, or the first run of a folder of runs (``seed-1``, ``seed-2``, ...).

    Settings, source and scope are what ``train(..., resume=True)`` wants again; the runs of a
    folder of runs differ in their seeds alone. Raises MissingFile where there is no run and
    ConfigError where its config.json is damaged.
    """
    path = _config_path(Path(folder))
    record = read_record(path)
    facts = _facts(record, path)
    return RunRecord(_config_of(record, path), Path(facts["root"]), facts["source"], facts["scope"])


def run_data(folder: str | Path) -> dict[str, Any]:
    """Return root, source and scope of the data that a run learned from.

    folder    of a run, or its best/, last/ or epoch-N; {} where it is of no run, such as an encoder
              that was copied elsewhere. Raises ConfigError where config.json is damaged
    """
    folder = Path(folder)
    for place in (folder, folder.parent):
        path = place / "config.json"
        if path.is_file() and (place / "environment.json").is_file():
            return _facts(read_record(path), path)
    return {}


def _config_of(record: dict[str, Any], path: str | Path) -> TrainConfig:
    """Return the settings of a record that was read from ``path``; ConfigError as read_config."""
    names = [item.name for item in fields(TrainConfig)]
    settings = {key: value for key, value in record.items() if key != "data"}
    for key in settings:
        if key not in names:
            hint = did_you_mean(key, names)
            raise ConfigError(f"{path}: unknown setting {key!r}.{hint}")
    config = TrainConfig(**settings)
    try:
        config.refuse_wrong_types()
    except SettingError as error:
        raise ConfigError(f"{path}: {error}") from error
    return config


def _config_path(folder: Path) -> Path:
    runs = [folder, *sorted(folder.glob("seed-*"), key=lambda run: (len(run.name), run.name))]
    for run in runs:
        if (run / "config.json").is_file():
            return run / "config.json"
    raise MissingFile(
        f"{folder}: there is no run to resume: no config.json, and no seed-N with one."
    )


def _facts(record: dict[str, Any], path: Path) -> dict[str, Any]:
    facts: Any = record.get("data")
    known = isinstance(facts, dict) and all(isinstance(facts.get(key), str) for key in FACTS)
    if not known or facts["scope"] not in SCOPES:
        raise ConfigError(
            f"{path}: expected 'data' with {', '.join(FACTS)} (one of {', '.join(SCOPES)}); "
            "this is no run of this version."
        )
    return {key: facts[key] for key in FACTS}
