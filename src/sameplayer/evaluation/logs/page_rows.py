"""What the page of a log shows of players and their appearances, as its template takes it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sameplayer.evaluation.logs.page_crops import Album
from sameplayer.identity.export.sportscode import hue_of
from sameplayer.identity.inputs.corrections import COLUMNS
from sameplayer.identity.log.log_files import rows_of, text_or
from sameplayer.identity.log.player_log import SAID, PlayerLog, clock

OF_PLAYER = 4  # crops in the table of players
WIDTH = 1000  # units of a timeline
LANE = 14  # units a camera
NARROWEST = 3.0
COULD_BE = 0.1  # probability from which the page says who an unknown identity could be
BRIEF_S = 0.5  # on screen in all: somebody unknown who is seen for less is folded away
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds between two marks
COLOURS = frozenset(
    (
        "white",
        "black",
        "red",
        "blue",
        "green",
        "yellow",
        "orange",
        "purple",
        "pink",
        "brown",
        "grey",
        "gray",
        "navy",
        "cyan",
        "maroon",
        "teal",
        "gold",
        "silver",
        "lime",
        "violet",
    )
)


def in_order(log: PlayerLog) -> pd.DataFrame:
    """Return the players: those with a number by team and number, then the others by their time.

    With the columns unknown, neither name nor number, and place, in the order of log.players().
    """
    players = log.players()
    number = pd.to_numeric(players["number"], errors="coerce")
    keys = players.assign(
        unknown=players["number"].isna() & players["name"].isna(),
        side=players["team"].isna(),
        team=players["team"].fillna(""),
        number=number.fillna(1000),
    )
    keys["number"] = keys["number"].where(~keys["unknown"], -keys["on_screen_s"])
    order = keys.sort_values(["unknown", "side", "team", "number"], kind="stable").index
    players = players.assign(unknown=keys["unknown"], place=players.index)
    return players.loc[order].reset_index(drop=True)


def player_rows(log: PlayerLog, players: pd.DataFrame, album: Album) -> list[dict[str, Any]]:
    """Return what the table and the timelines show of each player."""
    by_identity = dict(iter(log.appearances.groupby("identity", sort=False)))
    lanes = {one.name: place for place, one in enumerate(log.cameras)}
    start, seconds = _span(log)
    rows = []
    for place, one in enumerate(players.to_dict("records")):
        own = by_identity[one["identity"]].sort_values("start_s", kind="stable")
        share = (own["probability"] * own["frames"]).sum() / max(1, own["frames"].sum())
        crops = [crop for appearance in own["appearance"] for crop in album.of(int(appearance))]
        rows.append(
            {
                "place": place,
                "identity": str(one["identity"]),
                "team": text_or(one["team"]),
                "colour": _colour(log, text_or(one["team"])),
                "number": text_or(one["number"]),
                "seconds": clock(float(one["on_screen_s"])),
                "cameras": one["cameras"],
                "appearances": one["appearances"],
                "unsure": int((~own["sure"].astype(bool)).sum()),
                "share": percent(share),
                "could_be": _could_be(own.iloc[0]),
                "brief": bool(one["unknown"]) and float(one["on_screen_s"]) < BRIEF_S,
                "crops": _spread(crops, OF_PLAYER),
                "hue": round(360 * hue_of(int(one["place"]))),
                "strips": [_strip(row, lanes, start, seconds) for row in rows_of(own)],
            }
        )
    return rows


def _strip(row: Any, lanes: dict[str, int], start: float, seconds: float) -> dict[str, Any]:
    left = WIDTH * (row.start_s - start) / seconds
    wide = max(NARROWEST, WIDTH * (row.end_s - row.start_s) / seconds)
    likely = "confirmed by you" if _corrected(row) else percent(row.probability)
    words = [f"{clock(row.start_s)} to {clock(row.end_s)}", row.camera, likely]
    return {
        "appearance": int(row.appearance),
        "x": f"{min(left, WIDTH - wide):.1f}",
        "wide": f"{wide:.1f}",
        "y": lanes[row.camera] * LANE + 1,
        "sure": bool(row.sure),
        "words": ", ".join(filter(None, words)),
    }


def percent(share: Any, rest_of: Any = None) -> str:
    """Return a probability in whole percent, "" where it is missing.

    rest_of    the probability of another answer to the same question: the two percentages sum to
               100 at most
    """
    if pd.isna(share):
        return ""
    whole = round(100 * float(share))
    if rest_of is not None and not pd.isna(rest_of):
        whole = min(whole, 100 - round(100 * float(rest_of)))
    return f"{whole} %"


def _corrected(row: Any) -> bool:
    return text_or(row.rests_on) == SAID


def basis(rests_on: str) -> str:
    """Return a log's ``rests_on`` as a sentence: why joined, and what the name is based on."""
    if rests_on == SAID:
        return "You confirmed this"
    joined, _, named = rests_on.partition("; named by ")
    kinds, _, other = joined.removesuffix(")").partition(" (with ")
    if kinds == "tracker":
        words = "Followed without a break"
    elif other:
        words = f"Joined with {other} by {kinds}"
    else:
        words = kinds.capitalize()
    return f"{words}; {f'named by {named}' if named else 'no number read'}"


def _could_be(row: Any) -> str:
    """Return which player an appearance's identity could be, with the probability; "" for none."""
    name, share = text_or(row.could_be), row.could_be_probability
    return f"{name}: {percent(share)}" if name and share >= COULD_BE else ""


def _spread(items: list[int], most: int) -> list[int]:
    if len(items) <= most:
        return items
    return [items[(2 * at + 1) * len(items) // (2 * most)] for at in range(most)]


def _span(log: PlayerLog) -> tuple[float, float]:
    """Return the first moment and how many seconds follow, more than 0."""
    if not len(log):
        return 0.0, 1.0
    start, end = float(log.appearances["start_s"].min()), float(log.appearances["end_s"].max())
    return start, max(end - start, 0.1)


def axis(log: PlayerLog) -> list[tuple[float, str]]:
    """Return (percent, words) of round times along the timelines."""
    start, seconds = _span(log)
    step = next((one for one in STEPS if seconds / one <= 8), 7200)
    first = int(start // step + (start % step > 0)) * step
    times = range(first, int(start + seconds) + 1, step)
    return [(round(100 * (time - start) / seconds, 2), clock(time, 0)) for time in times]


def unsure_rows(log: PlayerLog) -> list[dict[str, Any]]:
    """Return the unsure appearances, the longest first, each with its two best names."""
    table = log.appearances[~log.appearances["sure"].astype(bool)]
    table = table.sort_values(["frames", "appearance"], ascending=[False, True])
    return [
        {
            "appearance": int(row.appearance),
            "when": f"{clock(row.start_s)} to {clock(row.end_s)}, {row.camera}",
            "basis": basis(text_or(row.rests_on)),
            "names": [
                (text_or(name), share)
                for name, share in (
                    (row.identity, percent(row.probability)),
                    (row.second, percent(row.second_probability, row.probability)),
                )
                if text_or(name)
            ],
            "could_be": text_or(row.could_be),
            "could_be_words": _could_be(row),
        }
        for row in rows_of(table)
    ]


def script_data(
    log: PlayerLog, players: pd.DataFrame, album: Album, drawn: set[int]
) -> dict[str, Any]:
    """Return what the page's script needs, as short as it may be: see log_page.html.j2.

    drawn    crops that the page shows without the script
    """
    order = {str(name): place for place, name in enumerate(players["identity"])}
    places = album.places()
    found = {}
    for row in rows_of(log.appearances):
        number = int(row.appearance)
        likely = None if pd.isna(row.probability) else round(float(row.probability), 3)
        found[number] = [
            order[str(row.identity)],
            str(row.camera),
            round(float(row.start_s), 2),
            round(float(row.end_s), 2),
            likely,
            int(bool(row.sure)),
            places.get(number),
            album.of(number),
            basis(text_or(row.rests_on)),
        ]
    anchors: dict[str, int] = {}
    ranked = log.appearances.sort_values(["sure", "frames"], ascending=False, kind="stable")
    for identity, number in zip(ranked["identity"], ranked["appearance"], strict=True):
        if int(number) in places:
            anchors.setdefault(str(identity), int(number))
    identities = [
        [str(one.identity), _called(one), anchors.get(str(one.identity))]
        for one in rows_of(players)
    ]
    wanted = {row for number in found for row in album.of(number)} - drawn
    pictures = {row: album.addresses[row] for row in sorted(wanted)}
    return {
        "a": found,
        "i": identities,
        "p": pictures,
        "columns": list(COLUMNS),
        "corrected": basis(SAID),
    }


def _called(player: Any) -> str:
    """Return how a correction of the kind "is" names a player; "" for somebody without a name."""
    if text_or(player.name):
        return text_or(player.name)
    team, number = text_or(player.team), text_or(player.number)
    return f"{team} {number}" if team and number else ""


def _colour(log: PlayerLog, team: str) -> str:
    """Return a CSS colour of a team's kit, or "" where none is known."""
    kits, sides = log.facts.get("kits"), log.facts.get("roster_sides")
    words = team
    if isinstance(kits, list) and isinstance(sides, dict) and len(kits) == 2:
        side = sides.get(team)
        words += f" {kits[side]}" if side in (0, 1) else ""
    return next((part for part in words.lower().split() if part in COLOURS), "")
