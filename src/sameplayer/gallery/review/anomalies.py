"""Where the record may be wrong: persons who may be one, pictures that may be another's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sameplayer.gallery.core.gallery import PERSON, STORED, GalleryCore
from sameplayer.gallery.core.index import Means
from sameplayer.gallery.core.name_search import Register
from sameplayer.gallery.core.records import Person, StoredPicture
from sameplayer.gallery.store.base import rows_after, rows_in

ROWS = 1024  # of a product that are held: with the columns of a block of persons, 16 MB


@dataclass(frozen=True)
class Pair:
    """Two persons who may be one, and the cosine of their mean rows."""

    first: Person
    second: Person
    similarity: float


@dataclass(frozen=True)
class MislabelCandidate:
    """A picture that is more like another person than like the rest of its own.

    own      cosine of its row and the mean of its person's other pictures
    other    cosine of its row and the mean of the person ``like``
    """

    picture: StoredPicture
    person: Person
    like: Person
    own: float
    other: float


def duplicates(gallery: GalleryCore, most: int = 20) -> list[Pair]:
    """Return the persons most alike, the most alike first: exact, over all pairs.

    Before all others come persons who have one name in different spellings. Left out are pairs of
    whom somebody said that a picture of one does not show the other, and persons who are
    restricted. Takes n^2 d products; memory does not grow with n^2.
    """
    means = gallery.means()
    place = means.rows
    apart = gallery.rows(
        "SELECT DISTINCT picture.person, apart.person FROM apart "
        "JOIN picture ON picture.id = apart.picture "
        "WHERE picture.state = 'kept' AND picture.person IS NOT NULL"
    )
    known = [(place[a], place[b]) for a, b in apart if a in place and b in place]
    ruled_out = np.array([(max(pair), min(pair)) for pair in known], np.int64).reshape(-1, 2)
    values, pairs = np.zeros(0, np.float32), np.zeros((0, 2), np.int64)
    for top, left, product in _products(means):
        rows, columns = product.shape
        if top < left + columns:  # each pair once: the row after the column
            product[np.arange(left, left + columns) >= np.arange(top, top + rows)[:, None]] = -2
        here = ruled_out - (top, left)
        inside = (here >= 0).all(axis=1) & (here < (rows, columns)).all(axis=1)
        product[tuple(here[inside].T)] = -2
        least = values[-1] if len(values) == most else np.float32(-1.5)
        found = np.flatnonzero(product.ravel() > least)
        alike = product.ravel()[found]
        if len(found) > most:
            first = np.argpartition(-alike, most - 1)[:most]
            found, alike = found[first], alike[first]
        new = np.stack([top + found // columns, left + found % columns], axis=1)
        values, pairs = np.append(values, alike), np.concatenate([pairs, new])
        best = np.lexsort((*pairs.T, -values))[:most]
        values, pairs = values[best], pairs[best]
    ids = means.ids
    out = set(map(tuple, ruled_out.tolist()))
    chosen = {pair: one for pair, one in _namesakes(gallery, means, place) if pair not in out}
    chosen |= {(int(a), int(b)): float(one) for (a, b), one in zip(pairs, values, strict=True)}
    shown = list(chosen.items())[:most]
    persons = _persons(gallery, {ids[row] for pair, _ in shown for row in pair})
    return [
        Pair(persons[ids[b]], persons[ids[a]], value)
        for (a, b), value in shown
        if ids[a] in persons and ids[b] in persons
    ]


def _namesakes(
    gallery: GalleryCore, means: Means, place: dict[str, int]
) -> Iterator[tuple[tuple[int, int], float]]:
    """Give rows (later, earlier) and cosine of persons who have one name in several spellings."""
    with gallery.database.read() as cursor:
        groups = Register(cursor).shared()
    for group in groups:
        rows = sorted(place[key] for key in group if key in place)
        for row in rows[1:]:
            one, other = _means_of(means, np.array([row, rows[0]]))
            yield (row, rows[0]), float(one @ other)


def odd_pictures(gallery: GalleryCore, most: int = 50) -> list[MislabelCandidate]:
    """Return the pictures that are more like another person than like their own, by how much.

    Left out are pictures that people pinned, the only pictures of persons, and other persons of
    whom somebody said that the picture does not show them. Takes rows x persons x d products.
    """
    means = gallery.means()
    place = means.rows
    ids = means.ids
    apart = set(gallery.rows("SELECT picture, person FROM apart"))
    lengths = _lengths(gallery, means, place)
    held = means.pictures
    found: list[tuple[float, str, int, int, float, float]] = []
    for keys, owners, pinned, vectors in _rows(gallery, place):
        sums = lengths[owners] * np.einsum("nd,nd->n", vectors, _means_of(means, owners))
        # Without the picture itself: its row is of length 1.
        rest = np.sqrt(np.maximum(lengths[owners] ** 2 - 2 * sums + 1, 1e-12))
        own = (sums - 1) / rest
        likes, others = _nearest_other(means, keys, owners, vectors, apart, place)
        for row in np.flatnonzero((others > own) & ~pinned & (held[owners] > 1)):
            gap = float(others[row] - own[row])
            found.append(
                (
                    -gap,
                    keys[row],
                    int(owners[row]),
                    int(likes[row]),
                    float(own[row]),
                    float(others[row]),
                )
            )
        found = sorted(found)[:most]
    persons = _persons(gallery, {ids[row] for one in found for row in one[2:4]})
    kept = _kept(gallery, [one[1] for one in found])
    return [
        MislabelCandidate(kept[key], persons[ids[owner]], persons[ids[like]], own_value, other)
        for _, key, owner, like, own_value, other in found
        if key in kept and ids[owner] in persons and ids[like] in persons
    ]


def _products(means: Means) -> Iterator[tuple[int, int, np.ndarray]]:
    """Give (first row, first column, cosines) of the lower triangle of all pairs, in parts."""
    top = 0
    for at, block in enumerate(means.blocks):
        for start in range(0, len(block.ids), ROWS):
            left = 0
            for other in means.blocks[: at + 1]:
                yield top + start, left, block.means[start : start + ROWS] @ other.means.T
                left += len(other.ids)
        top += len(block.ids)


Rows = tuple[list[str], np.ndarray, np.ndarray, np.ndarray]


def _rows(gallery: GalleryCore, place: dict[str, int]) -> Iterator[Rows]:
    """Give ids, their persons' rows, whether they are pinned, and vectors of pictures, in parts."""
    sql = (
        "SELECT picture.id, picture.person, picture.pinned_by, vector.data FROM picture "
        "JOIN vector ON vector.picture = picture.id WHERE picture.id > ? "
        "AND picture.state = 'kept' AND picture.person IS NOT NULL ORDER BY picture.id LIMIT ?"
    )
    for rows in rows_after(gallery.rows, sql, size=ROWS):
        known = [row for row in rows if row[1] in place]
        if known:
            keys, owners, pinned, data = zip(*known, strict=True)
            yield (
                list(keys),
                np.array([place[key] for key in owners]),
                np.array([one is not None for one in pinned]),
                np.frombuffer(b"".join(data), np.float32).reshape(len(known), -1),
            )


def _lengths(gallery: GalleryCore, means: Means, place: dict[str, int]) -> np.ndarray:
    """Return (n,) lengths of the sums of each person's rows: the sums of cosines to the mean."""
    lengths = np.zeros(len(means))
    for _, owners, _, vectors in _rows(gallery, place):
        np.add.at(lengths, owners, np.einsum("nd,nd->n", vectors, _means_of(means, owners)))
    return lengths


def _means_of(means: Means, rows: np.ndarray) -> np.ndarray:
    """Return the mean rows (m, d) of persons by row."""
    found = np.empty((len(rows), means.blocks[0].means.shape[1]), np.float32)
    top = 0
    for block in means.blocks:
        inside = (rows >= top) & (rows < top + len(block.ids))
        found[inside] = block.means[rows[inside] - top]
        top += len(block.ids)
    return found


def _nearest_other(
    means: Means,
    keys: list[str],
    owners: np.ndarray,
    vectors: np.ndarray,
    apart: set[tuple[str, str]],
    place: dict[str, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Return (m,) row and cosine of the person nearest to each picture, but for its own."""
    likes, others = np.zeros(len(keys), np.int64), np.full(len(keys), -2.0)
    row_of = {key: row for row, key in enumerate(keys)}
    out = [
        (row_of[key], place[person]) for key, person in apart if key in row_of and person in place
    ]
    masked = np.array([*out, *enumerate(owners.tolist())])
    left = 0
    for block in means.blocks:
        product = vectors @ block.means.T
        here = masked[(masked[:, 1] >= left) & (masked[:, 1] < left + len(block.ids))]
        product[here[:, 0], here[:, 1] - left] = -2
        best = product.argmax(axis=1)
        values = product[np.arange(len(keys)), best]
        better = values > others
        likes[better], others[better] = best[better] + left, values[better]
        left += len(block.ids)
    return likes, others


def _persons(gallery: GalleryCore, ids: Iterable[str]) -> dict[str, Person]:
    with gallery.database.read() as cursor:
        sql = f"SELECT {PERSON} FROM person WHERE id IN"
        return {row[0]: Person(*row) for row in rows_in(cursor, sql, ids)}


def _kept(gallery: GalleryCore, ids: Iterable[str]) -> dict[str, StoredPicture]:
    with gallery.database.read() as cursor:
        sql = f"SELECT {STORED} FROM picture WHERE id IN"
        return {row[0]: StoredPicture(*row) for row in rows_in(cursor, sql, ids)}
