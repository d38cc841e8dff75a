"""Finding people in tiles of a picture: small ones stay large enough, cut ones are left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.tracks.detection.geometry import overlaps, suppress

Found = tuple[np.ndarray, np.ndarray]  # xywh (n, 4) pixels, score (n,)
OVERLAP = 0.2  # of a tile's side, at least
COARSER = 2.5  # a second layer of tiles, in which those are whole whom the overlap cuts
EDGE = 2 / 416  # of a tile's side: a box that ends so near an inner edge was cut by it
SAME = 0.6  # intersection over union of two boxes on one person
INSIDE = 0.8  # intersection over the smaller one, of boxes from tiles of two sizes


def tile_sizes(tile: int | None, width: int, height: int) -> list[int]:
    """Return the sides of the layers of tiles: the fine one, and a coarser one for the large."""
    longer = max(width, height)
    if tile is None or tile >= longer:
        return [longer]
    return [tile, min(round(tile * COARSER), longer)]


def tile_places(length: int, tile: int) -> list[int]:
    """Return where tiles begin along a side: from 0 to the end, evenly, overlapping enough."""
    if tile >= length:
        return [0]
    count = int(np.ceil((length - tile) / (tile * (1 - OVERLAP)))) + 1
    return np.linspace(0, length - tile, count).round().astype(int).tolist()


def find_in_tiles(picture: Picture, tile: int | None, find: Callable[[Picture], Found]) -> Found:
    """Return the boxes xywh (n, 4) and scores (n,) that ``find`` has in all tiles of a picture.

    Boxes that a tile's inner edge cuts are left out: the next tile, or a tile of the coarser
    layer, shows their person whole. Of several boxes on one person the surest stays.
    """
    height, width = picture.shape[:2]
    sizes = tile_sizes(tile, width, height)
    corners = [
        (size, left, top)
        for size in sizes
        for top in tile_places(height, size)
        for left in tile_places(width, size)
    ]

    def look(corner: tuple[int, int, int]) -> Found:
        size, left, top = corner
        xywh, score = find(picture[top : top + size, left : left + size])
        whole = _whole(xywh, size, (width - left, height - top), (left > 0, top > 0))
        return xywh[whole] + [left, top, 0, 0], score[whole]

    found = [look(corner) for corner in corners]
    if len(found) == 1:
        return found[0]
    layer = np.repeat([size for size, _, _ in corners], [len(score) for _, score in found])
    return best_boxes(
        np.concatenate([xywh for xywh, _ in found]),
        np.concatenate([score for _, score in found]),
        layer,
    )


def _whole(
    xywh: np.ndarray, size: int, left_over: tuple[int, int], inner: tuple[bool, bool]
) -> np.ndarray:
    """Return which boxes (in a tile's pixels) no inner edge of the tile cuts."""
    margin = size * EDGE
    whole = np.ones(len(xywh), bool)
    for axis in (0, 1):
        if inner[axis]:
            whole &= xywh[:, axis] > margin
        if left_over[axis] > size:
            whole &= xywh[:, axis] + xywh[:, axis + 2] < size - margin
    return whole


def best_boxes(xywh: np.ndarray, score: np.ndarray, layer: np.ndarray) -> Found:
    """Return the surest of several boxes on one person.

    layer    (n,) int: by which size of tiles a box was found; a box within a surer one goes only
             where they differ
    """
    share, inside = overlaps(xywh, xywh)
    rivals = (share > SAME) | ((inside > INSIDE) & (layer[:, None] != layer[None]))
    kept = suppress(np.argsort(-score, kind="stable"), rivals)
    return xywh[kept], score[kept]


def within(xywh: np.ndarray, score: np.ndarray, width: int, height: int) -> Found:
    """Return the boxes cut to the frame, without those of which not one pixel is in it."""
    low = np.clip(xywh[:, :2], 0, [width, height])
    high = np.clip(xywh[:, :2] + xywh[:, 2:], 0, [width, height])
    seen = (high - low >= 1).all(axis=1)
    return np.concatenate([low, high - low], axis=1)[seen], score[seen]
