"""Which tracklets show one person."""

from __future__ import annotations

import numpy as np
import pytest
from match.simulate import Drawn, draw, pair_scores

from sameplayer.errors import DataError, SettingError
from sameplayer.identity.linking import link as linking
from sameplayer.identity.linking.link import link, pair_odds
from tests.identity.drawn import evidence, looks


def test_tracklets_that_look_alike_are_linked_and_labels_count_by_the_first() -> None:
    labels = link(evidence(looks([[0, 3], [1, 4], [2]])))
    np.testing.assert_array_equal(labels, [0, 1, 2, 0, 1])


def test_one_tracklet_and_none() -> None:
    assert link(evidence(np.zeros((1, 1)))).tolist() == [0]
    assert link(evidence(np.zeros((0, 0)))).tolist() == []


def test_people_seen_at_the_same_time_are_never_linked_not_even_through_a_third() -> None:
    labels = link(evidence(looks([[0, 1, 2]]), apart=[(0, 1)]))
    assert labels[0] != labels[1]
    assert labels[2] in labels[:2]


def test_the_prior_joins_more_or_less() -> None:
    said = evidence(looks([[0, 1]], alike=1.0))
    assert link(said).tolist() == [0, 0]
    assert link(said, prior_log_odds=-5.0).tolist() == [0, 1]


def test_appearance_counts_by_its_mean_not_its_sum() -> None:
    """Nine pairs of -0.1 do not outweigh what one number says, however many they are."""
    groups = looks([[0, 1, 2], [3, 4, 5]], unlike=-1.5)
    read = ["7", None, None, "7", None, None]
    assert len(set(link(evidence(groups, read)).tolist())) == 1


def test_two_sure_numbers_keep_clusters_apart_although_most_tracklets_show_none() -> None:
    read = ["7", None, None, "8", None, None]
    labels = link(evidence(looks([[0, 1, 2, 3, 4, 5]]), read))
    assert labels[0] != labels[3]


def test_a_cluster_has_the_number_that_its_tracklets_show_not_the_others_silence() -> None:
    """Merging asks anew: after 1 is known to be a 7 by 0, it cannot go to the 8 that it fits."""
    odds = looks([[0, 1, 2, 3]], alike=2.0)
    odds[0, 1] = odds[1, 0] = 4.0
    odds[1, 2:] = odds[2:, 1] = 3.9
    labels = link(evidence(odds, ["7", None, "8", "8"]), move=False)
    np.testing.assert_array_equal(labels, [0, 0, 1, 1])


def test_two_teams_are_never_linked() -> None:
    labels = link(evidence(looks([[0, 1, 2, 3]]), sides=[0, 0, 1, 1]))
    np.testing.assert_array_equal(labels, [0, 0, 1, 1])


def test_place_is_not_thinned_by_pairs_without_it() -> None:
    """Two groups unlike each other, of whom one pair stood at one place in two cameras."""
    groups = looks([[0, 1, 2], [3, 4, 5]], unlike=-2.0)
    assert len(set(link(evidence(groups)).tolist())) == 2
    assert len(set(link(evidence(groups, place={(0, 3): 4.0})).tolist())) == 1


def test_two_places_at_once_keep_people_apart() -> None:
    groups = looks([[0, 1, 2, 3]], alike=2.0)
    labels = link(evidence(groups, place={(0, 1): -20.0}))
    assert labels[0] != labels[1]


def test_joined_pairs_go_first_and_blocked_ones_hold() -> None:
    said = evidence(looks([[0, 1], [2, 3]]))
    labels = link(said, must_link=np.array([[0, 2]]), cannot_link=np.array([[0, 1]]))
    assert labels[0] == labels[2]
    assert labels[0] != labels[1]


def test_a_tracklet_moves_to_where_it_fits_better() -> None:
    """1 joins 0 first; only when the others are one does it matter that 2 wears its number."""
    odds = np.full((10, 10), 1.6)
    odds[0, 1] = odds[1, 0] = 2.0
    odds[0, 2:] = odds[2:, 0] = -30.0
    odds[1, 2] = odds[2, 1] = -8.0
    said = evidence(odds, [None, "7", "7", *[None] * 7])
    stays, moves = link(said, move=False), link(said)
    assert stays[1] == stays[0]
    assert moves[1] == moves[2] != moves[0]


def test_a_joined_tracklet_stays_although_it_fits_elsewhere() -> None:
    odds = looks([[1, 2, 3], [0]])
    labels = link(evidence(odds), must_link=np.array([[0, 1]]), cannot_link=np.array([[0, 2]]))
    assert labels[0] == labels[1]
    assert labels[0] != labels[2]


def test_linking_by_team_finds_what_linking_at_once_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    match = draw(Drawn(300, noise=0.5), 3)
    whole = link(match.evidence)
    monkeypatch.setattr(linking, "DENSE", 100)
    parts = link(match.evidence)
    index, purity, _ = pair_scores(parts, match.person)
    assert index > 0.95
    assert purity > 0.98
    assert pair_scores(whole, match.person)[0] > 0.95


@pytest.mark.parametrize("seed", [0, 1])
def test_drawn_matches_are_linked_and_nobody_is_in_two_places(seed: int) -> None:
    match = draw(Drawn(400, noise=0.7), seed)
    labels = link(match.evidence)
    index, purity, _ = pair_scores(labels, match.person)
    assert index > 0.9
    assert purity > 0.97
    together = labels[:, None] == labels
    assert not (together & match.evidence.apart).any()


def test_pair_odds_say_what_each_kind_adds() -> None:
    said = evidence(looks([[0, 1], [2]]), ["7", "7", "8"], place={(0, 1): 1.5}, apart=[(1, 2)])
    odds = pair_odds(said, 0, 1, prior_log_odds=0.5)
    assert odds.appearance == 3.0
    assert odds.place == 1.5
    assert 3 < odds.number < 6
    assert odds.total == pytest.approx(odds.appearance + odds.number + odds.team + odds.place + 0.5)
    assert odds.apart == ""
    assert pair_odds(said, 1, 2).apart == "seen at the same time"
    assert pair_odds(said, 0, 2).number < -3


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (np.array([[0, 9]]), "from 0 to 2"),
        (np.array([[0.5, 1]]), "pairs"),
        (np.array([0, 1]), "pairs"),
    ],
)
def test_pairs_that_name_no_tracklets_are_refused(pairs: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        link(evidence(looks([[0, 1, 2]])), must_link=pairs)


def test_pairs_both_joined_and_blocked_and_a_prior_that_is_none_are_refused() -> None:
    said = evidence(looks([[0, 1, 2]]))
    with pytest.raises(DataError, match="in both must_link and cannot_link"):
        link(said, must_link=np.array([[0, 1], [1, 2]]), cannot_link=np.array([[0, 2]]))
    with pytest.raises(SettingError, match="prior_log_odds"):
        link(said, prior_log_odds=float("nan"))
