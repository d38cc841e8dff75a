"""Encoder: one image tower with the pre-processing that belongs to it.

The same network embeds queries and gallery. A saved encoder is a folder of two files:
``model.safetensors`` (weights and the logit scale) and ``encoder.json`` (everything else,
readable). The fingerprint hashes weights and pre-processing, so that embeddings know their maker.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from sameplayer.data.images import Picture, decode, letterbox_to
from sameplayer.encoder.padding import refuse_other_towers, unpadded_features
from sameplayer.encoder.presets import PRESETS, SMALL, find_preset
from sameplayer.encoder.small import SmallEncoder
from sameplayer.errors import ConfigError, WeightsError
from sameplayer.files import whole_file, write_text

INITIAL_LOG_SCALE = math.log(1 / 0.07)
WEIGHTS_FOLDER = "SAMEPLAYER_WEIGHTS"


@dataclass(frozen=True)
class EncoderSpec:
    """What an encoder is, apart from its weights.

    architecture    timm name, or "sameplayer_small"
    height, width   network input in pixels; pictures are letterboxed into it
    mean, std       of the normalisation, for values in [0, 1], RGB
    model_args      further arguments of ``timm.create_model``
    activation      "quickgelu", "gelu", ...: recorded, since weights do not tell
    weights         where the weights came from
    facts           how they were trained
    drop_padding    leave out patches of nothing but padding, see ``encoder/padding.py``
    """

    architecture: str
    height: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    model_args: dict[str, Any] = field(default_factory=dict)
    activation: str = ""
    weights: str = "random"
    facts: dict[str, Any] = field(default_factory=dict)
    drop_padding: bool = False


class Encoder:
    """An image tower: pictures in, unit-length feature rows out."""

    def __init__(
        self, model: nn.Module, spec: EncoderSpec, log_scale: float = INITIAL_LOG_SCALE
    ) -> None:
        self.model = model
        self.spec = spec
        self.log_scale = nn.Parameter(torch.tensor(float(log_scale)))

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def to(self, device: str | torch.device) -> Encoder:
        """Move the weights to a device and return self."""
        self.model.to(device)
        self.log_scale.data = self.log_scale.data.to(device)
        return self

    def without_padding(self) -> Encoder:
        """Return the same network, leaving out patches of padding; ConfigError if it cannot."""
        refuse_other_towers(self.model, self.spec.architecture)
        return Encoder(self.model, replace(self.spec, drop_padding=True), self.log_scale.item())

    def prepare(self, picture: Picture) -> Picture:
        """Letterbox a uint8 RGB picture to the network's input, still uint8 (h, w, 3)."""
        return letterbox_to(picture, self.spec.height, self.spec.width)

    def normalise(self, prepared: Tensor) -> Tensor:
        """Turn prepared uint8 pictures (b, h, w, 3) into normalised images (b, 3, h, w)."""
        images = prepared.to(self.device).permute(0, 3, 1, 2).float().div_(255.0)
        mean = torch.tensor(self.spec.mean, device=self.device).view(3, 1, 1)
        std = torch.tensor(self.spec.std, device=self.device).view(3, 1, 1)
        return images.sub_(mean).div_(std)

    def features(self, images: Tensor) -> Tensor:
        """Return raw features (b, d) of normalised images (b, 3, h, w)."""
        if self.spec.drop_padding:
            black = torch.zeros((1, 1, 1, 3), dtype=torch.uint8)
            return unpadded_features(self.model, images, self.normalise(black).flatten())
        features: Tensor = self.model(images)
        return features

    def embed(self, pictures: Sequence[str | Path | Picture], batch_size: int = 64) -> np.ndarray:
        """Return unit rows (n, d) float32 of pictures: paths or uint8 RGB arrays (h, w, 3)."""
        was_training = self.model.training
        self.model.eval()
        rows = []
        try:
            with torch.inference_mode():
                for start in range(0, len(pictures), batch_size):
                    batch = [self.prepare(_pixels(p)) for p in pictures[start : start + batch_size]]
                    features = self.features(self.normalise(torch.from_numpy(np.stack(batch))))
                    rows.append(functional.normalize(features.float(), dim=1).cpu().numpy())
        finally:
            self.model.train(was_training)
        return np.concatenate(rows) if rows else np.zeros((0, self.feature_width), np.float32)

    @property
    def feature_width(self) -> int:
        """Number of feature columns d."""
        model: Any = self.model
        return int(getattr(model, "num_classes", 0) or model.num_features)

    def fingerprint(self) -> str:
        """Return 16 hex digits: a SHA-256 over weights, architecture and pre-processing."""
        spec = asdict(self.spec)
        kept = ["architecture", "height", "width", "mean", "std", "model_args"]
        kept += ["drop_padding"] if self.spec.drop_padding else []
        digest = hashlib.sha256(json.dumps({k: spec[k] for k in kept}, sort_keys=True).encode())
        for name, value in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            flat = value.detach().cpu().contiguous().view(-1)
            digest.update(flat.view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()[:16]

    def save(self, folder: str | Path, **facts: Any) -> None:
        """Write ``model.safetensors``, which holds everything, and ``encoder.json`` to read.

        Each appears whole or not at all, so being killed between the two does no harm.

        Raises WeightsError when the disk is full or the folder cannot be written.
        """
        folder = Path(folder)
        spec = replace(self.spec, facts={**self.spec.facts, **facts})
        weights = {k: v.detach().cpu().contiguous() for k, v in self.model.state_dict().items()}
        weights["logit_scale"] = self.log_scale.detach().cpu()
        record = {"format": 1, "fingerprint": self.fingerprint(), **asdict(spec)}
        text = json.dumps(record, indent=2) + "\n"
        with whole_file(folder / "model.safetensors", WeightsError) as partial:
            save_file(weights, partial, {"encoder": text})
        write_text(folder / "encoder.json", text, WeightsError)


def load_encoder(source: str | Path, *, device: str = "cpu") -> Encoder:
    """Load an encoder from a preset's or timm's name, a run folder, or a saved encoder.

    A run folder gives its best epoch. Names fetch their pre-trained weights from timm's hub,
    unless ``SAMEPLAYER_WEIGHTS`` names a folder that holds ``<architecture>.safetensors``.
    Raises WeightsError saying how to bring weights when there is no network.
    """
    path = Path(source)
    if path.is_file() and path.suffix == ".safetensors":
        path = path.parent
    if path.is_dir():
        for folder in (path / "best", path / "last", path):
            if (folder / "model.safetensors").is_file():
                return _load_saved(folder).to(device)
        raise WeightsError(
            f"{path}: expected model.safetensors (a saved encoder) or best/ (a run)."
        )
    if path.is_file():
        raise WeightsError(
            f"{path}: not one of our files; load others' checkpoints with "
            "sameplayer.encoder.checkpoints.load_published(path, architecture)."
        )
    return create_encoder(str(source), pretrained=True).to(device)


def create_encoder(
    name: str,
    *,
    pretrained: bool,
    height: int | None = None,
    width: int | None = None,
    seed: int = 1,
) -> Encoder:
    """Build an encoder by preset or timm name; random weights are decided by the seed.

    A height and width other than the architecture's own interpolate a ViT's positions.
    """
    preset = PRESETS.get(name)
    if preset is None and name.split(".")[0] not in timm.list_models() and name != SMALL:
        find_preset(name)
    architecture = preset.architecture if preset else name
    own = spec_of(architecture, preset.height if preset else None, preset.width if preset else None)
    spec = replace(own, height=height or own.height, width=width or own.width)
    if architecture == SMALL:
        return Encoder(build_model(spec, seed), spec)
    if not pretrained:
        return Encoder(build_model(spec, seed), replace(spec, weights=f"random, seed {seed}"))
    local = _local_weights(architecture)
    if local is not None:
        from sameplayer.encoder.checkpoints import fill_encoder

        return fill_encoder(build_model(spec, seed), replace(spec, weights=str(local)), local)
    try:
        model = timm.create_model(architecture, pretrained=True, **_timm_args(spec))
    except Exception as error:
        raise WeightsError(
            f"The weights of {architecture} could not be fetched ({type(error).__name__}). Without "
            f"a network, put {architecture}.safetensors (or .pth) into a folder and set "
            f"{WEIGHTS_FOLDER} to it, or load the file with load_published()."
        ) from error
    return Encoder(model, replace(spec, weights=f"timm {architecture}"))


def spec_of(architecture: str, height: int | None = None, width: int | None = None) -> EncoderSpec:
    """Return the spec of a timm name with its own input size, mean and standard deviation."""
    if architecture == SMALL:
        half = (0.5, 0.5, 0.5)
        return EncoderSpec(architecture, height or 128, width or 64, half, half, {}, "relu")
    config: Any = timm.get_pretrained_cfg(architecture, allow_unregistered=False)
    size = config.input_size
    activation = "quickgelu" if "quickgelu" in architecture or ".openai" in architecture else ""
    return EncoderSpec(
        architecture,
        height or size[1],
        width or size[2],
        tuple(config.mean),
        tuple(config.std),
        {},
        activation or "the architecture's own",
    )


def build_model(spec: EncoderSpec, seed: int = 1) -> nn.Module:
    """Build the network of a spec with random weights; the global random state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if spec.architecture == SMALL:
            return SmallEncoder()
        model: nn.Module = timm.create_model(spec.architecture, **_timm_args(spec))
        return model


def _timm_args(spec: EncoderSpec) -> dict[str, Any]:
    args = {"num_classes": 0, **spec.model_args}
    config: Any = timm.get_pretrained_cfg(spec.architecture)
    own = tuple(config.input_size[1:])
    if (spec.height, spec.width) != own and getattr(config, "fixed_input_size", False):
        args.setdefault("img_size", (spec.height, spec.width))
    return args


def _local_weights(architecture: str) -> Path | None:
    folder = os.environ.get(WEIGHTS_FOLDER)
    if not folder:
        return None
    for suffix in (".safetensors", ".pth", ".pt", ".bin"):
        path = Path(folder) / f"{architecture}{suffix}"
        if path.is_file():
            return path
    return None


def _load_saved(folder: Path) -> Encoder:
    try:
        record = _record(folder)
        names = EncoderSpec.__dataclass_fields__
        fields = {name: record[name] for name in names if name in record}
        fields["mean"], fields["std"] = tuple(fields["mean"]), tuple(fields["std"])
        spec = EncoderSpec(**fields)
        weights = load_file(folder / "model.safetensors")
        log_scale = float(weights.pop("logit_scale"))
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise WeightsError(
            f"{folder}: not a saved encoder, or a damaged one ({type(error).__name__}: {error})."
        ) from error
    model = build_model(spec)
    load_weights(model, weights, folder)
    encoder = Encoder(model, spec, log_scale)
    if encoder.fingerprint() != record.get("fingerprint"):
        raise WeightsError(
            f"{folder}: the weights do not fit encoder.json: expected fingerprint "
            f"{record.get('fingerprint')}, found {encoder.fingerprint()}. Copy the folder again."
        )
    return encoder


def _record(folder: Path) -> dict[str, Any]:
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        text = (file.metadata() or {}).get("encoder")
    record: dict[str, Any] = json.loads(text or (folder / "encoder.json").read_text())
    return record


def load_weights(model: nn.Module, weights: dict[str, Tensor], where: Path) -> None:
    """Copy a state dict into a model; WeightsError says which names or shapes do not fit."""
    own = model.state_dict()
    missing = sorted(set(own) - set(weights))
    extra = sorted(set(weights) - set(own))
    shapes = [
        f"{k} {tuple(weights[k].shape)} instead of {tuple(own[k].shape)}"
        for k in sorted(set(own) & set(weights))
        if own[k].shape != weights[k].shape
    ]
    if missing or extra or shapes:
        parts = [("missing", missing), ("unexpected", extra), ("of another shape", shapes)]
        found = "; ".join(f"{len(v)} {k}, such as {v[0]}" for k, v in parts if v)
        raise WeightsError(
            f"{where}: a checkpoint of another architecture: {found}. Name the architecture that "
            "it was trained with."
        )
    model.load_state_dict(weights)


def _pixels(picture: str | Path | Picture) -> Picture:
    if isinstance(picture, (str, Path)):
        return decode(Path(picture))
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ConfigError(
            f"A picture must be uint8 RGB of shape (h, w, 3); found {picture.dtype} "
            f"of shape {picture.shape}."
        )
    return picture
