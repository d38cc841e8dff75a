"""Shared test data: golden files, a small drawn league, the volleyball pictures where they lie."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before any import: the hub's client reads it once

import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from sameplayer.cli import main
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.synthetic.league import draw_league
from tests.made_once import made_once
from tests.postgres_server import Server, running

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
pytest_plugins = ("tests.fixtures",)
GOLDEN = Path(__file__).parent / "data" / "golden"


LONG = (
    "test_snippets_run",
    "test_killed_at_random_moments",
    "test_ctrl_c",
    "test_onnx_reader",
    "test_two_nodes",
    "test_a_run_killed_five_times",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first, so that no process works on one alone at the end."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in LONG))


@pytest.fixture(scope="session", autouse=True)
def offline() -> Iterator[None]:
    """No test needs a network: whoever connects to another machine fails."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        local = self.family == socket.AF_UNIX or _is_local(str(address[0]))
        if not local:
            raise OSError(f"no test may connect to {address}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here)
        yield


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server that nobody else uses."""
    with running() as found:
        if found is None:
            pytest.skip("no PostgreSQL: apt-get install postgresql")
        yield found


@pytest.fixture(scope="session")
def golden() -> Path:
    return GOLDEN


@pytest.fixture(scope="session")
def league_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small league: 16 training persons, 8 each in test and challenge."""
    out = tmp_path_factory.mktemp("league") / "drawn"
    return draw_league(out, 16, 3, test_persons=8, challenge_persons=6, frames=6)


@pytest.fixture(scope="session")
def league(league_folder: Path) -> Crops:
    return read_source(league_folder)


@pytest.fixture(scope="session")
def shirt_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's own shirt-number reader as an ONNX file, as its verb writes it."""

    def write(folder: Path) -> None:
        assert main(["export", "shirt", "--out", str(folder / "shirt.onnx")]) == 0

    return made_once(tmp_path_factory, "shirt", write) / "shirt.onnx"


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> PlayerLog:
    """A small log with its videos: two cameras, four people, eight appearances; read only."""
    from tests.identity.logs import make_log  # writes videos: needs the extra video

    return make_log(tmp_path_factory.mktemp("match"))


@pytest.fixture(scope="session")
def volleyball() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("SAMEPLAYER_SHARED", beside)) / "data" / "volleyball"
    if not folder.is_dir():
        pytest.skip(f"the volleyball pictures are not at {folder}")
    return folder
