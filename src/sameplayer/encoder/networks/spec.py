"""EncoderSpec: what an encoder is, apart from its weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from sameplayer.data.images.picture import FITS
from sameplayer.encoder.calibration import Calibration, is_number
from sameplayer.encoder.networks.colour import REGIONS
from sameplayer.errors import SettingError

if TYPE_CHECKING:
    from torch import nn

INITIAL_LOG_SCALE = math.log(1 / 0.07)
LARGEST_SIDE = 16_384
Triple = tuple[float, float, float]
Build = Callable[["EncoderSpec"], "nn.Module"]


@dataclass(frozen=True)
class EncoderSpec:
    """What an encoder is, apart from its weights. Raises SettingError for a field out of range.

    architecture    timm name, "sameplayer_small", or the name of a module of the user's own
    height, width   network input in pixels
    mean, std       of the normalisation, for values in [0, 1], RGB
    model_args      further arguments of ``timm.create_model``, or what an own module needs to know
    activation      "quickgelu", "gelu", ...: recorded, since weights do not tell
    weights         where the weights came from
    facts           how they were trained
    drop_padding    leave out patches of nothing but padding, see ``encoder/networks/padding.py``
    own_module      a network that the user's code builds, see ``Encoder.of``
    calibration     from similarity to probability, see ``calibrate``
    fit             how a picture is fitted into the input, a name of ``FITS``: letterbox, stretch
    mirror          the feature is the mean of the picture's and the mirrored picture's: twice the
                    work
    colour          share of the colour histogram in the similarity, from 0 to below 1; see
                    ``encoder/networks/colour.py``
    colour_region   what the histogram rests on, a name of ``REGIONS``: box, middle
    """

    architecture: str
    height: int
    width: int
    mean: Triple
    std: Triple
    model_args: dict[str, Any] = field(default_factory=dict)
    activation: str = ""
    weights: str = "random"
    facts: dict[str, Any] = field(default_factory=dict)
    drop_padding: bool = False
    own_module: bool = False
    calibration: Calibration | None = None
    fit: str = "letterbox"
    mirror: bool = False
    colour: float = 0.0
    colour_region: str = "box"

    def __post_init__(self) -> None:
        types: dict[str, type] = {
            "architecture": str,
            "activation": str,
            "weights": str,
            "model_args": dict,
        }
        types |= {"facts": dict, "drop_padding": bool, "own_module": bool, "mirror": bool}
        for name, kind in types.items():
            if not isinstance(getattr(self, name), kind):
                raise SettingError(name, repr(getattr(self, name)), f"of type {kind.__name__}")
        for name in ("height", "width"):
            side = getattr(self, name)
            if type(side) is not int or not 1 <= side <= LARGEST_SIDE:
                raise SettingError(name, repr(side), f"1 to {LARGEST_SIDE} pixels")
        for name, known in (("fit", FITS), ("colour_region", REGIONS)):
            if getattr(self, name) not in list(known):
                raise SettingError(name, repr(getattr(self, name)), f"one of {', '.join(known)}")
        if not is_number(self.colour) or not 0 <= self.colour < 1:
            raise SettingError("colour", repr(self.colour), "from 0 to below 1")
        for name in ("mean", "std"):
            values = getattr(self, name)
            good = isinstance(values, (tuple, list)) and len(values) == 3
            if not good or not all(is_number(v) and (v > 0 or name == "mean") for v in values):
                raise SettingError(name, repr(values), "three numbers, of a std over 0")
            object.__setattr__(self, name, tuple(values))

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> EncoderSpec:
        """Return the spec of a saved encoder's record; SettingError, KeyError or TypeError else."""
        values = {item.name: record[item.name] for item in fields(cls) if item.name in record}
        if values.get("calibration") is not None:
            values["calibration"] = Calibration.from_record(values["calibration"])
        return cls(**values)
