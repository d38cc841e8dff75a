"""Names for identities."""

from __future__ import annotations

import numpy as np
import pytest
from match.simulate import Drawn, draw

from sameplayer.errors import DataError, SettingError
from sameplayer.identity import NamingConfig, Player, Roster, name_identities
from sameplayer.identity.evidence.evidence import Evidence
from tests.identity.drawn import evidence, looks, numbers, spans

ROSTER = Roster(
    (
        Player("Reds", "7", "Ana"),
        Player("Reds", "8", "Bo"),
        Player("Blues", "7", "Cleo"),
        Player("Blues", "10", "Dee"),
    )
)
SIDES = {"Reds": 0, "Blues": 1}
ALONE = np.arange(4)


def _four(read: list[str | None], sides: list[int | None], **more: object) -> Evidence:
    return evidence(looks([[0], [1], [2], [3]]), read, sides, **more)  # type: ignore[arg-type]


APART = spans([(0, 1), (2, 3), (4, 5), (6, 7)])


def test_names_come_from_number_and_team() -> None:
    said = _four(["7", "8", "7", "10"], [0, 0, 1, 1])
    names = name_identities(said, ALONE, APART, NamingConfig(ROSTER))
    assert [name.identity for name in names.names] == ["Ana", "Bo", "Cleo", "Dee"]
    assert names.sides == SIDES
    assert names.names[0].rests_on == ("number", "team", "roster")
    assert all(name.probability > 0.8 for name in names.names)


def test_the_sides_are_found_by_the_numbers_whichever_way_they_are() -> None:
    said = _four(["10", "8", "10", "8"], [0, 1, 0, 1])
    names = name_identities(said, ALONE, APART, NamingConfig(ROSTER))
    assert names.sides == {"Reds": 1, "Blues": 0}
    assert [name.identity for name in names.names] == ["Dee", "Bo", "Dee", "Bo"]


def test_sides_that_numbers_do_not_tell_give_no_name_and_say_so() -> None:
    said = _four(["7", None, None, None], [0, 1, None, None])
    names = name_identities(said, ALONE, APART, NamingConfig(ROSTER))
    assert all(name.name is None for name in names.names)
    assert names.names[1].identity == "team B unknown 1"
    assert "Too few numbers" in names.notes[0]
    told = name_identities(said, ALONE, APART, NamingConfig(ROSTER, sides=SIDES))
    assert told.names[0].name == "Ana"


def test_nobody_gets_a_name_for_being_left_over() -> None:
    """Three of four are named, and the fourth stands where only Dee could stand."""
    said = _four(["7", "8", "7", None], [0, 0, 1, 1])
    names = name_identities(said, ALONE, spans([(0, 9)] * 4), NamingConfig(ROSTER, sides=SIDES))
    assert [name.name for name in names.names] == ["Ana", "Bo", "Cleo", None]
    assert names.names[3].identity == "Blues unknown 1"


def test_one_player_is_not_in_two_places_the_surer_reading_wins() -> None:
    said = _four(["7", "7", None, None], [0, 0, 0, 0], apart=[(0, 1)])
    said.number[1] = numbers(["7"], sure=0.9)[0]
    names = name_identities(said, ALONE, spans([(0, 9)] * 4), NamingConfig(ROSTER, sides=SIDES))
    assert [name.name for name in names.names] == ["Ana", None, None, None]


def test_pieces_of_one_player_share_his_name() -> None:
    said = _four(["7", "7", None, None], [0, 0, 0, 0])
    names = name_identities(said, ALONE, APART, NamingConfig(ROSTER, sides=SIDES))
    assert [name.name for name in names.names[:2]] == ["Ana", "Ana"]


def test_no_more_of_a_team_are_named_at_a_time_than_play() -> None:
    said = _four(["7", "8", None, None], [0, 0, 0, 0])
    said.number[1] = numbers(["8"], sure=0.3)[0]
    at_once, later = spans([(0, 9)] * 4), APART
    naming = NamingConfig(ROSTER, players=1, sides=SIDES)
    named = [one.name for one in name_identities(said, ALONE, at_once, naming).names]
    assert named == ["Ana", None, None, None]
    named = [one.name for one in name_identities(said, ALONE, later, naming).names]
    assert named == ["Ana", "Bo", None, None]


def test_a_player_whom_two_cameras_show_counts_once() -> None:
    said = _four(["7", "7", None, None], [0, 0, 0, 0])
    two = spans([(0, 9)] * 4, ["a", "b", "a", "b"])
    names = name_identities(said, ALONE, two, NamingConfig(ROSTER, players=1, sides=SIDES))
    assert [name.name for name in names.names[:2]] == ["Ana", "Ana"]


def test_readings_that_are_weak_alone_name_together() -> None:
    said = _four([None] * 4, [0] * 4)
    shares = np.full(102, 0.6 / 101)
    shares[44] = 0.4
    said.number[:] = np.log(shares / shares.sum())
    roster = Roster((*ROSTER.players, Player("Reds", "44", "Eve")))
    naming = NamingConfig(roster, sides=SIDES, sure=0.99)
    alone = name_identities(said, ALONE, APART, naming).names
    together = name_identities(said, np.zeros(4, int), APART, naming).names
    assert {name.name for name in alone} == {None}
    assert [name.name for name in together] == ["Eve"]


def test_a_number_that_is_on_no_roster_names_nobody() -> None:
    said = _four(["44", None, None, None], [0, 0, 0, 0])
    names = name_identities(said, ALONE, APART, NamingConfig(ROSTER, sides=SIDES))
    assert names.names[0].name is None


def test_without_a_roster_team_and_number_are_the_name() -> None:
    said = _four(["7", "7", None, None], [0, 1, 0, None])
    naming = NamingConfig(teams=("white", "blue", "other"))
    names = name_identities(said, ALONE, APART, naming)
    found = [name.identity for name in names.names]
    assert found == ["white 7", "blue 7", "white unknown 1", "unknown 1"]
    assert names.names[0].number == "7"
    assert names.names[0].name is None


def test_a_correction_names_and_wins_over_the_reading() -> None:
    said = _four(["7", None, None, None], [0, 0, 0, 0], apart=[(0, 1)])
    naming = NamingConfig(ROSTER, sides=SIDES, fixed_players={1: 0})
    names = name_identities(said, ALONE, spans([(0, 9)] * 4), naming)
    assert [name.name for name in names.names[:2]] == [None, "Ana"]
    assert names.names[1].rests_on == ("correction",)
    with pytest.raises(DataError, match="cannot hold together"):
        name_identities(
            said, ALONE, APART, NamingConfig(ROSTER, sides=SIDES, fixed_players={0: 0, 1: 0})
        )


def test_a_correction_names_without_a_roster() -> None:
    said = _four([None] * 4, [0, 0, 0, 0])
    naming = NamingConfig(teams=("white", "blue", "other"), fixed_names={2: "Ana"})
    names = name_identities(said, ALONE, APART, naming).names
    assert (names[2].identity, names[2].name) == ("Ana", "Ana")
    assert [names[at].identity for at in (0, 1, 3)] == [f"white unknown {n}" for n in (1, 2, 3)]


def test_the_second_best_name_stands_beside_an_unsure_one() -> None:
    said = _four([None] * 4, [0] * 4)
    shares = np.full(102, 1e-4)
    shares[7], shares[8] = 0.55, 0.44
    said.number[0] = np.log(shares / shares.sum())
    name = name_identities(said, ALONE, APART, NamingConfig(ROSTER, sides=SIDES)).names[0]
    assert name.name is None
    assert name.second == "Ana"
    assert 0.4 < name.second_probability < 0.7


@pytest.mark.parametrize("with_roster", [True, False])
def test_names_in_drawn_matches_are_mostly_right_and_never_in_two_places(with_roster: bool) -> None:
    match = draw(Drawn(300, noise=0.7), 4)
    roster = Roster(
        tuple(
            Player("AB"[team], number, f"person {at}")
            for at, (team, number) in enumerate(zip(match.teams, match.numbers, strict=True))
            if number
        )
    )
    naming = NamingConfig(roster if with_roster else None)
    names = name_identities(match.evidence, match.person, match.spans, naming).names
    given = [(at, name) for at, name in enumerate(names) if name.number is not None]
    right = [name.number == match.numbers[at] for at, name in given]
    assert len(given) > 18
    assert np.mean(right) > 0.95
    called = np.array([hash(names[one].identity) for one in match.person])
    assert not ((called[:, None] == called) & match.evidence.apart).any()


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingError, match="sure"):
        NamingConfig(sure=1.0)
    with pytest.raises(SettingError, match="players"):
        NamingConfig(players=0)
    said = _four(["7", None, None, None], [0, 0, 0, 0])
    with pytest.raises(SettingError, match="sides"):
        name_identities(said, ALONE, APART, NamingConfig(ROSTER, sides={"Reds": 0, "Blues": 0}))
