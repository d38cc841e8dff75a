"""The shipped encoders on a CPU: their networks run by onnxruntime, and torch is not imported.

A graph without weights (``recipes/light_graphs.py``) is filled with those that torch's network has;
mirrored pictures and colours are added here. Fingerprint and rows are those of the torch encoder.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.networks import locations as places
from sameplayer.encoder.networks.colour import colour_features
from sameplayer.encoder.networks.presets import PRESETS
from sameplayer.encoder.networks.spec import INITIAL_LOG_SCALE, EncoderSpec
from sameplayer.encoder.runtime.device import place_of
from sameplayer.encoder.runtime.engines import BF16, FILE_ENGINE, FP32, TORCH, computed_in, passes
from sameplayer.encoder.runtime.light_graph import LightGraph, read_weights
from sameplayer.encoder.storage.fingerprint import hashed
from sameplayer.errors import WeightsError, import_extra

if TYPE_CHECKING:
    import torch
    from torch import nn

KIND = "network"  # what a graph's record says that it holds
LEAST_NORM = 1e-12  # as torch's ``normalize``


class LightEncoder(Encoder):
    """What ``load_encoder`` gives for a shipped preset on a CPU.

    Who asks for its torch network, for training, saving, another device or bf16, gets it: from then
    on this is a torch encoder, since its weights may be changed. Without torch: MissingExtra.
    """

    engine = FILE_ENGINE

    def __init__(self, name: str) -> None:
        preset = PRESETS[name]
        self._shipped = preset.shipped
        path = places.SHIPPED / preset.shipped
        if not path.is_file():
            raise WeightsError(
                f"{path}: the weights that belong to the package are missing; install sameplayer "
                "again."
            )
        weights = read_weights(path)
        self._session = LightGraph(path.with_suffix(".onnx"), KIND, weights)
        spec = EncoderSpec.from_record(self._session.record)
        self.spec = replace(spec, mirror=preset.mirror, colour=preset.colour)
        self.log_scale = np.float64(INITIAL_LOG_SCALE)  # type: ignore[assignment]  # not trained
        self._columns: int | None = int(self._session.record["columns"])
        self._normal = None
        self._weights = weights
        self._torch: list[nn.Module] = []  # the network, once; shared by copies with other views
        self._known_print: tuple[EncoderSpec, str] | None = None

    @property
    def model(self) -> nn.Module:  # type: ignore[override]  # made when it is asked for
        """The torch network; this is a torch encoder from then on."""
        return self._become_torch().model

    @property
    def device(self) -> torch.device:
        """The CPU: torch's name of it where torch is loaded."""
        return self._session.device

    def to(self, device: str | torch.device) -> Encoder:
        """Move to a device, named as ``pick_device`` knows it, and return self."""
        if str(place_of(device) if isinstance(device, str) else device) == "cpu":
            return self
        return self._become_torch().to(device)

    def with_spec(self, spec: EncoderSpec) -> Encoder:
        """Return the same network with another spec of the same input."""
        if spec.drop_padding:
            return super().with_spec(spec)
        other = copy.copy(self)
        other.spec = spec
        return other

    def unit_rows(self, prepared: Sequence[Picture], precision: str = FP32) -> np.ndarray:
        """Return unit rows (b, d) float32 of prepared pictures (h, w, 3) uint8: one batch."""
        self.computed_in(precision)
        if self.engine == TORCH:  # for the sake of the precision
            return self.unit_rows(prepared, precision)
        rows = []
        for part in passes(prepared, "cpu"):
            views = (part, part[:, :, ::-1]) if self.spec.mirror else (part,)
            first, *more = (_unit(self._session.run(np.ascontiguousarray(one))) for one in views)
            network = _unit(first + more[0]) if more else first
            rows.append(self._with_colours(network, part))
        return np.concatenate(rows)

    def _with_colours(self, network: np.ndarray, part: np.ndarray) -> np.ndarray:
        if not (share := self.spec.colour):
            return network
        colours = colour_features(list(part), self.spec.colour_region)
        scaled = [network * np.float32((1 - share) ** 0.5), colours * np.float32(share**0.5)]
        return np.concatenate(scaled, axis=1)

    def computed_in(self, precision: str = FP32) -> str:
        """Return the number format of rows for a precision; SettingError for one it cannot.

        One that torch alone computes in makes this a torch encoder.
        """
        if precision == BF16:
            return self._become_torch().computed_in(precision)
        return computed_in(self.engine, precision)

    def fingerprint(self) -> str:
        """Return 16 hex digits, as the torch encoder's."""
        if self._known_print is None or self._known_print[0] != self.spec:
            self._known_print = self.spec, fingerprint_of(self.spec, self._weights)
        return self._known_print[1]

    def as_torch(self) -> Encoder:
        """Return a torch encoder of these weights, to be read only; this one stays as it is.

        Raises MissingExtra without torch.
        """
        if not self._torch:
            import_extra("torch", "train", "What is more than embedding")
            from sameplayer.encoder.storage.state_dicts import shipped_model

            self._torch.append(shipped_model(self.spec, self._shipped)[0])
        return Encoder(self._torch[0], self.spec, float(self.log_scale))

    def _become_torch(self) -> Encoder:
        """Turn into the torch encoder, whose weights may be changed, and return self."""
        whole = copy.deepcopy(self.as_torch())
        self.__dict__.update(vars(whole))
        self.__class__ = Encoder  # type: ignore[assignment]
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Encoder:
        return copy.copy(self)  # what it shares never changes

    def __reduce__(self) -> tuple[Any, ...]:
        name = next(name for name, one in PRESETS.items() if one.shipped == self._shipped)
        return _again, (name, self.spec)

    def __copy__(self) -> LightEncoder:
        other = object.__new__(LightEncoder)
        other.__dict__.update(vars(self))
        return other


def fingerprint_of(spec: EncoderSpec, weights: Mapping[str, np.ndarray]) -> str:
    """Return the fingerprint of a spec and of weights by their names in torch's network."""
    return hashed(
        spec,
        ((name, f"torch.{one.dtype}", one.shape, one) for name, one in sorted(weights.items())),
    )


def torch_form(encoder: Encoder) -> Encoder:
    """Return an encoder with a torch network to be read only, such as by maps: usually itself."""
    return encoder.as_torch() if isinstance(encoder, LightEncoder) else encoder


def is_light(name: str) -> bool:
    """Tell whether a name is a preset's whose graph is shipped."""
    return name in PRESETS and bool(PRESETS[name].shipped)


def _again(name: str, spec: EncoderSpec) -> Encoder:
    return LightEncoder(name).with_spec(spec)


def _unit(rows: np.ndarray) -> np.ndarray:
    norms = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    unit: np.ndarray = rows / np.maximum(norms, np.float32(LEAST_NORM))
    return unit
