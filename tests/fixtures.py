"""Fixtures that several folders of tests share: a browser, a small gallery, a pilot."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright

from sameplayer.data.crops import Crops
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.errors import DataError
from sameplayer.gallery.core.records import NewPicture
from sameplayer.gallery.gallery import Gallery, create_gallery
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.store.postgres import PostgresDatabase
from sameplayer.gallery.store.sqlite import SqliteDatabase
from sameplayer.pilot import load_pilot, make_pilot
from sameplayer.pilot.config import PilotConfig
from sameplayer.pilot.folder import Pilot

NAMES = ("Ann", "Bea", "Cleo")
CONFIG = PilotConfig(encoder="colour", pairs=120)
Pictures = Callable[..., list[NewPicture]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with sync_playwright() as browsers:
        opened = browsers.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """The encoder without a network: it is loaded in no time."""
    return load_encoder("colour")


@pytest.fixture(scope="session")
def pictures(encoder: Encoder) -> Pictures:
    """A function that makes pictures of a person, alike among themselves."""

    def make(
        person: int, count: int = 4, seed: int = 0, content: bytes | None = b"pixels"
    ) -> list[NewPicture]:
        centre = np.random.default_rng(person).normal(size=encoder.row_width)
        rng = np.random.default_rng((person, seed))
        rows = centre + 0.5 * rng.normal(size=(count, encoder.row_width))
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return [
            NewPicture(
                row, f"{person}-{seed}-{at}", 80, 40, 1.0, content, taken=f"2026-01-0{1 + at % 9}"
            )
            for at, row in enumerate(rows)
        ]

    return make


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> str | None:
    """What ``create_gallery`` takes as its store; a test for one of them alone says so with

    @pytest.mark.parametrize("store", ["sqlite"], indirect=True)
    """
    if request.param == "sqlite":
        return None
    return request.getfixturevalue("server").connection()


@pytest.fixture
def gallery(
    tmp_path: Path, encoder: Encoder, pictures: Pictures, store: str | None
) -> Iterator[Gallery]:
    """Ann, Bea and Cleo are persons 0, 1 and 2 of ``pictures``."""
    made = create_gallery(tmp_path / "club", encoder, purpose="test", actor="me", store=store)
    enrol_pictures(made, {name: pictures(at) for at, name in enumerate(NAMES)}, actor="me")
    yield made
    if isinstance(made.database, PostgresDatabase):
        with suppress(DataError):  # a test may have removed it
            made.database.drop()
    made.close()


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


@contextmanager
def statements(gallery: Gallery) -> Iterator[list[str]]:
    """Collect the SQL statements that this thread runs in a gallery in SQLite."""
    ran: list[str] = []
    database = gallery.database
    assert isinstance(database, SqliteDatabase)
    connection = database._connection()
    connection.set_trace_callback(ran.append)
    try:
        yield ran
    finally:
        connection.set_trace_callback(None)
