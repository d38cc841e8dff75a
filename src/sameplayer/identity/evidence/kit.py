"""Which kit a tracklet wears: the two that most people wear, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.encoder.networks.colour import colour_features
from sameplayer.errors import DataError
from sameplayer.numbers.reader import VIEWS

TRIMMED = 0.2  # share of all pictures that need not fit either kit: referees, keepers, spectators
NEITHER = 0.1  # of all tracklets are taken to wear neither kit before they are looked at
LEAST_SPREAD = 0.15  # of a kit's leaning, where its tracklets differ less
DRAWS = 20
FAINT = 10.0  # chroma (CIELAB) below which a light shirt has no colour
DIM, SHADE = 0.35, 0.6  # by which that grows a unit of lightness below 45; of bluish shirts


@dataclass(frozen=True, eq=False)
class Kits:
    """The two kits of a match.

    centres      (2, d) unit rows of ``shirt_rows``; the lighter kit first
    leaning      (2,) how much nearer, as a difference of cosines, those who wear a kit are to its
                 centre than to the other
    spread       (2,) standard deviations of that
    words        a colour word for each, such as white and blue
    """

    centres: np.ndarray
    leaning: np.ndarray
    spread: np.ndarray
    words: tuple[str, str]

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, 3): first kit, second kit, neither, of unit rows (n, d).

        Whoever wears neither leans to neither, by less than a kit's third.
        """
        lean = _leaning(rows, self.centres)[:, None] * (1, -1)
        away = (np.minimum(lean, self.leaning) - self.leaning) / self.spread
        kits = (1 - NEITHER) / 2 * np.exp(-(away**2) / 2) / (self.spread * np.sqrt(2 * np.pi))
        width = self.leaning.mean() / 3
        other = NEITHER * np.exp(-((lean[:, :1] / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
        shares: np.ndarray = np.concatenate([kits, other], axis=1)
        return shares / shares.sum(axis=1, keepdims=True)

    def like(self, other: Kits) -> Kits:
        """Return these kits in the order of another camera's."""
        alike = self.centres @ other.centres.T
        if np.trace(alike) >= np.trace(alike[::-1]):
            return self
        return Kits(self.centres[::-1], self.leaning[::-1], self.spread[::-1], self.words[::-1])


def shirt_rows(pictures: Sequence[Picture]) -> tuple[np.ndarray, np.ndarray]:
    """Return unit colour rows (n, d) of the shirts in crops uint8 RGB, and their RGB (n, 3)."""
    shirts = [_part(picture, "torso", 0.25) for picture in pictures]
    chests = [_part(picture, "chest", 0.35) for picture in pictures]
    colours = [np.median(one.reshape(-1, 3), axis=0) for one in chests]
    return colour_features(shirts, "box"), np.array(colours).reshape(-1, 3)


def find_kits(rows: np.ndarray, weight: np.ndarray, colours: np.ndarray, seed: int = 0) -> Kits:
    """Find the two kits that tracklets wear, by trimmed k-means.

    rows       (n, d) unit rows, the mean of each tracklet's ``shirt_rows``
    weight     (n,) over 0: how much of the match a tracklet takes
    colours    (n, 3) RGB of each shirt, for the words

    The share TRIMMED that fits worst decides nothing (Cuesta-Albertos, Gordaliza and Matran, 1997).
    Raises DataError for fewer than two tracklets, and where all wear the same.
    """
    if len(rows) < 2:
        raise DataError(f"{len(rows)} tracklets; expected two or more to tell kits apart.")
    rng = np.random.default_rng(seed)
    starts = [_trimmed_means(rows, weight, rng) for _ in range(DRAWS)]
    centres = min(starts, key=lambda found: found[0])[1]
    lean, tones = _leaning(rows, centres), np.zeros((2, 3))
    kept = _kept(_distances(rows, centres).min(axis=1), weight)
    leaning, spread = np.zeros(2), np.zeros(2)
    if len(np.unique(lean[kept] > 0)) < 2:
        raise DataError("All tracklets wear the same colours; expected two kits.")
    for kit, own in enumerate((kept & (lean > 0), kept & (lean <= 0))):
        leaning[kit] = np.average(np.abs(lean[own]), weights=weight[own])
        variance = np.average((np.abs(lean[own]) - leaning[kit]) ** 2, weights=weight[own])
        spread[kit] = max(np.sqrt(variance), LEAST_SPREAD * leaning[kit])
        tones[kit] = np.average(colours[own], axis=0, weights=weight[own])
    order = np.argsort(-tones.sum(axis=1), kind="stable")
    first, second = (colour_word(tones[kit]) for kit in order)
    if first == second:
        first, second = f"light {first}", f"dark {second}"
    return Kits(centres[order], leaning[order], spread[order], (first, second))


def colour_word(rgb: np.ndarray) -> str:
    """Return an English word for a colour, RGB from 0 to 255."""
    pixel = np.clip(rgb, 0, 255).astype(np.uint8).reshape(1, 1, 3)
    hue, strength, _ = (int(value) for value in cv2.cvtColor(pixel, cv2.COLOR_RGB2HSV)[0, 0])
    light, *tint = cv2.cvtColor(pixel.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0, 0].tolist()
    faint = FAINT + (SHADE if tint[1] < 0 else DIM) * max(0.0, 45 - light)
    if strength < 85 or np.hypot(*tint) < faint or light < 12:
        return "white" if light > 56 else "grey" if light > 32 else "black"
    for end, word in (
        (8, "red"),
        (18, "orange"),
        (33, "yellow"),
        (85, "green"),
        (130, "blue"),
        (155, "purple"),
        (172, "pink"),
    ):
        if hue < end:
            return word
    return "red"


def _part(picture: Picture, name: str, aside: float) -> Picture:
    """Return a part of VIEWS of a standing player's crop, without so much of each side."""
    top, bottom, _, _ = VIEWS[name]
    high, wide = picture.shape[:2]
    rows = slice(round(top * high), max(round(bottom * high), 1))
    part = picture[rows, round(aside * wide) : max(round((1 - aside) * wide), 1)]
    return part if part.size else picture


def _trimmed_means(
    rows: np.ndarray, weight: np.ndarray, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """Return the cost and the centres that one random start leads to."""
    first = rng.choice(len(rows), p=weight / weight.sum())
    away = weight * _distances(rows, rows[[first]])[:, 0] ** 2 + 1e-12
    centres = rows[[first, rng.choice(len(rows), p=away / away.sum())]]
    cost = np.inf
    for _ in range(50):
        away = _distances(rows, centres)
        nearest, least = away.argmin(axis=1), away.min(axis=1)
        kept = _kept(least, weight)
        lower = float((weight * least**2)[kept].sum())
        if lower >= cost - 1e-9:
            break
        cost, before = lower, centres
        centres = np.stack(
            [_mean(rows, weight * (kept & (nearest == kit)), before[kit]) for kit in range(2)]
        )
    return cost, centres


def _mean(rows: np.ndarray, weight: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    total: np.ndarray = weight @ rows
    return total / np.linalg.norm(total) if weight.any() else otherwise


def _leaning(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return (n,): how much nearer the first centre is than the second."""
    lean: np.ndarray = rows @ (centres[0] - centres[1])
    return lean


def _kept(distance: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return which tracklets fit best, (1 - TRIMMED) of all weight."""
    order = np.argsort(distance, kind="stable")
    before = np.cumsum(weight[order]) - weight[order]
    kept = np.zeros(len(distance), bool)
    kept[order] = before < (1 - TRIMMED) * weight.sum()
    return kept


def _distances(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(2 - 2 * rows @ centres.T, 0))
