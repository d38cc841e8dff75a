"""Encoder: one image tower with the pre-processing that belongs to it.

One network embeds queries and gallery; its fingerprint tells embeddings who made them. Torch is
imported where its network is made or used: ONNX files run without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sameplayer.data.images.picture import FITS, Picture
from sameplayer.data.reading import PictureLike, as_picture, check_order, cut_boxes
from sameplayer.data.reading import refuse_single_picture as refuse_single
from sameplayer.encoder.networks.colour import COLOURS
from sameplayer.encoder.networks.spec import INITIAL_LOG_SCALE, EncoderSpec, Triple
from sameplayer.encoder.runtime.device import pick_device
from sameplayer.encoder.runtime.engines import FP32, TORCH, check_batch_size, computed_in, passes
from sameplayer.errors import refuse_other_types

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class Encoder:
    """An image tower: pictures in, unit-length feature rows out."""

    engine = TORCH

    def __init__(
        self,
        model: nn.Module,
        spec: EncoderSpec,
        log_scale: float = INITIAL_LOG_SCALE,
        fingerprint: str | None = None,
    ) -> None:
        import torch

        self.model, self.spec = model, spec
        self.log_scale = torch.nn.Parameter(torch.tensor(float(log_scale)))
        self._columns: int | None = None
        self._normal: Tensor | None = None
        self._settle(fingerprint)

    def _settle(self, fingerprint: str | None = None) -> None:
        """Lay the weights out for where they are; a fingerprint was computed as they were read."""
        from sameplayer.encoder.runtime.inference import settle
        from sameplayer.encoder.storage.saved import KnownFingerprint

        self.log_scale.data = self.log_scale.data.to(self.device)
        settle(self.model, self.device)
        self._known = KnownFingerprint()
        if fingerprint is not None:
            self._known.keep(self.spec, self.model.state_dict(), fingerprint)

    def __repr__(self) -> str:
        size = f"{self.spec.height} x {self.spec.width}"
        return f"Encoder({self.spec.architecture}, {size}, {self.fingerprint()}, {self.device})"

    @classmethod
    def of(
        cls,
        module: nn.Module,
        height: int | None = None,
        width: int | None = None,
        mean: Triple | None = None,
        std: Triple | None = None,
        name: str = "",
        model_args: dict[str, Any] | None = None,
        fit: str = "letterbox",
    ) -> Encoder:
        """Return an encoder of a network of your own: images (b, 3, h, w) to features (b, d).

        The module is the encoder's from then on, in evaluation mode. One of timm's says itself what
        is None here, and is saved under timm's name, so ``load_encoder`` needs no ``build``.

        height, width   its input; mean, std: of the normalisation, for values in [0, 1], RGB
        name            the architecture's name in records; empty: timm's, or the module's class.
                        It is hashed, code is not: a changed ``forward`` wants a new name
        model_args      what building it again needs, as JSON can hold it
        fit             how a picture is fitted into the input, a name of ``FITS``

        ``save`` writes it like any other; ``load_encoder(path, build=function)`` loads it again,
        where function(spec) returns the module and may look at ``spec.model_args``.

        Raises SettingError for a setting out of range or missing, ConfigError for a network that
        gives no row of features for each such image.
        """
        from torch import nn

        from sameplayer.encoder.storage.modules import spec_of_module

        refuse_other_types("Encoder.of", module=(module, nn.Module))
        spec = spec_of_module(module, height, width, mean, std, name, model_args, fit)
        encoder = cls(module, spec)
        encoder._columns = encoder.feature_width  # which refuses a network that gives no rows
        return encoder

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters(), self.log_scale).device

    @property
    def feature_width(self) -> int:
        """Number of columns d of the network's features, measured by one pass when first asked."""
        if self._columns is None:
            from sameplayer.encoder.networks.build import feature_columns

            self._columns = feature_columns(self.model, self.spec)
        return self._columns

    @property
    def row_width(self) -> int:
        """Number of columns of ``rows``: the network's, and those of the colour histogram."""
        return self.feature_width + (COLOURS if self.spec.colour else 0)

    def to(self, device: str | torch.device) -> Encoder:
        """Move the weights to a device, named as ``pick_device`` knows it, and return self."""
        self.model.to(pick_device(device) if isinstance(device, str) else device)
        self._settle()
        return self

    def without_padding(self) -> Encoder:
        """Return the same network, leaving out patches of padding; SettingError if it cannot."""
        from sameplayer.encoder.networks.padding import refuse_other_towers

        refuse_other_towers(self.model, self.spec.architecture)
        return self.with_spec(replace(self.spec, drop_padding=True))

    def with_views(
        self,
        *,
        mirror: bool | None = None,
        colour: float | None = None,
        colour_region: str | None = None,
    ) -> Encoder:
        """Return the same network with other settings of what a feature is made of.

        mirror           see ``EncoderSpec``; without, a picture costs half
        colour           share of the colour histogram in the similarity; 0: the network alone
        colour_region    what the histogram rests on

        None keeps a setting; SettingError for one out of range.
        """
        asked: dict[str, Any] = {"mirror": mirror, "colour": colour, "colour_region": colour_region}
        spec = replace(self.spec, **{k: v for k, v in asked.items() if v is not None})
        # a calibration holds for the old similarities alone
        return self.with_spec(spec if spec == self.spec else replace(spec, calibration=None))

    def with_spec(self, spec: EncoderSpec) -> Encoder:
        """Return the same network with another spec, which must fit it."""
        return Encoder(self.model, spec, self.log_scale.item())

    def prepare(self, picture: Picture) -> Picture:
        """Fit a uint8 RGB picture into the network's input, still uint8 (h, w, 3)."""
        return FITS[self.spec.fit].apply(picture, self.spec.height, self.spec.width)

    def normalise(self, prepared: Tensor) -> Tensor:
        """Turn prepared uint8 pictures (b, h, w, 3) into normalised images (b, 3, h, w)."""
        images = prepared.to(self.device).permute(0, 3, 1, 2).float().div_(255.0)
        mean, std = self.mean_and_std()
        return images.sub_(mean).div_(std)

    def mean_and_std(self) -> tuple[Tensor, Tensor]:
        """Return those of the normalisation, (3, 1, 1) each on the device, made once for it."""
        import torch

        if self._normal is None or self._normal.device != self.device:
            with torch.inference_mode(False):
                values = torch.tensor([self.spec.mean, self.spec.std], device=self.device)
                self._normal = values.view(2, 3, 1, 1)
        return self._normal[0], self._normal[1]

    def features(self, images: Tensor) -> Tensor:
        """Return raw features (b, d) of normalised images (b, 3, h, w)."""
        if self.spec.drop_padding:
            from sameplayer.encoder.networks.padding import unpadded_features

            return unpadded_features(self.model, images, self.padding)
        features: Tensor = self.model(images)
        return features

    def network_rows(self, images: Tensor) -> Tensor:
        """Return the network's unit rows (b, d) float32: the mirrored view too, no colours."""
        from torch.nn import functional

        views = (images, images.flip(3)) if self.spec.mirror else (images,)
        first, *more = (functional.normalize(self.features(one).float(), dim=1) for one in views)
        return functional.normalize(first + more[0], dim=1) if more else first

    def rows(self, images: Tensor) -> Tensor:
        """Return unit rows (b, row_width) float32 of normalised images (b, 3, h, w).

        Their cosine is (1 - share) times that of network rows plus share times that of histograms.
        """
        import torch

        network = self.network_rows(images)
        if not (share := self.spec.colour):
            return network

        from sameplayer.encoder.networks.registry import ColourNetwork

        mean, std = self.mean_and_std()
        colours = ColourNetwork(self.spec.colour_region)(images.float() * std + mean)
        return torch.cat([network * (1 - share) ** 0.5, colours * share**0.5], dim=1)

    @property
    def padding(self) -> Tensor:
        """The normalised values (3,) of the black with which a letterbox pads."""
        mean, std = self.mean_and_std()
        return (-mean / std).flatten()

    def unit_rows(self, prepared: Sequence[Picture], precision: str = "fp32") -> np.ndarray:
        """Return unit rows (b, d) float32 of prepared pictures (h, w, 3) uint8: one batch."""
        import torch

        from sameplayer.encoder.runtime.inference import inference

        with inference(self.model, self.device, precision):
            parts = (torch.from_numpy(one) for one in passes(prepared, self.device.type))
            return np.concatenate([self.rows(self.normalise(one)).cpu().numpy() for one in parts])

    def computed_in(self, precision: str = FP32) -> str:
        """Return the number format of rows for a precision; SettingError for one it cannot."""
        return computed_in(self.engine, precision)

    def embed(
        self,
        pictures: Sequence[PictureLike],
        batch_size: int = 64,
        precision: str = FP32,
        *,
        order: str = "rgb",
    ) -> np.ndarray:
        """Return unit rows (n, d) float32 of a list of pictures, each as ``as_picture`` takes it.

        Computed on the encoder's device, in ``precision`` as ``computed_in`` takes it. ``order`` is
        that of the channels of arrays and tensors: "rgb"; "bgr", as OpenCV reads. Raises DataError
        for a picture that cannot be read, ConfigError for what is no list of pictures, SettingError
        for another precision, batch size or order.

        >>> from sameplayer.synthetic import draw_crop
        >>> from sameplayer.encoder import load_encoder
        >>> load_encoder("colour").embed([draw_crop(7, 0).picture, draw_crop(8, 0).picture]).shape
        (2, 864)
        """
        check_batch_size(batch_size)
        check_order(order)
        refuse_single(pictures)
        rows = [np.zeros((0, self.row_width), np.float32)] if not len(pictures) else []
        for start in range(0, len(pictures), batch_size):
            part = (as_picture(one, order) for one in pictures[start : start + batch_size])
            rows.append(self.unit_rows([self.prepare(one) for one in part], precision))
        return np.concatenate(rows)

    __call__ = embed

    def embed_boxes(
        self,
        frame: PictureLike,
        boxes: np.ndarray,
        batch_size: int = 64,
        precision: str = FP32,
        *,
        order: str = "rgb",
    ) -> np.ndarray:
        """Return unit rows (n, d) float32 of the players in the boxes of one frame.

        frame    the whole picture, as ``embed`` takes each
        boxes    (n, 4) left, top, right, bottom in pixels, such as supervision's ``xyxy``; clipped
                 to the frame

        Raises what ``embed`` raises, and DataError for boxes of another shape and for one that
        holds no pixel of the frame.
        """
        check_order(order)
        return self.embed(cut_boxes(as_picture(frame, order), boxes), batch_size, precision)

    def fingerprint(self) -> str:
        """Return 16 hex digits: a SHA-256 over weights, architecture and pre-processing.

        Computed once for weights as they are; a change through ``.data`` is not noticed.
        """
        return self._known.of(self.spec, self.model.state_dict())

    def save(self, folder: str | Path, **facts: Any) -> None:
        """Write ``model.safetensors``, which holds everything, and ``encoder.json`` to read.

        Each appears whole or not at all. Raises WeightsError when the folder cannot be written.
        """
        from sameplayer.encoder.storage.saved import Saved, write_saved

        spec = replace(self.spec, facts={**self.spec.facts, **facts})
        write_saved(Path(folder), Saved(spec, self.model.state_dict(), self.log_scale.item()))
