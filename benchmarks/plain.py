"""Both re-rankings written straight from the method with whole matrices: slow and short.

Tests hold ours against them, benchmarks/ranking.py times them.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score


def _squared(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    query, gallery = _unit(query), _unit(gallery)
    lengths = (query**2).sum(axis=1)[:, None] + (gallery**2).sum(axis=1)
    return np.maximum(lengths - 2 * (query @ gallery.T), 0)


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def k_reciprocal(
    query: np.ndarray, gallery: np.ndarray, k1: int = 20, k2: int = 6, lambda_: float = 0.3
) -> np.ndarray:
    """Return (m, n) re-ranked distances of features (m, d) and (n, d); smaller is closer.

    As the published code runs it, unlike the paper: distances are squared twice, each column is
    divided by its maximum, and neighbour lists hold k + 1 entries, the row itself included.
    """
    both = np.concatenate([query, gallery])
    count, queries = len(both), len(query)
    distance = _squared(both, both) ** 2
    distance = np.ascontiguousarray((distance / np.maximum(distance.max(axis=0), 1e-12)).T)
    order = np.argsort(distance, axis=1, kind="stable")
    near = [_reciprocal(order, i, k1) for i in range(count)]
    half = [_reciprocal(order, i, int(np.round(k1 / 2))) for i in range(count)]
    weights = np.zeros((count, count), np.float32)
    for i in range(count):
        members = near[i]
        for j in near[i]:
            if len(np.intersect1d(half[j], near[i])) > 2 / 3 * len(half[j]):
                members = np.append(members, half[j])
        members = np.unique(members)
        weight = np.exp(-distance[i, members])
        weights[i, members] = weight / weight.sum()
    if k2 > 1:
        weights = np.stack([weights[order[i, :k2]].mean(axis=0) for i in range(count)])
    jaccard = np.empty((queries, count - queries), np.float32)
    for i in range(queries):
        shared = np.minimum(weights[i], weights[queries:]).sum(axis=1)
        jaccard[i] = 1 - shared / (2 - shared)
    return ((1 - lambda_) * jaccard + lambda_ * distance[:queries, queries:]).astype(np.float32)


def hard_weights(
    query: np.ndarray, gallery: np.ndarray, k1: int = 20, k2: int = 6, lambda_: float = 0.5
) -> np.ndarray:
    """Return (m, n) re-ranked distances with binary ("hard") neighbour vectors, as run in 2023.

    The published code expands in place: the walk over a query's set also visits what its first
    merge appended, and later rows see the already averaged vectors of earlier ones. The result
    is kept equal, quirks included. ``lambda_`` weighs the Jaccard distance here.
    """
    m, n = len(query), len(gallery)
    joint = np.concatenate([query, gallery])
    distance = _squared(joint, joint)
    order = np.argsort(distance, axis=1, kind="stable")
    own = np.argsort(distance[m:, m:], axis=1, kind="stable")
    rank_of = _first(order, k1)
    query_sets = [[g - m for g in order[p, :k1] if g >= m and p in rank_of[g]] for p in range(m)]
    gallery_sets, half_sets = _mutual(own, k1), _mutual(own, k1 // 2)
    halves = [set(half) for half in half_sets]
    vectors = np.zeros((m, n), np.float32)
    for p, members in enumerate(query_sets):
        vectors[p, _expand_query(members, half_sets, halves)] = 1
    plain = np.zeros((n, n), np.float32)
    for g, members in enumerate(gallery_sets):
        plain[g, _expand_gallery(members, half_sets, halves)] = 1
    if k2 > 1:
        _average_in_place(vectors, plain, order, own, k2)
    jaccard = np.empty((m, n), np.float32)
    for p in range(m):
        shared = np.minimum(vectors[p], plain).sum(axis=1)
        union = np.maximum(vectors[p], plain).sum(axis=1)
        jaccard[p] = 1 - shared / np.maximum(union, 1e-12)
    rows = distance[:m, m:]
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return ((1 - lambda_) * rows + lambda_ * jaccard).astype(np.float32)


def _reciprocal(order: np.ndarray, i: int, k: int) -> np.ndarray:
    forward = order[i, : k + 1]
    backward = order[forward, : k + 1]
    return forward[(backward == i).any(axis=1)]


def _first(order: np.ndarray, k: int) -> list[set[int]]:
    return [set(row[:k].tolist()) for row in order]


def _mutual(order: np.ndarray, k: int) -> list[list[int]]:
    first = _first(order, k)
    return [[int(g) for g in order[i, :k] if i in first[g]] for i in range(len(order))]


def _expand_query(
    members: list[int], half_sets: list[list[int]], halves: list[set[int]]
) -> list[int]:
    original, result, walk = set(members), list(members), list(members)
    merged = False
    place = 0
    while place < len(walk):
        half = half_sets[walk[place]]
        if len(original & halves[walk[place]]) >= 2 / 3 * len(half):
            result.extend(half)
            if not merged:
                walk.extend(half)
                merged = True
        place += 1
    return sorted(set(result))


def _expand_gallery(
    members: list[int], half_sets: list[list[int]], halves: list[set[int]]
) -> list[int]:
    original, result = set(members[1:]), list(members)
    for g in members[1:]:
        if len(original & halves[g]) >= 2 / 3 * len(half_sets[g]):
            result.extend(half_sets[g])
    return sorted(set(result))


def _average_in_place(
    vectors: np.ndarray, plain: np.ndarray, order: np.ndarray, own: np.ndarray, k2: int
) -> None:
    m = len(vectors)
    for p in range(m):
        near = order[p, :k2]
        vectors[p] = np.stack([vectors[j] if j < m else plain[j - m] for j in near]).mean(axis=0)
    for g in range(len(plain)):
        plain[g] = plain[own[g, 1 : k2 + 1]].mean(axis=0)


def mean_average_precision(
    distance: np.ndarray,
    query_ids: np.ndarray,
    gallery_ids: np.ndarray,
    query_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
) -> float:
    """The mean of scikit-learn's average precision over the queries with a match."""
    values = []
    for row, person, camera in zip(distance, query_ids, query_cameras, strict=True):
        counts = ~((gallery_ids == person) & (gallery_cameras == camera))
        match = gallery_ids[counts] == person
        if match.any():
            values.append(average_precision_score(match, -row[counts]))
    return float(np.mean(values))


def cmc(
    distance: np.ndarray,
    query_ids: np.ndarray,
    gallery_ids: np.ndarray,
    query_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
    protocol: str,
    top: int = 100,
) -> np.ndarray:
    """One query after the other; ten draws of one picture a person for "cuhk03"."""
    rng = np.random.default_rng(0)
    hits, queries = np.zeros(top), 0
    for row, person, camera in zip(distance, query_ids, query_cameras, strict=True):
        order = np.argsort(row, kind="stable")
        counts = ~((gallery_ids[order] == person) & (gallery_cameras[order] == camera))
        if protocol == "cuhk03":
            counts = gallery_cameras[order] != camera
        listed = order[counts]
        match = gallery_ids[listed] == person
        if not match.any():
            continue
        queries += 1
        for _ in range(10 if protocol == "cuhk03" else 1):
            shown, weight = match, 1.0
            if protocol == "cuhk03":
                drawn = [
                    rng.choice(np.flatnonzero(gallery_ids[listed] == one))
                    for one in np.unique(gallery_ids[listed])
                ]
                shown, weight = match[np.sort(drawn)], 0.1
            ranks = np.flatnonzero(shown) - np.arange(shown.sum())
            if protocol == "allshots":
                weight = 1 / len(ranks)
            for rank in ranks if protocol == "allshots" else ranks[:1]:
                if rank < top:
                    hits[rank] += weight
    return np.cumsum(hits) / queries


def dissimilarity(distances: list[np.ndarray], top: int = 15) -> np.ndarray:
    """One query after the other, with sets."""
    models, result = len(distances), np.empty_like(distances[0])
    for row in range(len(result)):
        lists = [set(np.argsort(one[row], kind="stable")[:top].tolist()) for one in distances]
        every = set().union(*lists)
        agreed = {g for g in every if sum(g in one for one in lists) >= models // 2 + 1}
        counts = [len(one & agreed) for one in lists]
        total = sum(counts)
        weights = [1 / models if not total else (count / total or 0.1) for count in counts]
        inverse = np.array([1 / weight for weight in weights])
        inverse /= inverse.sum()
        result[row] = sum(w * one[row] for w, one in zip(inverse, distances, strict=True))
    return np.round(result, 5)
