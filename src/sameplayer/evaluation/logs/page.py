"""One self-contained HTML page of a log: players, timelines, links with why, corrections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from sameplayer.common.files import write_text
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import SettingError
from sameplayer.evaluation.logs.page_crops import Album, ask_for_players, longest_first
from sameplayer.evaluation.logs.page_links import LinkGroup, add_maps, add_numbers, link_groups
from sameplayer.evaluation.logs.page_rows import (
    LANE,
    OF_PLAYER,
    WIDTH,
    axis,
    in_order,
    player_rows,
    script_data,
    unsure_rows,
)
from sameplayer.evaluation.pages import render
from sameplayer.identity.log.log_files import plain
from sameplayer.identity.log.player_log import PlayerLog, clock
from sameplayer.numbers.reader import NumberReader

CROPS = 1200  # pictures on a page, at most
OF_APPEARANCE = 3
PLAYERS_WITH_CROPS = 150
UNSURE = 60  # unsure appearances that are listed
NOT_LISTED = (
    "contradictions",
    "notes",
    "appearance_curve",
    "looks",
)  # facts shown elsewhere, or not


def write_log_page(
    log: PlayerLog,
    path: str | Path,
    *,
    encoder: Encoder | None = None,
    reader: NumberReader | Callable[[], NumberReader] | None = None,
    most: int = CROPS,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the page; it refers to nothing outside itself.

    encoder     show maps of what some links rest on, by this encoder
    reader      read with it the numbers of the links' pictures; or a function that makes one
    most        crops on the page, at most; links and players come first, then the longest
                appearances. What has none is still in the timelines
    progress    called with (done, all) crops read from the videos

    Crops, maps and numbers are optional: where a video is gone or something fails, the page says
    why and holds all the rest. Raises DataError where the page cannot be written, SettingError.
    """
    if most < 0:
        raise SettingError("most", most, "0 or more")
    players = in_order(log)
    groups = link_groups(log)
    unsure = unsure_rows(log)
    listed = unsure[:UNSURE]
    album = Album(log, most)
    _ask(album, log, groups, listed)
    album.read(progress)
    failures = (
        ("maps", add_maps(groups, album, encoder)),
        ("numbers", add_numbers(groups, album, reader)),
    )
    rows = player_rows(log, players, album)
    missing = [f"No {what}: {why}" for what, why in failures if why is not None]
    page = render(
        "log_page.html.j2",
        title=", ".join(one.name for one in log.cameras),
        counts=_counts(log, players),
        facts=_facts(log),
        notes=_sentences(log, "notes"),
        contradictions=_sentences(log, "contradictions"),
        missing=[*missing, *album.notes],
        limit=_limit(log, album),
        rows=rows,
        brief=sum(row["brief"] for row in rows),
        axis=axis(log),
        lanes=len(log.cameras) * LANE,
        cameras=[one.name for one in log.cameras],
        groups=groups,
        unsure=listed,
        more_unsure=len(unsure) - len(listed),
        album=album,
        data=script_data(log, players, album, _drawn(album, rows, groups, listed)),
        width=WIDTH,
        lane=LANE,
    )
    write_text(path, page)


def _ask(
    album: Album, log: PlayerLog, groups: list[LinkGroup], unsure: list[dict[str, Any]]
) -> None:
    for group in groups:
        for link in group.links:
            album.ask(link["first"], 1)
            album.ask(link["second"], 1)
    longest = log.players()["identity"].tolist()[:PLAYERS_WITH_CROPS]
    ask_for_players(album, longest, log.appearances, OF_PLAYER)
    for one in unsure:
        album.ask(one["appearance"], 2)
    every = longest_first(log.appearances)
    for count in (1, OF_APPEARANCE):
        for appearance in every:
            album.ask(appearance, count)


def _drawn(
    album: Album, rows: list[dict[str, Any]], groups: list[LinkGroup], unsure: list[dict[str, Any]]
) -> set[int]:
    """Return the crops that the template itself shows."""
    found = {crop for row in rows if not row["brief"] for crop in row["crops"]}
    for group in groups:
        for link in group.links:
            found |= {*album.of(link["first"])[:1], *album.of(link["second"])[:1]}
    return found | {crop for one in unsure for crop in album.of(one["appearance"])[:2]}


def _counts(log: PlayerLog, players: pd.DataFrame) -> dict[str, Any]:
    table = log.appearances
    seconds = float(table["end_s"].max() - table["start_s"].min()) if len(table) else 0.0
    return {
        "players": len(players),
        "named": int((players["name"].notna() | players["number"].notna()).sum()),
        "appearances": len(log),
        "sure": int(table["sure"].astype(bool).sum()),
        "cameras": len(log.cameras),
        "time": clock(seconds),
    }


def _facts(log: PlayerLog) -> dict[str, str]:
    """Return the log's technical details as texts, nested ones under joined names."""
    found: dict[str, str] = {}
    for camera in log.cameras:
        found[f"camera {camera.name}"] = f"{camera.video.name}, from {camera.offset_s:g} s"
    for name, value in plain(log.facts).items():
        if name in NOT_LISTED:
            continue
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, one in parts:
            if one not in (None, "", [], {}):
                words = f"{one:.4g}" if isinstance(one, float) else str(one)
                found[f"{name} {part}".strip().replace("_", " ")] = words
    return found


def _sentences(log: PlayerLog, name: str) -> list[str]:
    found = plain(log.facts.get(name))
    return [str(one) for one in found] if isinstance(found, list) else []


def _limit(log: PlayerLog, album: Album) -> str:
    shown = sum(bool(album.of(int(one))) for one in log.appearances["appearance"])
    if shown == len(log):
        return ""
    return (
        f"{len(album.addresses)} pictures: {shown} of {len(log)} appearances have one or more, the "
        "longest and those named below first."
    )
