"""Verbs of encoders: which there are, do two pictures show one player, and how sure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from sameplayer.commands.shared import (
    RUN,
    Compute,
    Picture,
    ReadingSplit,
    RunThenData,
    Several,
    bar,
)
from sameplayer.encoder.networks.presets import DEFAULT


def presets(
    names: tyro.conf.Positional[Several[str]] = (), measure: bool = False, device: str = "auto"
) -> None:
    """List encoders: input, weights, licence, where the weights are, speed when asked.

    Args:
        names: Presets or timm names; none: all presets.
        measure: Measure the crops a second on this machine, with random weights.
        device: auto: the GPU where there is one; cpu, cuda, cuda:N or mps.
    """
    from sameplayer.encoder.networks.presets import PRESETS
    from sameplayer.encoder.speed import crops_per_second, describe_presets

    listed = names or tuple(PRESETS)
    speeds: dict[str, float] = {}
    if measure:
        with bar("measuring") as advance:
            for number, name in enumerate(listed, start=1):
                speeds[name] = crops_per_second(name, device=device)
                advance(number, len(listed))
    print(describe_presets(listed, speeds))


def same(
    a: Picture,
    b: Picture,
    encoder: Annotated[str, tyro.conf.arg(metavar="RUN", help=RUN)] = DEFAULT,
    prior: float | None = None,
    compute: Compute = Compute(),
) -> None:
    """Say how alike the players of two pictures are, and how surely they are the same.

    Args:
        prior: For the probability: share of pairs of one person among the pairs that you ask
            about; None: the calibration's.
    """
    from sameplayer.encoder.matching import same as compare

    match = compare(a, b, compute.load(encoder), prior)
    sure = "uncalibrated" if match.probability is None else f"{100 * match.probability:.1f} %"
    print(f"similarity {match.similarity:.4f}, probability {sure}")


def calibrate(
    inputs: RunThenData,
    out: Path,
    prior: float = 0.5,
    compute: Compute = Compute(),
    reading: ReadingSplit = ReadingSplit(),
) -> None:
    """Fit the probability that two pictures show one player, on persons the encoder never saw.

    Args:
        out: New folder for the encoder with its curve.
        prior: Share of pairs of one person among the pairs that will be asked about.
    """
    from sameplayer.common.files import new_folder
    from sameplayer.encoder.matching import calibrate as fit

    run, data = inputs
    new_folder(out)
    encoder = compute.load(run)
    embeddings = compute.embed(encoder, reading.read(data))
    calibrated = fit(encoder, embeddings, prior)
    calibrated.save(out)
    print(f"{out}: {calibrated.spec.calibration}")
