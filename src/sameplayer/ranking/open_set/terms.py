"""What a likelihood ratio is made of: similarities on one scale, and terms over the counts.

A question and a person are means of pictures; ``asked`` and ``held`` are how many, float64 of
shapes that broadcast with the similarities.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sameplayer.ranking.open_set.gallery_draws import Searches

PARTS = (6, 5, 3)  # weights of a ratio's offset, slope and bend
FORM = 4  # numbers of a line over the counts of pictures


def one_scale(
    alike: np.ndarray, asked: np.ndarray, held: np.ndarray, cohesion: float
) -> np.ndarray:
    """Bring the cosine of two means to that of two single pictures.

    The mean of n unit rows whose mean cosine is c has the squared length c + (1 - c) / n.
    """
    lengths = (cohesion + (1 - cohesion) / asked) * (cohesion + (1 - cohesion) / held)
    return np.asarray(alike * np.sqrt(lengths))


def terms(
    asked: np.ndarray, held: np.ndarray, level: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what offset, slope and bend are made of: (..., 6), (..., 5) and (..., 3)."""
    one, a, b, level = np.broadcast_arrays(1.0, 1 / asked, 1 / held, level)
    offset = np.stack([one, a, b, a * b, level, level * a], axis=-1)
    slope = np.stack([one, a, b, a * b, level], axis=-1)
    return offset, slope, np.stack([one, a, b], axis=-1)


def line_over(asked: np.ndarray, held: np.ndarray) -> np.ndarray:
    one, a, b = np.broadcast_arrays(1.0, 1 / asked, 1 / held)
    return np.stack([one, a, b, a * b], axis=-1)


def usual_level(drawn: Sequence[Searches], cohesion: float) -> tuple[np.ndarray, np.ndarray]:
    """Return lines (FORM,) of mean and variance of the scaled similarity of two persons."""
    scaled, lines = [], []
    for one in drawn:
        asked, held = one.query_pictures[:, None], one.person_pictures[None]
        wrong = one.mate[:, None] != np.arange(len(one.person_pictures))
        scaled.append(one_scale(one.similarities, asked, held, cohesion)[wrong])
        lines.append(line_over(asked, held)[wrong])
    value, line = np.concatenate(scaled), np.concatenate(lines)
    level = np.linalg.lstsq(line, value)[0]
    return level, np.linalg.lstsq(line, (value - line @ level) ** 2)[0]
