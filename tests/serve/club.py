"""A gallery of drawn players behind a real server on this machine, for tests in a browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sameplayer.data.crops import Crops
from sameplayer.encoder.encoder import Encoder
from sameplayer.gallery.gallery import Gallery, create_gallery
from sameplayer.gallery.people.enrolment import enrol_pictures, new_pictures
from sameplayer.gallery.search.asking import ask
from sameplayer.serve.app import create_app
from sameplayer.serve.http.limits import Limits
from sameplayer.serve.run import make_server

NAMES = ("Ada", "Bo", "Cy", "Dee", "Eli", "Flo")
TOKEN = "the-token-of-the-tests"


def draw_club(folder: Path, encoder: Encoder, league: Crops, waiting: int = 6) -> Gallery:
    """Enrol three pictures each of six drawn players; keep others of them as questions."""
    made = create_gallery(folder, encoder, purpose="match analysis", actor="coach")
    rows = dict(zip(NAMES, rows_by_person(league), strict=False))
    for name, own in rows.items():
        facts = [{"taken": f"2026-0{1 + at}-10"} for at in range(3)]
        ready = new_pictures(made, [league.read(row) for row in own[:3]], facts)
        enrol_pictures(made, {name: ready}, actor="coach")
    for name in NAMES[:waiting]:
        ask(made, [league.read(row) for row in rows[name][3:5]], actor="coach", keep=True)
    return made


def rows_by_person(league: Crops) -> list[list[int]]:
    """Return the rows of each person, of those who have six pictures or more."""
    found: dict[str, list[int]] = {}
    for row, person in enumerate(league.table["person"].astype(str)):
        if person != "<NA>":
            found.setdefault(person, []).append(row)
    return [rows for rows in found.values() if len(rows) >= 6]


def files_of(league: Crops, count: int) -> list[Path]:
    """Return files of the first player, the pictures that are enrolled: Ada's."""
    rows = rows_by_person(league)[0]
    return [league.path(row) for row in rows[:count]]


@contextmanager
def running(gallery: Gallery, limits: Limits | None = None) -> Iterator[str]:
    """Serve a gallery with a real server; give its address."""
    app = create_app({"club": gallery}, limits=limits or Limits(), owner_tokens=[TOKEN])
    server = make_server(app, "127.0.0.1", 0, limits or Limits())
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive()
        assert time.monotonic() < until
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
