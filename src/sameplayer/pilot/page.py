"""The pilot's pages as HTML, for a server or a file: a question with its two pictures, the report.

Nothing here depends on a web framework. A server shows ``render_question(pilot, pair, links)`` for
the pair of ``next_question(pilot)``, passes what the form posts to ``record_answer(pilot, pair,
answer)``, serves ``pilot.picture(name)`` at ``links.picture(name)``, and shows
``render_report(pilot, report(pilot), links)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sameplayer.common.pages import data_address, templates
from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.labels import read_labels

WIDTH, HEIGHT = 600, 240


@dataclass(frozen=True)
class Links:
    """URLs of the pages' forms and pictures.

    answer     to which an answer is posted
    report     of the report; empty: no link
    question   of the next question; empty: no link
    picture    name of a picture -> its URL; None: pictures are embedded in the page
    hidden     further fields of the forms, such as a token
    nonce      for the page's own style and script under a content security policy
    """

    answer: str = "answer"
    report: str = ""
    question: str = ""
    picture: Callable[[str], str] | None = None
    hidden: tuple[tuple[str, str], ...] = ()
    nonce: str = ""


def render_question(pilot: Pilot, pair: str | None, links: Links | None = None) -> str:
    """Return the HTML of the page that asks about a pair; None: there are no more questions.

    Raises DataError for an unknown pair and for a missing picture.
    """
    links = links or Links()
    pictures = [] if pair is None else [pilot.row(pair)[side] for side in ("first", "second")]
    return _render(
        "question.html.j2",
        pair=pair,
        urls=[_url(pilot, str(name), links) for name in pictures],
        done=read_labels(pilot).answered,
        whole=pilot.config.pairs,
        links=links,
    )


def render_report(pilot: Pilot, found: dict[str, Any], links: Links | None = None) -> str:
    """Return the HTML of ``report(pilot)``, self-contained."""
    return _render(
        "report.html.j2",
        found=found,
        title=pilot.facts["source"],
        facts={**pilot.facts, **{f"setting {k}": v for k, v in _settings(pilot).items()}},
        lines=curve_lines(found["curve"], found["overall"]) if found["enough"] else None,
        links=links or Links(),
    )


def curve_lines(curve: list[dict[str, Any]], chosen: dict[str, Any]) -> dict[str, Any]:
    """Return what the template draws: a band and a line per rate, and the threshold.

    curve     thresholds, rising, each with the rates missed and false (low, median, high)
    chosen    the entry of the wanted rate
    """
    low, high = curve[0]["threshold"], curve[-1]["threshold"]

    def across(threshold: float) -> float:
        return WIDTH * (threshold - low) / max(high - low, 1e-9)

    def points(name: str, end: int) -> list[str]:
        return [
            f"{across(point['threshold']):.1f},{HEIGHT * (1 - point[name][end]):.1f}"
            for point in curve
        ]

    return {
        "width": WIDTH,
        "height": HEIGHT,
        "low": low,
        "high": high,
        "chosen": across(chosen["threshold"]),
        "lines": [
            {
                "name": name,
                "line": " ".join(points(name, 1)),
                "band": " ".join(points(name, 0) + points(name, 2)[::-1]),
            }
            for name in ("missed", "false")
        ],
    }


def _settings(pilot: Pilot) -> dict[str, Any]:
    return {name.replace("_", " "): value for name, value in vars(pilot.config).items()}


def _url(pilot: Pilot, name: str, links: Links) -> str:
    content = pilot.picture(name)
    if links.picture is not None:
        return links.picture(name)
    return data_address("image/jpeg", content)


def _render(template: str, **values: Any) -> str:
    pages = templates("sameplayer.pilot")
    pages.filters["share"] = _share
    pages.filters["between"] = _between
    return pages.get_template(template).render(**values)


def _share(value: float) -> str:
    """Return a fraction as a percentage with as many decimals as it needs."""
    percent = 100 * value
    return f"{percent:.1f}" if percent >= 1 else f"{percent:.2f}"


def _between(interval: tuple[float, float, float]) -> str:
    return f"{_share(interval[0])} to {_share(interval[2])} %"
