"""A pilot on a small drawn league, looked at by its colours."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sameplayer.data.crops import Crops
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.pilot import load_pilot, make_pilot
from sameplayer.pilot.config import PilotConfig
from sameplayer.pilot.folder import Pilot
from tests.evaluation.conftest import browser as browser

CONFIG = PilotConfig(encoder="colour", pairs=120)


@pytest.fixture(scope="session")
def colour() -> Encoder:
    return load_encoder("colour", device="cpu")


@pytest.fixture(scope="session")
def named(league: Crops) -> Crops:
    """The pictures of which the table says whom they show."""
    return league.where(league.persons() >= 0)


@pytest.fixture(scope="session")
def made(named: Crops, colour: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Pilot:
    return make_pilot(named, colour, tmp_path_factory.mktemp("pilot") / "PILOT", CONFIG)


@pytest.fixture
def pilot(made: Pilot, tmp_path: Path) -> Pilot:
    """An own copy, with no answers."""
    shutil.copytree(made.folder, tmp_path / "PILOT")
    return load_pilot(tmp_path / "PILOT")
