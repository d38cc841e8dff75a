"""Naming: which player of the roster each identity is, decided for all together.

One integer program (HiGHS) chooses the names: nobody is in two places at once, no more of a team
are on the field than play, and "unknown" is always allowed. A name needs evidence of its own: the
number must have been read on the identity itself. Nobody gets a name for being left over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from sameplayer.errors import SettingError
from sameplayer.identity.evidence.attributes import (
    NAMED,
    NUMBER_PRIOR,
    AttributeEvidence,
    attribute_evidence,
)
from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.identity.inputs.roster import Player, Roster
from sameplayer.identity.linking.cluster_fit import ClusterFit
from sameplayer.identity.naming.assignment import (
    assign_players,
    co_visible_identities,
    settle_probabilities,
)
from sameplayer.numbers.reader import NUMBERS

STRANGER = 0.1
"""Probability, before any look, that an identity is on no roster."""
OWN = float(np.log(5))
"""Log-likelihood ratio that the reading itself must give a number before it can give a name."""
FEWEST = 0.2
"""Probability from which a name is looked at all."""
SIDES = 3.0
"""Log-odds from which it is sure which team of the roster wears which kit."""
SHOWN = 0.01
"""Probability from which a second name is told."""


@dataclass(frozen=True)
class NamingConfig:
    """How identities are named.

    roster           who plays; None: identities are named by team and number alone
    players          most players of one team on the field at a time
    sure             probability from which a name is given
    teams            names of the first team, the second and the others; a team of the roster keeps
                     its own name once it is known which kit it wears
    sides            roster team -> 0 or 1, the team of the evidence; None: found by the numbers
    fixed_players    identity -> row of the roster, as corrections say
    fixed_names      identity -> name, as corrections say where there is no roster
    """

    roster: Roster | None = None
    players: int = 11
    sure: float = 0.8
    teams: tuple[str, str, str] = ("team A", "team B", "other")
    sides: Mapping[str, int] | None = None
    fixed_players: Mapping[int, int] = field(default_factory=dict)
    fixed_names: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.sure < 1:
            raise SettingError("sure", self.sure, "a probability over 0 and below 1")
        if self.players < 1:
            raise SettingError("players", self.players, "1 or more")


@dataclass(frozen=True)
class IdentityName:
    """The name of one identity.

    identity       "white 7", "white unknown 3", or the roster's name
    name           of the roster, or None
    team, number   None where unknown
    probability    that the name is right; without a name or number, that it is none that is known
    second         the next likeliest name, or None, with its probability; without a name or number
                   the likeliest. The two probabilities sum to 1 at most
    rests_on       "number", "team", "roster", "correction"
    """

    identity: str
    name: str | None
    team: str | None
    number: str | None
    probability: float
    second: str | None
    second_probability: float
    rests_on: tuple[str, ...]


@dataclass(frozen=True)
class NamingResult:
    """One name per identity, the side of each team of the roster, and notes on what was unclear."""

    names: tuple[IdentityName, ...]
    sides: dict[str, int]
    notes: tuple[str, ...]

    def codes(self) -> np.ndarray:
        """Return (k,) int64: identities of one name, the pieces of one player, share a number."""
        return np.unique([one.identity for one in self.names], return_inverse=True)[1]


def name_identities(
    evidence: Evidence,
    labels: np.ndarray,
    spans: pd.DataFrame,
    naming: NamingConfig | None = None,
    cannot_link: np.ndarray | None = None,
) -> NamingResult:
    """Name the identities that labels (n,) from 0 tell apart.

    spans          one row per tracklet: camera, start_s and end_s, as ``Tracklets.spans`` gives
    cannot_link    (m, 2) pairs of tracklets of different persons, as given to ``link``

    Two identities get one name where they are never seen apart: then they are one person in
    pieces. Raises DataError where the corrections in ``naming.fixed_players`` cannot hold together.
    """
    naming = naming or NamingConfig()
    count = int(labels.max(initial=-1)) + 1
    attributes = attribute_evidence(evidence).summed(labels, count)
    fit = ClusterFit(evidence, labels, cannot_link)
    apart = fit.between()[1] > 0
    place = np.add.reduceat(
        fit.place[np.argsort(labels, kind="stable")],
        np.searchsorted(np.sort(labels), np.arange(count)),
    )
    apart |= place < -SIDES
    np.fill_diagonal(apart, False)
    moments = co_visible_identities(labels, spans)
    notes: list[str] = []
    sides: dict[str, int] = {}
    if naming.roster is None:
        players = _seen_players(attributes, naming)
        probabilities = _joint(attributes, players, naming.teams)
    else:
        players = naming.roster.players
        sides, odds = _sides(attributes, naming)
        probabilities = _posterior(attributes, players, sides)
        if odds >= SIDES:
            worn = {side: team for team, side in sides.items()}
            first, second, other = naming.teams
            words = worn.get(0, first), worn.get(1, second), other
            naming = replace(naming, teams=words)
        if odds < SIDES and naming.sides is None:
            probabilities[:] = 0
            notes.append(
                "Too few numbers were read to tell which team of the roster wears which kit; no "
                "name is given. Say which by the sides of the teams."
            )
    probabilities[list(naming.fixed_names)] = 0
    own = _own(attributes, players)
    allowed = (probabilities >= FEWEST) & (own >= OWN)
    for identity, row in naming.fixed_players.items():
        probabilities[identity], allowed[identity] = 0, False
        probabilities[identity, row], allowed[identity, row] = 1, True
    teams = np.array([player.team for player in players], dtype=object)
    crowd = moments, teams, naming.players
    chosen, best = assign_players(probabilities, allowed, apart, crowd, naming.fixed_players)
    if not best:
        notes.append("Time ran out while names were chosen; others may fit better together.")
    found, kept = settle_probabilities(probabilities, chosen, apart, naming.sure)
    return NamingResult(_named(attributes, found, kept, players, naming), sides, tuple(notes))


def _seen_players(attributes: AttributeEvidence, naming: NamingConfig) -> tuple[Player, ...]:
    """Without a roster: every team and number that an identity may have."""
    shares = attributes.probabilities(NAMED)
    seen = set()
    for row in range(len(attributes)):
        for side in (0, 1):
            likely = shares.number[row] * shares.team[row, side] >= FEWEST
            seen |= {(side, int(number)) for number in np.flatnonzero(likely)}
    made = []
    for side, number in sorted(seen):
        identity = f"{naming.teams[side]} {NUMBERS[number]}"
        made.append(Player(naming.teams[side], NUMBERS[number], identity))
    return tuple(made)


def _joint(
    attributes: AttributeEvidence, players: tuple[Player, ...], teams: tuple[str, str, str]
) -> np.ndarray:
    shares = attributes.probabilities(NAMED)
    probabilities = np.zeros((len(attributes), len(players)))
    for at, player in enumerate(players):
        number = shares.number[:, NUMBERS.index(player.number)]
        probabilities[:, at] = number * shares.team[:, teams.index(player.team)]
    return probabilities


def _likelihood(
    attributes: AttributeEvidence, players: tuple[Player, ...], sides: Mapping[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return log-likelihoods (k, p) of every player, prior included, and (k,) of a stranger."""
    numbers = [NUMBERS.index(player.number) for player in players]
    at = [sides[player.team] for player in players]
    number, team = (rows.astype(float) for rows in attributes.tempered(NAMED))
    known = number[:, numbers] + team[:, at]
    strange = np.logaddexp.reduce(number + np.log(NUMBER_PRIOR), axis=1)
    strange += np.logaddexp.reduce(team + np.log(attributes.share), axis=1)
    return known + np.log((1 - STRANGER) / len(players)), strange + np.log(STRANGER)


def _posterior(
    attributes: AttributeEvidence, players: tuple[Player, ...], sides: Mapping[str, int]
) -> np.ndarray:
    known, strange = _likelihood(attributes, players, sides)
    both = np.logaddexp(np.logaddexp.reduce(known, axis=1), strange)
    probabilities: np.ndarray = np.exp(known - both[:, None])
    return probabilities


def _own(attributes: AttributeEvidence, players: tuple[Player, ...]) -> np.ndarray:
    """Return (k, p): how much the reading itself speaks for the number of each player."""
    numbers = [NUMBERS.index(player.number) for player in players]
    number = attributes.tempered(NAMED)[0].astype(float)
    every = np.logaddexp.reduce(number + np.log(NUMBER_PRIOR), axis=1)
    own: np.ndarray = number[:, numbers] - every[:, None]
    return own


def _sides(attributes: AttributeEvidence, naming: NamingConfig) -> tuple[dict[str, int], float]:
    """Return which side each team of the roster is, and the log-odds against the other way."""
    assert naming.roster is not None
    teams, players = naming.roster.teams, naming.roster.players
    if naming.sides is not None:
        wrong = [team for team in teams if naming.sides.get(team) not in (0, 1)]
        if wrong or len({naming.sides[team] for team in teams}) < len(teams):
            raise SettingError(
                "sides", dict(naming.sides), f"another of 0 and 1 for each of {teams}"
            )
        return {team: naming.sides[team] for team in teams}, np.inf
    ways = [dict(zip(teams, way, strict=False)) for way in ((0, 1), (1, 0))]
    scores = []
    for way in ways:
        known, strange = _likelihood(attributes, players, way)
        for identity, row in naming.fixed_players.items():
            strange[identity] = -np.inf
            known[identity, np.arange(len(players)) != row] = -np.inf
        scores.append(np.logaddexp(np.logaddexp.reduce(known, axis=1), strange).sum())
    best = int(scores[1] > scores[0])
    return ways[best], float(abs(scores[1] - scores[0]))


def _named(
    attributes: AttributeEvidence,
    found: np.ndarray,
    kept: np.ndarray,
    players: tuple[Player, ...],
    naming: NamingConfig,
) -> tuple[IdentityName, ...]:
    shares, counted = attributes.probabilities(NAMED), Counter[str]()
    names = []
    for row, player in enumerate(kept):
        others = found[row].copy()
        others[player if player >= 0 else []] = 0
        second, likely = None, float(others.max(initial=0))
        if likely >= SHOWN:
            second = players[int(others.argmax())].name
        seconds = second, likely if second else 0.0
        if player >= 0:
            who, rests = players[player], _rests(row, naming)
            name = None if naming.roster is None else who.name
            sure = float(found[row, player])
            names.append(IdentityName(who.name, name, who.team, who.number, sure, *seconds, rests))
            continue
        side = int(shares.team[row].argmax())
        team = naming.teams[side] if shares.team[row, side] >= naming.sure else None
        if row in naming.fixed_names:
            called = naming.fixed_names[row]
            names.append(IdentityName(called, called, team, None, 1.0, *seconds, ("correction",)))
            continue
        kind = "unknown" if team is None else f"{team} unknown"
        counted[kind] += 1
        left, rests = float(1 - found[row].sum()), () if team is None else ("team",)
        names.append(
            IdentityName(f"{kind} {counted[kind]}", None, team, None, left, *seconds, rests)
        )
    return tuple(names)


def _rests(row: int, naming: NamingConfig) -> tuple[str, ...]:
    if row in naming.fixed_players:
        return ("correction",)
    return ("number", "team") if naming.roster is None else ("number", "team", "roster")
