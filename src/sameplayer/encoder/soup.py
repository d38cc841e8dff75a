"""A soup: the mean of the weights of several encoders of one architecture."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import WeightsError


def average_encoders(encoders: Sequence[Encoder]) -> Encoder:
    """Return the uniform soup (Wortsman et al., 2022) of two or more encoders.

    They should come from one start, as epochs or seeds of one fine-tuning do: the mean of encoders
    trained from different random weights means nothing. Running means of batch normalisation are
    averaged like weights. Raises WeightsError when architecture or pre-processing differ.
    """
    first = encoders[0]
    own = first.model.state_dict()
    for number, other in enumerate(encoders[1:], start=2):
        plain = replace(other.spec, weights=first.spec.weights, facts=first.spec.facts)
        if plain != first.spec:
            raise WeightsError(
                f"Encoder {number} is {other.spec.architecture} of {other.spec.height} x "
                f"{other.spec.width} pixels, encoder 1 {first.spec.architecture} of "
                f"{first.spec.height} x {first.spec.width}; a soup needs encoders of one kind."
            )
    states = [one.model.state_dict() for one in encoders]
    mean = {
        name: sum(state[name].float() for state in states).div(len(states)).to(value.dtype)
        for name, value in own.items()
    }
    model = copy.deepcopy(first.model)
    model.load_state_dict(mean)
    scale = sum(one.log_scale.item() for one in encoders) / len(encoders)
    prints = [one.fingerprint() for one in encoders]
    return Encoder(model, replace(first.spec, facts={"soup of": prints}), scale)
