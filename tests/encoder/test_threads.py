"""Threads that share an encoder: the rows of one thread, and nothing in the encoder changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder
from sameplayer.maps.explanation import explain

OFFLINE = ["person", "person-large", "colour", "small", "test_resnet", "levit_128s"]


def pictures(count: int = 4) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 255, (48, 24, 3), dtype=np.uint8) for _ in range(count)]


def in_threads(encoder: Encoder, each: list[np.ndarray], rounds: int = 3) -> list[np.ndarray]:
    """Embed in as many threads as there are pictures, all at once, each its picture."""
    start = Barrier(len(each))

    def rows(picture: np.ndarray) -> np.ndarray:
        start.wait()
        return np.concatenate([encoder.embed([picture]) for _ in range(rounds)])

    with ThreadPoolExecutor(len(each)) as pool:
        return list(pool.map(rows, each))


@pytest.mark.parametrize("name", OFFLINE)
def test_four_threads_get_the_rows_of_one_and_leave_the_fingerprint(name: str) -> None:
    encoder = create_encoder(name, pretrained=not name.startswith(("test_", "levit")))
    shown = pictures()
    before = encoder.fingerprint()
    alone = [encoder.embed([picture]) for picture in shown]
    for rows, expected in zip(in_threads(encoder, shown), alone, strict=True):
        np.testing.assert_allclose(rows, np.repeat(expected, len(rows), axis=0), atol=1e-6)
    assert encoder.fingerprint() == before


def test_maps_and_rows_of_other_threads_do_not_meet() -> None:
    encoder = create_encoder("test_vit", pretrained=False, height=64, width=64)
    attentions = [block.attn for block in encoder.model.blocks]
    one, other, *shown = pictures(6)
    before = [layer.fused_attn for layer in attentions]

    def found(method: str) -> np.ndarray:
        return explain(encoder, one, other, method=method, channels=8).map_a

    methods = ["legrad", "grad-cam", "score-cam", "legrad"]
    alone = [found(method) for method in methods]
    rows = [encoder.embed([picture]) for picture in shown]
    with ThreadPoolExecutor(len(methods)) as pool:
        maps = [pool.submit(found, method) for method in methods]
        during = in_threads(encoder, shown)
    for made, expected in zip(maps, alone, strict=True):
        np.testing.assert_allclose(made.result(), expected, atol=1e-4)
    for each, expected in zip(during, rows, strict=True):
        np.testing.assert_allclose(each, np.repeat(expected, len(each), axis=0), atol=1e-6)
    assert [layer.fused_attn for layer in attentions] == before
    assert not any(layer._forward_hooks for layer in encoder.model.modules())
