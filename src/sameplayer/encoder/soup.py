"""A soup: the mean of the weights of several encoders of one architecture."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import WeightsError, refuse_other_types


def average_encoders(encoders: Sequence[Encoder]) -> Encoder:
    """Return the uniform soup (Wortsman et al., 2022) of two or more encoders.

    They should come from one start, as epochs or seeds of one fine-tuning do: the mean of encoders
    trained from different random weights means nothing. Running means of batch normalisation are
    averaged like weights. The soup is not calibrated, and lies on the first encoder's device.

    Raises WeightsError for fewer than two, and when architecture or pre-processing differ.
    """
    if len(encoders) < 2:
        raise WeightsError(f"A soup of {len(encoders)} encoders; expected two or more.")
    for encoder in encoders:
        refuse_other_types("average_encoders", encoders=(encoder, Encoder))
    first = encoders[0]
    _refuse_other_kinds(encoders)
    states = [encoder.model.state_dict() for encoder in encoders]
    mean = {
        name: sum(state[name].to(value.device).float() for state in states)
        .div(len(states))
        .to(value.dtype)
        for name, value in states[0].items()
    }
    model = copy.deepcopy(first.model).train()  # which drops what layers computed from old weights
    model.load_state_dict(mean)
    scale = sum(encoder.log_scale.item() for encoder in encoders) / len(encoders)
    fingerprints = [encoder.fingerprint() for encoder in encoders]
    spec = replace(first.spec, facts={"soup of": fingerprints}, calibration=None)
    return Encoder(model, spec, scale)


def _refuse_other_kinds(encoders: Sequence[Encoder]) -> None:
    first, shapes = encoders[0].spec, _shapes(encoders[0])
    for number, encoder in enumerate(encoders[1:], start=2):
        other = encoder.spec
        alike = replace(
            other, weights=first.weights, facts=first.facts, calibration=first.calibration
        )
        if alike != first or _shapes(encoder) != shapes:
            raise WeightsError(
                f"Encoder {number} is {other.architecture} of {other.height} x {other.width} "
                f"pixels, encoder 1 {first.architecture} of {first.height} x {first.width}; a soup "
                "needs encoders of one kind."
            )


def _shapes(encoder: Encoder) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in encoder.model.state_dict().items()}
