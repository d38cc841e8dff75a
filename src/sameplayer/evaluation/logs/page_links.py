"""Links between appearances on the page of a log: odds by kind of evidence, maps, numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import import_extra
from sameplayer.evaluation.logs.page_crops import Album
from sameplayer.evaluation.pages import figure_address
from sameplayer.evaluation.ranked_strips import reason
from sameplayer.identity.log.log_files import rows_of
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.numbers.reader import NumberReader

KINDS = ("appearance", "number", "team", "place")
OFTEN = 2  # links of one group that show one appearance, at most
FULL = 6.0  # log-odds of a whole bar
SHOWN = {"least": 12, "surest": 6, "apart": 6}
MAPS = {"least": 2, "surest": 1, "apart": 1}
SEEN = 0.5  # probability from which a number is shown


@dataclass(frozen=True)
class LinkGroup:
    """Links under one heading, each as the page shows it."""

    key: str
    title: str
    words: str
    links: list[dict[str, Any]]


def link_groups(log: PlayerLog) -> list[LinkGroup]:
    """Return the weakest joins, the strongest, and the closest pairs that were not joined."""
    together = log.links["joined"].astype(bool)
    joined = log.links[together].sort_values("odds", kind="stable")
    apart = log.links[~together].sort_values("odds", ascending=False, kind="stable")
    least = _several(joined, SHOWN["least"])
    surest = _several(joined.drop(least.index)[::-1], SHOWN["surest"])
    sections = (
        (
            "least",
            "Weakest joins: please check these",
            "Joined as one player on the weakest evidence.",
            least,
        ),
        ("surest", "Strongest joins", "Joined as one player on the strongest evidence.", surest),
        (
            "apart",
            "Closest pairs that were not joined",
            "Possibly one player, but there is evidence against it.",
            _several(apart, SHOWN["apart"]),
        ),
    )
    groups = [
        LinkGroup(key, title, words, _links(log, rows)) for key, title, words, rows in sections
    ]
    return [group for group in groups if group.links]


def _several(links: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the first links, one appearance in at most OFTEN of them."""
    count: Counter[int] = Counter()
    rows: list[int] = []
    for at, row in enumerate(rows_of(links)):
        ends = (int(row.first), int(row.second))
        if len(rows) < most and max(count[end] for end in ends) < OFTEN:
            count.update(ends)
            rows.append(at)
    return links.iloc[rows]


def add_maps(groups: list[LinkGroup], album: Album, encoder: Encoder | None) -> str | None:
    """Explain some links by maps of both pictures; return why not, where that fails."""
    if encoder is None:
        return None
    try:
        import_extra("torch", "train", "A map")
        from sameplayer.maps.explanation import explain
        from sameplayer.maps.overlay import draw_pair

        for group in groups:
            for link in _with_pictures(group, album)[: MAPS[group.key]]:
                a, b = (album.picture(album.of(link[at])[0]) for at in ("first", "second"))
                why = explain(encoder, a, b)
                link["map"] = figure_address(draw_pair(a, b, why))
    except Exception as error:  # an optional part must not take the page with it
        return reason(error)
    return None


def add_numbers(
    groups: list[LinkGroup], album: Album, reader: NumberReader | Callable[[], NumberReader] | None
) -> str | None:
    """Read the numbers of the links' pictures; return why not, where that fails."""
    if reader is None:
        return None
    try:
        made: Any = reader if hasattr(type(reader), "read") else reader()  # type: ignore[operator]
        for group in groups:
            for link in _with_pictures(group, album):
                pictures = [album.picture(album.of(link[at])[0]) for at in ("first", "second")]
                link["read"] = [_number_read(row, made) for row in np.exp(made.read(pictures))]
    except Exception as error:  # an optional part must not take the page with it
        return reason(error)
    return None


def _with_pictures(group: LinkGroup, album: Album) -> list[dict[str, Any]]:
    return [one for one in group.links if album.of(one["first"]) and album.of(one["second"])]


def _number_read(shares: np.ndarray, reader: NumberReader) -> str:
    best = int(shares[:-1].argmax())
    if shares[best] < SEEN:
        return "no number read"
    return f"no. {reader.candidates[best]} read ({shares[best]:.2f})"


def _links(log: PlayerLog, rows: pd.DataFrame) -> list[dict[str, Any]]:
    who = log.appearances.set_index("appearance")["identity"]
    links = []
    for row in rows_of(rows):
        first, second = int(row.first), int(row.second)
        kinds = [(kind, *_bar(float(getattr(row, kind)))) for kind in KINDS]
        links.append(
            {
                "first": first,
                "second": second,
                "who": [str(who[first]), str(who[second])],
                "odds": f"{row.odds:+.1f}",
                "percent": f"{100 * expit(float(row.odds)):.1f}",
                "kinds": kinds,
                "read": None,
                "map": None,
            }
        )
    return links


def _bar(value: float) -> tuple[str, str, float]:
    """Return a log-odds as text, its direction, and the length of its bar, 0 to 50 percent."""
    side = "one" if value > 0 else "two"
    return f"{value:+.1f}", side if abs(value) >= 0.05 else "none", min(abs(value) / FULL, 1) * 50
