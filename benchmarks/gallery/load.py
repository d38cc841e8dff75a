"""How many questions a second the server answers, and how fast: python benchmarks/gallery/load.py.

A gallery of random rows, a real server in a process of its own, and a few clients on 127.0.0.1 that
each send the next question when the last one is answered, or at a given rate together.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from sameplayer.encoder.load import load_encoder
from sameplayer.gallery.core.records import NewPicture
from sameplayer.gallery.gallery import create_gallery, open_gallery
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.tokens import make_token
from sameplayer.serve.http.limits import Limits

ENCODER = "colour"
LIMITS = Limits(rate=100_000, burst=100_000)


def make(folder: Path, persons: int, each: int, seed: int) -> tuple[str, str, np.ndarray]:
    """Make a gallery of random persons; return its id, a token, and rows to ask about."""
    encoder = load_encoder(ENCODER)
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(persons, encoder.row_width))
    with create_gallery(folder, encoder, purpose="load", actor="load") as made:
        for start in range(0, persons, 500):
            ready = {}
            for person in range(start, min(start + 500, persons)):
                rows = unit(centres[person] + rng.normal(size=(each, encoder.row_width)))
                ready[f"person {person}"] = [
                    NewPicture(row, f"{person} {at}", 80, 40, 1.0) for at, row in enumerate(rows)
                ]
            enrol_pictures(made, ready, actor="load")
        token = make_token(made, "load", ["query"])
        asked = unit(centres[:256] + rng.normal(size=(min(256, persons), encoder.row_width)))
        return made.settings.id, token, asked


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def serve(folder: Path, pipe: multiprocessing.connection.Connection) -> None:
    """Run the server, and tell its port."""
    from sameplayer.serve.app import create_app
    from sameplayer.serve.run import make_server
    from sameplayer.serve.run import serve as run

    app = create_app({"load": open_gallery(folder, ENCODER)}, limits=LIMITS)
    server = make_server(app, "127.0.0.1", 0, LIMITS)
    run(server, lambda: pipe.send(server.servers[0].sockets[0].getsockname()[1]))


def client(
    port: int,
    gallery: str,
    token: str,
    asked: list[bytes],
    until: float,
    every: float,
    times: list[float],
    wrong: list[str],
    start: int,
) -> None:
    """Ask until it is over; every: seconds between two questions, 0: as fast as answers come."""
    head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    due, at = time.perf_counter(), start
    while time.perf_counter() < until:
        if every:
            due += every
            time.sleep(max(0.0, due - time.perf_counter()))
        began = time.perf_counter()
        try:
            link.request(
                "POST", f"/v1/galleries/{gallery}/ask/vectors", asked[at % len(asked)], head
            )
            answer = link.getresponse()
            body = answer.read()
            if answer.status != 200 or not json.loads(body)["answers"][0]["candidates"]:
                wrong.append(f"{answer.status} {body[:100]!r}")
        except (OSError, http.client.HTTPException) as error:
            wrong.append(type(error).__name__)
            link.close()
        times.append(time.perf_counter() - began)
        at += 1


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--seconds", type=float, default=60)
    parse.add_argument("--clients", type=int, default=8)
    parse.add_argument("--rate", type=float, default=0, help="questions a second; 0: all there are")
    parse.add_argument("--persons", type=int, default=1000)
    parse.add_argument("--each", type=int, default=10)
    parse.add_argument("--seed", type=int, default=0)
    given = parse.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "club"
        gallery, token, rows = make(folder, given.persons, given.each, given.seed)
        asked = [json.dumps({"vectors": [row.tolist()]}).encode() for row in rows]
        ours, theirs = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=serve, args=(folder, theirs))
        server.start()
        if not ours.poll(60):
            raise SystemExit("the server did not start")
        port = ours.recv()
        client(port, gallery, token, asked, time.perf_counter() + 2, 0, [], [], 0)  # warm
        times: list[float] = []
        wrong: list[str] = []
        every = given.clients / given.rate if given.rate else 0.0
        began = time.perf_counter()
        threads = [
            threading.Thread(
                target=client,
                args=(
                    port,
                    gallery,
                    token,
                    asked,
                    began + given.seconds,
                    every,
                    times,
                    wrong,
                    31 * at,
                ),
            )
            for at in range(given.clients)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        whole = time.perf_counter() - began
        server.terminate()
        server.join()
    p50, p95, p99 = 1000 * np.percentile(times, [50, 95, 99])
    print(
        f"{given.persons} persons x {given.each}, {given.clients} clients, {whole:.0f} s: "
        f"{len(times) / whole:.0f} answers a second, p50 {p50:.1f} ms, p95 {p95:.1f} ms, "
        f"p99 {p99:.1f} ms, largest {1000 * max(times):.0f} ms, {len(wrong)} errors"
    )
    for one in wrong[:5]:
        print(" ", one)


if __name__ == "__main__":
    main()
