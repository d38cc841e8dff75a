"""The movement of a drawn match: who takes part, and where everyone is over time, in metres.

Both teams keep a formation that follows the ball, wander, and crowd where the ball is, so that
players cross and hide each other. Substitutes wait out of sight and change places with players.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sameplayer.synthetic.league import GAME, KITS, make_person
from sameplayer.synthetic.players import DrawnPerson

LENGTH, BREADTH = 40.0, 20.0  # of the pitch: x and y
RATE = 10  # moments a second
SUBSTITUTES = 2  # a team
UNUSED = 2  # a team: on the roster, never in the match
COLOURS = ("red", "blue", "white", "black", "yellow", "green")  # of KITS
BENCH = (LENGTH / 2, -6.0)
_SURNAMES = (
    "Abel Adair Bauer Beck Berg Brandt Castro Cole Costa Dahl Diaz Duarte Eriksen Falk Ferro "
    "Flores Gallo Garcia Grant Haas Hall Holm Ito Jansen Kaya Keller Klein Kovac Lang Leroy "
    "Lima Lund Marin Meyer Mori Novak Okoye Olsen Perez Popov Quinn Ramos Riva Rossi Sato Silva "
    "Stein Tanaka Torres Vega Vidal Weber Wolf Young Zeman Ziegler"
)
SURNAMES = tuple(_SURNAMES.split())
SPEED, PUSH = 6.5, 9.0  # the most: metres a second, and metres a second squared
NEAR = 1.6  # metres that people keep from each other where they can


@dataclass(frozen=True, eq=False)
class Squads:
    """Who takes part.

    people     a person each, as drawn; numbers unique in a team
    names      "red-7", "referee-1": the person's id
    teams      "red", "blue", "referee"
    heights    (n,) metres
    roster     (team, number, name): also those who never play
    """

    people: tuple[DrawnPerson, ...]
    names: tuple[str, ...]
    teams: tuple[str, ...]
    heights: np.ndarray
    roster: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, eq=False)
class Movement:
    """Where everyone is, RATE moments a second.

    places    (moments, n, 2) metres
    facing    (moments, n) radians on the pitch; 0 is along x
    stride    (moments, n) radians of a step's cycle
    ball      (moments, 2) metres
    changes   (time_s, out, in): substitutions, as indices of people
    """

    places: np.ndarray
    facing: np.ndarray
    stride: np.ndarray
    ball: np.ndarray
    changes: tuple[tuple[float, int, int], ...]

    def at(self, time_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return places (n, 2), facing (n,) and stride (n,) at a time, between two moments."""
        place = min(max(time_s * RATE, 0.0), len(self.places) - 1.000001)
        low, share = int(place), place - int(place)
        mixed = [
            (1 - share) * values[low] + share * values[low + 1]
            for values in (self.places, self.facing, self.stride)
        ]
        return mixed[0], mixed[1], mixed[2]


def draw_squads(seed: int, players: int) -> Squads:
    """Return two teams of ``players`` and SUBSTITUTES each, and one referee, by the seed."""
    rng = np.random.default_rng((seed, 21))
    kits = rng.choice(len(KITS), 2, replace=False)
    trims = rng.choice(len(KITS), 2)
    squad, all_of = players + SUBSTITUTES, players + SUBSTITUTES + UNUSED
    surnames = rng.choice(SURNAMES, 2 * all_of, replace=False)
    numbers = [rng.choice(np.arange(1, 41), all_of, replace=False) for _ in range(2)]
    numbers[1] = _shared(numbers[0], numbers[1])
    people, names, teams, roster = [], [], [], []
    for side in (0, 1):
        colour = COLOURS[kits[side]]
        for place in range(all_of):
            number = str(numbers[side][place])
            roster.append((colour, number, str(surnames[side * all_of + place])))
            if place >= squad:
                continue
            looks = make_person(_field_player(side * squad + place), seed)
            kit, trim = KITS[kits[side]], KITS[trims[side]]
            people.append(replace(looks, kit=kit, trim=trim, number=number, referee=False))
            names.append(f"{colour}-{number}")
            teams.append(colour)
    referee = make_person(GAME - 1, seed)
    people.append(replace(referee, number="", referee=True))
    heights = rng.uniform(1.66, 1.96, len(people))
    return Squads(
        tuple(people), (*names, "referee-1"), (*teams, "referee"), heights, tuple(sorted(roster))
    )


def simulate_match(seed: int, players: int, seconds: float) -> Movement:
    """Return the movement of the squads of the same seed for ``seconds`` seconds."""
    rng = np.random.default_rng((seed, 22))
    moments, squad = int(np.ceil(seconds * RATE)) + 2, players + SUBSTITUTES
    people, changes = 2 * squad + 1, _changes(rng, players, seconds)
    ball = _roll_ball(rng, moments)
    slots = _formation(rng, players)
    slot = np.full(people, -1)  # the place in the formation that a person has; -1: on the bench
    for side in (0, 1):
        slot[side * squad : side * squad + players] = np.arange(players) + side * players
    bench = np.asarray(BENCH) + np.column_stack([np.linspace(-4, 4, people), np.zeros(people)])
    place = np.where(slot[:, None] < 0, bench, slots[slot]) + rng.normal(0, 0.5, (people, 2))
    place[-1] = (LENGTH / 2, BREADTH * 0.7)
    speed, wander = np.zeros((people, 2)), rng.normal(0, 2.5, (people, 2))
    places, speeds, due = np.empty((moments, people, 2)), np.empty((moments, people, 2)), 0
    for moment in range(moments):
        while due < len(changes) and changes[due][0] * RATE <= moment:
            _, out, into = changes[due]
            slot[into], slot[out], due = slot[out], -1, due + 1
        wander += -wander / (3 * RATE) + rng.normal(0, 2.5 * np.sqrt(2 / (3 * RATE)), wander.shape)
        target = _targets(place, slot, slots, ball[moment], wander)
        target[slot < 0] = bench[slot < 0]
        target[-1] = ball[moment] + np.array((4.0, 3.0)) + wander[-1]
        push = 2.5 * (target - place) - 2.2 * speed + _apart(place)
        push *= np.minimum(1, PUSH / np.maximum(np.linalg.norm(push, axis=1), 1e-9))[:, None]
        speed = speed + push / RATE
        speed *= np.minimum(1, SPEED / np.maximum(np.linalg.norm(speed, axis=1), 1e-9))[:, None]
        place = place + speed / RATE
        places[moment], speeds[moment] = place, speed
    return Movement(places, *_gait(rng, speeds), ball, tuple(changes))


def _shared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the second team's numbers, with two of the first team's players among its own."""
    own = second[~np.isin(second, first[:2])]
    return np.concatenate([first[1::-1], own])[: len(second)]


def _field_player(place: int) -> int:
    """Return which person of a league to draw, leaving out the referees."""
    return place + place // (GAME - 1)


def _changes(
    rng: np.random.Generator, players: int, seconds: float
) -> list[tuple[float, int, int]]:
    """Two players of a team go for the substitutes, and the first comes back for the second."""
    squad, changes = players + SUBSTITUTES, []
    for side in (0, 1):
        first, second = (side * squad + rng.choice(players, 2, replace=False)).tolist()
        bench = side * squad + players
        for share, out, into in (
            (0.25, first, bench),
            (0.5, second, bench + 1),
            (0.72, bench + 1, first),
        ):
            time_s = (share + float(rng.uniform(0, 0.06))) * seconds
            changes.append((round(time_s, 2), out, into))
    return sorted(changes)


def _formation(rng: np.random.Generator, players: int) -> np.ndarray:
    """Return (2 * players, 2) metres: where each place of the two formations is at rest."""
    along = np.linspace(0.12, 0.72, players) * LENGTH
    across = np.array((0.5, 0.2, 0.8))[np.arange(players) % 3] * BREADTH
    own_half = np.column_stack([along, across]) + rng.normal(0, 0.8, (players, 2))
    return np.concatenate([own_half, (LENGTH, BREADTH) - own_half])


def _roll_ball(rng: np.random.Generator, moments: int) -> np.ndarray:
    """Return (moments, 2) metres: passes of 2 to 4 seconds to anywhere on the pitch."""
    times, spots = [0.0], [np.array((LENGTH / 2, BREADTH / 2))]
    while times[-1] < moments:
        times.append(times[-1] + float(rng.uniform(2, 4)) * RATE)
        spots.append(rng.uniform((0.1, 0.15), (0.9, 0.85)) * (LENGTH, BREADTH))
    steps, at = np.arange(moments), np.array(spots)
    return np.column_stack([np.interp(steps, times, at[:, axis]) for axis in (0, 1)])


def _targets(
    place: np.ndarray, slot: np.ndarray, slots: np.ndarray, ball: np.ndarray, wander: np.ndarray
) -> np.ndarray:
    """Return (n, 2) metres: where everyone wants to be; the nearest of a team goes to the ball."""
    target = slots[slot] + 0.4 * (ball - (LENGTH / 2, BREADTH / 2)) + wander
    half = len(slots) // 2
    distance = np.linalg.norm(place - ball, axis=1)
    for side in (0, 1):
        mine = np.flatnonzero((slot >= side * half) & (slot < (side + 1) * half))
        nearest = mine[distance[mine].argmin()]
        target[nearest] = ball + 0.25 * wander[nearest]
    return np.clip(target, (-0.5, -0.5), (LENGTH + 0.5, BREADTH + 0.5))


def _apart(place: np.ndarray) -> np.ndarray:
    """Return (n, 2): the push away from those nearer than NEAR."""
    gap = place[:, None] - place[None]
    far = np.linalg.norm(gap, axis=2) + 1e-6
    return np.einsum("ij,ijk->ik", 12 * np.maximum(0, NEAR - far) / far, gap)


def _gait(rng: np.random.Generator, speeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return facing and stride (moments, n) of those speeds; who stands looks about slowly."""
    moments, people = speeds.shape[:2]
    look = np.empty_like(speeds)
    now = rng.normal(0, 1, (people, 2))
    for moment in range(moments):
        now = 0.85 * now + 0.15 * (speeds[moment] + rng.normal(0, 0.4, (people, 2)))
        look[moment] = now
    facing = np.unwrap(np.arctan2(look[..., 1], look[..., 0]), axis=0)
    pace = np.linalg.norm(speeds, axis=2)
    stride = np.cumsum(2 * np.pi * np.minimum(3.0, 0.55 * pace) / RATE, axis=0)
    return facing, stride + rng.uniform(0, 2 * np.pi, people)
