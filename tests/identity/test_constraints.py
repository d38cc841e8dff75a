"""What corrections demand, and what contradicts itself."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.errors import DataError
from sameplayer.identity.inputs.corrections import Correction, FramePoint
from sameplayer.identity.inputs.roster import Player, Roster
from sameplayer.identity.linking.constraints import (
    Constraints,
    affected_tracklets,
    build_constraints,
)
from sameplayer.identity.linking.link import link, relink
from tests.identity.drawn import evidence, looks

ROSTER = Roster((Player("Reds", "7", "Ana"), Player("Reds", "8", "Bo")))
HERE = FramePoint("a", 1, 0.0, 0.0)


def _asked(*rows: tuple[str, int, int] | tuple[str, int, str], **more: object) -> Constraints:
    made, ends = [], []
    for kind, first, other in rows:
        named = isinstance(other, str)
        made.append(Correction(kind, HERE, None if named else HERE, str(other) if named else ""))
        ends.append((first, -1 if named else other))
    tracklets = np.array(ends).reshape(-1, 2)
    return build_constraints(made, tracklets, **more)  # type: ignore[arg-type]


def test_corrections_become_pairs_and_names() -> None:
    found = _asked(("same", 0, 1), ("different", 1, 2), ("is", 3, "Ana"), roster=ROSTER)
    assert found.must_link.tolist() == [[0, 1]]
    assert found.cannot_link.tolist() == [[1, 2]]
    assert found.player == {3: "Ana"}
    assert found.roster_rows(np.array([0, 0, 1, 2])) == {2: 0}


def test_two_appearances_of_one_player_are_joined_and_of_two_players_blocked() -> None:
    found = _asked(("is", 0, "Ana"), ("is", 1, "Reds 7"), ("is", 2, "Bo"), roster=ROSTER)
    assert found.must_link.tolist() == [[0, 1]]
    assert found.cannot_link.tolist() == [[0, 2]]


def test_a_run_obeys_them() -> None:
    said = evidence(looks([[0, 1], [2, 3]]))
    asked = _asked(("same", 0, 2), ("different", 0, 1))
    labels = link(said, must_link=asked.must_link, cannot_link=asked.cannot_link)
    assert labels[0] == labels[2]
    assert labels[0] != labels[1]


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([("same", 0, 1), ("same", 1, 2), ("same", 4, 5), ("different", 0, 2)], "rows 2, 3, 5"),
        ([("different", 0, 1), ("same", 1, 0)], "rows 2, 3"),
        ([("is", 0, "Ana"), ("is", 0, "Bo")], "rows 2, 3"),
        ([("is", 0, "Ana"), ("same", 0, 1), ("is", 1, "Bo")], "rows 2, 3, 4"),
        ([("is", 0, "Ana"), ("is", 1, "Ana"), ("different", 0, 1)], "rows 2, 3, 4"),
    ],
)
def test_contradictions_name_their_rows(rows: list, named: str) -> None:
    with pytest.raises(DataError, match=f"{named} contradict each other"):
        _asked(*rows)


def test_corrections_against_roster_or_what_was_seen_name_their_rows() -> None:
    with pytest.raises(DataError, match=r"row 3: 'Anna' is not on the roster\. Did you mean 'Ana'"):
        _asked(("is", 0, "Bo"), ("is", 1, "Anna"), roster=ROSTER)
    said = evidence(looks([[0, 1, 2, 3]]), apart=[(0, 2)])
    with pytest.raises(DataError, match=r"rows 3, 4: .* seen at the same time in one camera"):
        _asked(("same", 1, 3), ("same", 0, 1), ("same", 1, 2), evidence=said)
    with pytest.raises(DataError, match="row 2: 'different' names one appearance twice"):
        _asked(("different", 1, 1))


def test_only_what_corrections_touch_is_linked_again() -> None:
    said = evidence(looks([[0, 1], [2, 3], [4, 5], [6]]))
    said.appearance[1, 4] = said.appearance[4, 1] = 0.5
    labels = np.array([0, 0, 1, 1, 2, 2, 3])
    found = affected_tracklets(labels, _asked(("same", 0, 1), ("different", 0, 2)), said)
    assert found.tolist() == [True, True, True, True, True, True, False]
    assert not affected_tracklets(labels, _asked(), said).any()
    named = _asked(("is", 6, "Ana"))
    assert affected_tracklets(labels, named, said).tolist() == [False] * 6 + [True]


def test_linking_what_is_touched_obeys_and_leaves_the_rest() -> None:
    said = evidence(looks([[0, 1], [2, 3], [4, 5], [6]]))
    labels = np.array([0, 0, 1, 1, 2, 3, 3])  # as somebody left them: 5 and 6 are not alike
    asked = _asked(("same", 0, 2), ("different", 0, 1))
    chosen = affected_tracklets(labels, asked, said)
    assert chosen.tolist() == [True] * 4 + [False] * 3
    again = relink(said, labels, chosen, must_link=asked.must_link, cannot_link=asked.cannot_link)
    assert again[0] == again[2]
    assert again[0] != again[1]
    assert again[5] == again[6] != again[4]
