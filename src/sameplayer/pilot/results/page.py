"""The pilot's pages, for a server or a file: a question with its two pictures, and the report.

Nothing here knows of the web: whoever serves the pages mounts

    question(pilot)                        the pair to ask about, or None
    render_question(pilot, pair, links)    its page, whose forms post ``pair`` and ``answer``
    answer(pilot, pair, "yes")             what the forms send
    render_report(pilot, found, links)     the report's page
    pilot.picture(name)                    the JPEG behind ``links.picture(name)``
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.labels.acquisition import next_pair
from sameplayer.pilot.labels.answers import append_answers, checked_answer
from sameplayer.pilot.labels.labels import told
from sameplayer.pilot.results.curve_picture import curve_lines


@dataclass(frozen=True)
class Links:
    """Where the pages' forms and pictures lead.

    answer     address to which an answer is posted
    report     address of the report; empty: no link to it
    question   address of the next question; empty: no link to it
    picture    name of a picture -> its address; None: the picture stands in the page itself
    hidden     further fields of the forms, such as a token
    nonce      for the page's own style and script, where a policy asks for one
    """

    answer: str = "answer"
    report: str = ""
    question: str = ""
    picture: Callable[[str], str] | None = None
    hidden: tuple[tuple[str, str], ...] = ()
    nonce: str = ""


def question(pilot: Pilot, leave: Collection[str] = ()) -> str | None:
    """Return the pair whose answer tells most now, or None when no question is left.

    leave    pairs that somebody else is looking at

    Raises DataError for a damaged answers file.
    """
    return next_pair(pilot, told(pilot), leave)


def answer(pilot: Pilot, pair: str, said: str) -> None:
    """Keep an answer, "yes", "no" or "unsure"; it is on disk when this returns.

    The last answer to a pair counts. Raises DataError for an unknown pair or answer, and where it
    cannot be written.
    """
    pilot.row(pair)
    append_answers(pilot.folder, [(pair, checked_answer(said, f"Pair {pair}"))])


def render_question(pilot: Pilot, pair: str | None, links: Links | None = None) -> str:
    """Return the page that asks about a pair; for None the page that says that all is asked.

    Raises DataError for an unknown pair and for a picture that is gone.
    """
    links = links or Links()
    pictures = [] if pair is None else [pilot.row(pair)[side] for side in ("first", "second")]
    return _render(
        "question.html.j2",
        pair=pair,
        addresses=[_address(pilot, str(name), links) for name in pictures],
        done=told(pilot).asked,
        whole=pilot.config.pairs,
        links=links,
    )


def render_report(pilot: Pilot, found: dict[str, Any], links: Links | None = None) -> str:
    """Return the page of what ``report(pilot)`` found; it refers to nothing outside itself."""
    return _render(
        "report.html.j2",
        found=found,
        title=pilot.facts["source"],
        facts={**pilot.facts, **{f"setting {k}": v for k, v in _settings(pilot).items()}},
        lines=curve_lines(found["curve"], found["overall"]) if found["enough"] else None,
        links=links or Links(),
    )


def _settings(pilot: Pilot) -> dict[str, Any]:
    return {name.replace("_", " "): value for name, value in vars(pilot.config).items()}


def _address(pilot: Pilot, name: str, links: Links) -> str:
    content = pilot.picture(name)
    if links.picture is not None:
        return links.picture(name)
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def _render(template: str, **values: Any) -> str:
    pages = Environment(
        loader=PackageLoader("sameplayer.pilot", "."), autoescape=select_autoescape(["j2"])
    )
    pages.filters["share"] = _share
    pages.filters["between"] = lambda found: f"{_share(found[0])} to {_share(found[2])} %"
    return pages.get_template(template).render(**values)


def _share(value: float) -> str:
    """Return a share in per cent, with as many places as it needs."""
    percent = 100 * value
    return f"{percent:.1f}" if percent >= 1 else f"{percent:.2f}"
