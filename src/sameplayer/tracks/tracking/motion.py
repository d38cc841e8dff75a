"""Where each tracked person will be: a Kalman filter a person, in units of his own height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PLACE = np.array([0.06, 0.05])  # deviation of a box's middle across and down, in box heights
SPEED = np.array([2.5, 0.8])  # of a person of whom only one box is known, heights a second
PUSH = np.array([2.5, 1.2])  # of speed after one second of running freely, heights a second
HEIGHT = 0.10  # deviation of the logarithm of a box's height
FOLLOW = 0.3  # how much of a new height and look enters what is remembered


@dataclass(frozen=True, eq=False)
class People:
    """What is known of n tracked people at their last box.

    ids       (n,) int64: their tracklets
    state     (n, 2, 2): across and down: place in pixels, speed in pixels a second
    spread    (n, 2, 2, 2): its covariance
    height    (n,) pixels
    time      (n,) seconds of the last box
    cue       (n, c): how they look; nan where nobody knows
    boxes     (n,) how many boxes they have
    """

    ids: np.ndarray
    state: np.ndarray
    spread: np.ndarray
    height: np.ndarray
    time: np.ndarray
    cue: np.ndarray
    boxes: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> People:
        """Return these rows, by number or as a mask."""
        return People(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def joined(self, others: People) -> People:
        return People(
            *(
                np.concatenate([getattr(self, name), getattr(others, name)])
                for name in self.__dataclass_fields__
            )
        )


def newcomers(ids: np.ndarray, xywh: np.ndarray, time: float, cue: np.ndarray) -> People:
    """Return people of whom one box (n, 4) is known; their speed is not."""
    count, height = len(ids), xywh[:, 3]
    state = np.zeros((count, 2, 2))
    state[:, :, 0] = middles(xywh)
    spread = np.zeros((count, 2, 2, 2))
    spread[:, :, 0, 0] = (PLACE * height[:, None]) ** 2
    spread[:, :, 1, 1] = (SPEED * height[:, None]) ** 2
    return People(ids, state, spread, height, np.full(count, time), cue, np.ones(count, np.int64))


def middles(xywh: np.ndarray) -> np.ndarray:
    return xywh[:, :2] + xywh[:, 2:] / 2


def predict(people: People, time: float) -> People:
    """Return the people as expected at a later time."""
    gap = (time - people.time)[:, None]
    state, spread = people.state.copy(), people.spread.copy()
    state[:, :, 0] += state[:, :, 1] * gap
    cross, speed = people.spread[:, :, 0, 1], people.spread[:, :, 1, 1]
    push = (PUSH * people.height[:, None]) ** 2  # white noise of acceleration
    spread[:, :, 0, 0] += 2 * gap * cross + gap**2 * speed + push * gap**3 / 3
    spread[:, :, 0, 1] = spread[:, :, 1, 0] = cross + gap * speed + push * gap**2 / 2
    spread[:, :, 1, 1] = speed + push * gap
    return People(people.ids, state, spread, people.height, people.time, people.cue, people.boxes)


def surprise(people: People, xywh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, m) minus log-likelihoods of boxes for moved people, and squared deviations.

    The likelihood is of place and height in units of the person's height.
    """
    away = middles(xywh)[None] - people.state[:, None, :, 0]
    noise = (PLACE * people.height[:, None]) ** 2
    spread = (people.spread[:, :, 0, 0] + noise)[:, None]
    squares = away**2 / spread
    grown = np.log(xywh[None, :, 3] / people.height[:, None]) / HEIGHT
    grown = np.sign(grown) * np.minimum(np.abs(grown), 4)
    wide = np.log(spread / people.height[:, None, None] ** 2).sum(axis=2)
    return 0.5 * (squares.sum(axis=2) + wide + grown**2), squares.sum(axis=2)


def update(people: People, xywh: np.ndarray, time: float, cue: np.ndarray) -> People:
    """Return moved people after one box each was found to be theirs."""
    noise = (PLACE * xywh[:, 3:4]) ** 2
    gain = people.spread[:, :, :, 0] / (people.spread[:, :, 0, 0] + noise)[:, :, None]
    off = middles(xywh) - people.state[:, :, 0]
    state = people.state + gain * off[:, :, None]
    spread = people.spread - gain[:, :, :, None] * people.spread[:, :, None, 0, :]
    height = np.exp((1 - FOLLOW) * np.log(people.height) + FOLLOW * np.log(xywh[:, 3]))
    mixed = (1 - FOLLOW) * people.cue + FOLLOW * cue
    mixed = np.where(np.isnan(mixed), np.where(np.isnan(cue), people.cue, cue), mixed)
    times = np.full(len(people), time)
    return People(people.ids, state, spread, height, times, mixed, people.boxes + 1)
