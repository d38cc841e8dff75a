"""Do two pictures show the same player? A similarity, and a probability once calibrated."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sameplayer.common.vectors import unit_mean
from sameplayer.data.crops import Crops
from sameplayer.data.reading import ACCEPTED_PICTURES, PictureLike, is_single_picture
from sameplayer.encoder.calibration import fit_calibration
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import as_encoder
from sameplayer.encoder.networks.presets import DEFAULT
from sameplayer.errors import ConfigError, DataError, RankingError, refuse_other_types

MOST_PAIRS = 200_000
Pictures = PictureLike | Sequence[PictureLike]


@dataclass(frozen=True)
class Match:
    """How alike two players look.

    similarity     cosine of the two features, -1 to 1; of several pictures of a player, of the
                   mean of their unit features
    probability    that both are one person, see ``calibrate``; None where the encoder is not
                   calibrated, or where one of them is shown by several pictures: the curve was
                   fitted to pairs of single ones
    """

    similarity: float
    probability: float | None


def same(
    a: Pictures,
    b: Pictures,
    encoder: Encoder | str | Path = DEFAULT,
    prior: float | None = None,
    *,
    order: str = "rgb",
) -> Match:
    """Compare two players.

    a, b       a picture of each: path, uint8 array (h, w, 3), PIL picture or torch tensor; or a
               list of pictures of one
    encoder    Encoder, or what ``load_encoder`` takes: a run folder, a saved encoder, a name
    order      of the channels of arrays and tensors: "rgb"; "bgr", as OpenCV reads
    prior      for the probability: share of pairs of one person among the pairs that you ask
               about; None: the calibration's

    Raises DataError for a picture that cannot be read or an empty list, and what ``load_encoder``
    raises.

    >>> from sameplayer.synthetic import draw_crop
    >>> a, b = draw_crop(7, 0).picture, draw_crop(7, 1).picture
    >>> round(same(a, b, "colour").similarity, 2)
    0.49
    """
    refuse_other_types("same", encoder=(encoder, (Encoder, str, Path)))
    own = as_encoder(encoder)
    lists = [_as_list(a), _as_list(b)]
    if not all(lists):
        raise DataError("No picture of one of the two; expected one or more of each.")
    rows = own.embed([*lists[0], *lists[1]], order=order)
    first, second = unit_mean(rows[: len(lists[0])]), unit_mean(rows[len(lists[0]) :])
    similarity = float(np.clip(first @ second, -1, 1))
    calibration = own.spec.calibration
    if calibration is None or len(rows) > 2:
        return Match(similarity, None)
    return Match(similarity, calibration.probability(similarity, prior))


def calibrate(encoder: Encoder, embeddings: Embeddings, prior: float = 0.5) -> Encoder:
    """Return the encoder with a curve from similarity to probability, fitted to labelled pairs.

    embeddings    of pictures with persons, made by this encoder. Take persons whom it was not
                  trained on: those that it knows are told apart too surely
    prior         the share of pairs of one person among the pairs that will be asked about

    The pairs are all pairs of pictures within one scope (drawn where there are over 200,000 of a
    kind). The probability p means: of many pairs like these, of which a share ``prior`` shows one
    person, about p of those with this similarity do. It holds for pictures like these, taken one
    at a time; with another prior in ``same`` it is shifted by Bayes' rule. The curve is saved with
    the encoder and leaves its fingerprint as it is.

    Raises RankingError for embeddings of another encoder, DataError for too few pairs.
    """
    refuse_other_types("calibrate", encoder=(encoder, Encoder), embeddings=(embeddings, Embeddings))
    if embeddings.fingerprint != encoder.fingerprint():
        raise RankingError(
            f"These embeddings were made by encoder {embeddings.fingerprint}, not by "
            f"{encoder.fingerprint()}. Embed the pictures with the encoder that is calibrated."
        )
    first, second, matches = _labelled_pairs(embeddings.crops)
    vectors = embeddings.vectors
    similarities = np.concatenate(
        [
            np.einsum("nd,nd->n", vectors[first[part]], vectors[second[part]])
            for part in np.array_split(np.arange(len(first)), len(first) // 10_000 + 1)
        ]
    )
    fitted = fit_calibration(similarities, matches, prior, _digest(embeddings.crops))
    return encoder.with_spec(replace(encoder.spec, calibration=fitted))


def _labelled_pairs(crops: Crops) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows (n,) and (n,) of the pairs, and (n,) bool: whether they show one person."""
    persons, scopes = crops.persons(), crops.scopes()
    rng = np.random.default_rng(1)
    kinds = (_pairs_within(persons, persons, rng), _pairs_within(scopes, persons, rng, apart=True))
    matches = np.repeat([True, False], [len(kinds[0]), len(kinds[1])])
    pairs = np.concatenate(kinds)
    return pairs[:, 0], pairs[:, 1], matches


def _pairs_within(
    groups: np.ndarray, persons: np.ndarray, rng: np.random.Generator, apart: bool = False
) -> np.ndarray:
    """Return pairs (n, 2) of rows of one group: of one person, or, ``apart``, of two.

    Of groups with many pairs each gives its share of ``MOST_PAIRS``, drawn with replacement.
    """
    known = np.flatnonzero(persons >= 0)
    known = known[np.argsort(groups[known], kind="stable")]
    ends = np.flatnonzero(np.diff(groups[known])) + 1
    members = [rows for rows in np.split(known, ends) if len(rows) > 1]
    total = sum(len(rows) * (len(rows) - 1) // 2 for rows in members)
    parts = [np.zeros((0, 2), np.int64)]
    for rows in members:
        count = len(rows) * (len(rows) - 1) // 2
        if total <= MOST_PAIRS:
            first, second = np.triu_indices(len(rows), 1)
        else:
            first = rng.integers(0, len(rows), int(np.ceil(MOST_PAIRS * count / total)))
            second = (first + rng.integers(1, len(rows), len(first))) % len(rows)
        pairs = np.stack([rows[first], rows[second]], axis=1)
        parts.append(pairs[(persons[pairs[:, 0]] != persons[pairs[:, 1]]) == apart])
    return np.concatenate(parts)


def _digest(crops: Crops) -> str:
    columns = ["image", "person", *([crops.scope] if crops.scope else [])]
    text = crops.table[columns].to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _as_list(shown: Pictures) -> list[PictureLike]:
    if is_single_picture(shown):
        return [shown]
    if not isinstance(shown, Iterable):
        raise ConfigError(f"A picture must be {ACCEPTED_PICTURES}; found {type(shown).__name__}.")
    return list(shown)
