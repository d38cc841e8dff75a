"""How many crops a second an encoder embeds on this machine, and the table of presets."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

import numpy as np

from sameplayer.encoder.networks.locations import weights_place
from sameplayer.encoder.networks.presets import PRESETS, find_preset_or_timm

CROP = (180, 72, 3)  # a player in a broadcast picture


def crops_per_second(name: str, *, device: str = "auto", seconds: float = 2.0) -> float:
    """Return the crops a second that the encoder of a preset or timm name embeds.

    Pictures of 180 x 72 are fitted, normalised and embedded in batches of 16, with random weights,
    which are as fast as trained ones: nothing is fetched. The best batch of at least ``seconds``
    counts, after one to warm up.

    Raises ConfigError for an unknown name, SettingError for a device that is not there.
    """
    from sameplayer.encoder.load import create_encoder

    encoder = create_encoder(name, pretrained=False).to(device)
    pictures = list(np.random.default_rng(1).integers(0, 256, (16, *CROP), dtype=np.uint8))
    encoder.embed(pictures)
    best, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < seconds:
        start = time.perf_counter()
        encoder.embed(pictures)
        best = min(best, time.perf_counter() - start)
    return len(pictures) / best


def describe_presets(
    names: Collection[str] | None = None, speeds: Mapping[str, float] | None = None
) -> str:
    """Return a table as text, a line a preset: input, weights, licence, where they are, speed.

    names     which; None: all
    speeds    crops a second by name, where they were measured
    """
    heads = ("crops/s",) if speeds else ()
    rows: list[tuple[str, ...]] = [
        ("preset", "input", "weights", "licence", "they are", *heads, "what")
    ]
    for name in PRESETS if names is None else names:
        preset = find_preset_or_timm(name)
        size = f"{preset.height or ''} x {preset.width or ''}".strip(" x")
        millions = f"{preset.weights / 1e6:.1f} M" if preset.weights else "-"
        speed = f"{speeds[name]:.1f}" if speeds and name in speeds else ""
        measured = (speed,) if speeds else ()
        what = preset.about or preset.architecture
        rows.append((name, size, millions, preset.licence, weights_place(preset), *measured, what))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(padded)
