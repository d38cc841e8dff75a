"""The log of linked and named tracklets: probabilities fit together, corrections are certain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from match.simulate import Drawn, DrawnMatch, draw

from sameplayer.evaluation.logs.page_rows import unsure_rows
from sameplayer.identity.evidence.collect import CollectedEvidence
from sameplayer.identity.inputs.corrections import Correction, FramePoint
from sameplayer.identity.inputs.log_config import LogConfig
from sameplayer.identity.inputs.roster import Player, Roster
from sameplayer.identity.log.player_log import SAID, PlayerLog
from sameplayer.identity.pipeline import link_and_name
from sameplayer.tracks.camera import Camera
from sameplayer.tracks.tracklets import Tracklets


@pytest.fixture(scope="module")
def match() -> DrawnMatch:
    return draw(Drawn(150, noise=1.2), 3)


def roster_of(match: DrawnMatch) -> Roster:
    return Roster(
        tuple(
            Player("AB"[team], number, f"person {at}")
            for at, (team, number) in enumerate(zip(match.teams, match.numbers, strict=True))
            if number
        )
    )


def test_a_single_frame_lasts_until_the_next(match: DrawnMatch) -> None:
    first, second = (identified(match, None, single=one).appearances for one in (None, 3))
    assert second.loc[3, "frames"] == 1
    assert 0 < second.loc[3, "end_s"] - second.loc[3, "start_s"] < 1
    others = first.index != 3
    assert (first["end_s"] == second["end_s"])[others].all()


def identified(
    match: DrawnMatch,
    roster: Roster | None,
    corrections: Sequence[Correction] = (),
    single: int | None = None,
) -> PlayerLog:
    """Return the log of drawn evidence; a tracklet has a box at its start and one at its end.

    single    a tracklet that has the first alone
    """
    spans = match.spans
    count = len(spans)
    table = pd.DataFrame({"tracklet": np.repeat(np.arange(count), 2)})
    table["camera"] = spans["camera"].to_numpy()[table["tracklet"]]
    table["shot"] = 0
    table["time_s"] = spans[["start_s", "end_s"]].to_numpy().ravel()
    table["frame"] = (10 * table["time_s"]).astype(int) + 1
    table["left"] = 50.0 * table["tracklet"]
    table = table.assign(top=0.0, width=20.0, height=60.0, score=0.9)
    table = table[(table["tracklet"] != single) | ~table["tracklet"].duplicated()]
    table = table.reset_index(drop=True)
    cameras = tuple(Camera(name, Path(name)) for name in sorted(set(spans["camera"])))
    unused = None
    tracklets, facts = Tracklets(table, cameras), {"kits": None}
    collected = CollectedEvidence(tracklets, unused, match.evidence, None, unused, facts)  # type: ignore[arg-type]
    return link_and_name(collected, roster, corrections, LogConfig())


def middle(log: PlayerLog, appearance: int) -> FramePoint:
    box = log.boxes[log.boxes["appearance"] == appearance].iloc[0]
    return FramePoint(box["camera"], int(box["frame"]), box["left"] + 10, 30.0)


@pytest.mark.parametrize("with_roster", [True, False])
def test_a_row_is_one_distribution_in_the_table_and_on_the_page(
    match: DrawnMatch, with_roster: bool
) -> None:
    log = identified(match, roster_of(match) if with_roster else None)
    table = log.appearances
    together = table["probability"] + table["second_probability"].fillna(0)
    assert (together <= 1 + 1e-9).all()
    assert (table["second"].isna() | (table["second"] != table["identity"])).all()
    unnamed = table["name"].isna() & table["number"].isna()
    assert table.loc[unnamed, "could_be"].notna().any()
    assert table.loc[~unnamed, "could_be"].isna().all()
    assert (table.groupby("identity")["could_be_probability"].nunique() <= 1).all()
    shown = [[int(share.split()[0]) for _, share in one["names"]] for one in unsure_rows(log)]
    assert shown
    assert max(map(sum, shown)) <= 100


def test_what_a_person_said_is_certain(match: DrawnMatch) -> None:
    roster = roster_of(match)
    before = identified(match, roster)
    unsure = before.appearances[~before.appearances["sure"].astype(bool)]
    one, again = (int(unsure["appearance"].iloc[at]) for at in (0, -1))
    name = roster.players[0].name
    said = [Correction("is", middle(before, one), player=name)]
    row = identified(match, roster, said).appearances.loc[one]
    assert (row["name"], row["probability"], bool(row["sure"])) == (name, 1.0, True)
    assert row["rests_on"] == SAID
    assert pd.isna(row["second"])
    called = [Correction("is", middle(before, again), player="Kenji")]
    row = identified(match, None, called).appearances.loc[again]
    assert (row["identity"], row["probability"], bool(row["sure"])) == ("Kenji", 1.0, True)


def test_the_same_person_is_as_sure_as_the_surer_and_in_an_identity_of_two_certain() -> None:
    match = draw(Drawn(40, noise=1.2), 3)
    log = identified(match, None)
    table = log.appearances
    alone = table[~table.duplicated("identity", keep=False) & ~table["sure"].astype(bool)]
    apart = match.evidence.apart
    pairs = [
        (int(a), int(b))
        for a in alone["appearance"]
        for b in alone["appearance"]
        if a < b and not apart[a, b]
    ]
    rows = [Correction("same", *(middle(log, one) for one in pairs[0]))]
    after = identified(match, None, rows).appearances
    a, b = (after.loc[one] for one in pairs[0])
    assert a["identity"] == b["identity"]
    assert a["probability"] == b["probability"]
    if (after["identity"] == a["identity"]).sum() == 2 and pd.isna(a["number"]):
        assert a["probability"] == 1.0
