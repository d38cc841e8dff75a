"""The verb that serves galleries, or the questions of a pilot, to programs and people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import tyro

from sameplayer.errors import DataError, SettingError, import_extra
from sameplayer.serve.http.hosts import Hosts
from sameplayer.serve.http.limits import Limits

Clubs = tyro.conf.Positional[
    Annotated[
        tuple[Path, ...],
        tyro.conf.arg(
            metavar="CLUB [CLUB ...]",
            help="Folders of galleries, and of one pilot.",
            help_behavior_hint="",
        ),
    ]
]
USUAL, ANY = Limits(), Hosts()


def serve(
    clubs: Clubs,
    host: str = "127.0.0.1",
    port: int = 8437,
    token_file: Path | None = None,
    device: str = "auto",
    hosts: Annotated[Hosts, tyro.conf.arg(name="")] = ANY,
    limits: Annotated[Limits, tyro.conf.arg(name="")] = USUAL,
) -> None:
    """Serve galleries: an API for programs, and pages for people.

    Args:
        host: Address to listen on. One that others reach wants a token in every gallery, or a
            token file; put a proxy with TLS before it.
        port: Port to listen on; 0: any free one.
        token_file: File with one token that may do everything; others must not be able to read it.
        device: Where encoders run: auto, cpu, cuda, cuda:N or mps.
        hosts: Which proxies are believed, and which host names are served.
        limits: What is refused, and how long anything may take.
    """
    for module in ("fastapi", "uvicorn", "python_multipart"):
        import_extra(module, "serve", "Serving a gallery")
    from sameplayer.encoder.runtime.device import place_of
    from sameplayer.gallery.gallery import open_gallery
    from sameplayer.pilot.folder import RECORD, load_pilot
    from sameplayer.serve import run
    from sameplayer.serve.app import create_app

    if not clubs:
        raise DataError("No gallery is given; expected the folder of one, or several.")
    if not 0 <= port <= 65535:
        raise SettingError("port", port, "a number from 0 to 65535")
    if device != "auto":  # a wrong name is refused now, not at the first question
        place_of(device)
    pilots = [folder for folder in clubs if (folder / RECORD).is_file()]
    if len(pilots) > 1:
        raise DataError(f"{pilots[1]}: a second pilot; expected one at a time. Serve it alone.")
    pilot = load_pilot(pilots[0]) if pilots else None
    labels = _labels(tuple(folder for folder in clubs if folder not in pilots))
    galleries = {label: open_gallery(folder, device=device) for label, folder in labels.items()}
    tokens, made = run.admin_tokens(host, list(galleries.values()), token_file, bool(pilots))
    app = create_app(galleries, limits=limits, admin_tokens=tokens, pilot=pilot, hosts=hosts)
    server = run.make_server(app, host, port, limits)

    def started() -> None:
        (own, *_) = server.servers[0].sockets[0].getsockname()[1:2]
        shown = f"[{host}]" if ":" in host else host
        if made is None:
            print(f"page: http://{shown}:{own}/", flush=True)
        else:  # what stands behind # never leaves the browser
            print(f"page: http://{shown}:{own}/login#{made}", flush=True)
            print(f"token for this run: {made}", flush=True)
            print("Make lasting ones with: sameplayer gallery token", file=sys.stderr)

    run.serve(server, started)


def _labels(clubs: tuple[Path, ...]) -> dict[str, Path]:
    """Return folders by what people call them: the last name, numbered where two share it."""
    labels: dict[str, Path] = {}
    for folder in clubs:
        name, label, at = folder.resolve().name, folder.resolve().name, 2
        while label in labels:
            label, at = f"{name} ({at})", at + 1
        labels[label] = folder
    return labels
