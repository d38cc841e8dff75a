"""Encoders by name or file: loading them, building them, listing them."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from sameplayer.common.cache import Latest
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.light_encoder import LightEncoder, is_light
from sameplayer.encoder.networks.locations import refuse_path
from sameplayer.encoder.networks.presets import DEFAULT, OSNETS, PRESETS, find_preset_or_timm
from sameplayer.encoder.networks.spec import Build
from sameplayer.encoder.onnx_encoder import OnnxEncoder
from sameplayer.encoder.runtime.device import pick_device, place_of
from sameplayer.encoder.runtime.engines import FILE_ENGINE, pick_engine
from sameplayer.errors import ConfigError, refuse_other_types

_kept: Latest[Encoder] = Latest(1)


def list_encoders(pattern: str = "") -> list[str]:
    """Return names that ``load_encoder`` takes: presets and OSNets; with a pattern, timm's too.

    pattern    a name with wildcards, as ``timm.list_models`` takes, such as "*dinov3*"

    >>> list_encoders()[:3]
    ['person', 'person-large', 'colour']
    """
    names = [*PRESETS, *OSNETS]
    if not pattern:
        return names
    import timm  # here, since the presets alone must not wait for it

    ours = [name for name in names if fnmatch(name, pattern)]
    return ours + [name for name in timm.list_models(pattern, pretrained=True) if name not in ours]


def load_encoder(
    source: str | Path = DEFAULT,
    *,
    device: str = "auto",
    build: Build | None = None,
    engine: str | None = None,
) -> Encoder:
    """Load an encoder from a preset's or timm's name, a run folder, or a saved encoder.

    source    name, folder, .safetensors file, or .onnx file of ``export_encoder``. A run folder
              gives its best epoch. The weights of "person", "person-large" and "colour" are in
              this package. Other names fetch their pre-trained weights from timm's hub, unless
              ``SAMEPLAYER_WEIGHTS`` names a folder that holds ``<architecture>.safetensors``
    device    as ``pick_device`` knows it: auto, cpu, cuda, cuda:N, mps
    build     for a saved network of your own, see ``Encoder.of``: the function from its
              EncoderSpec to the module, whose weights are then filled in; a .onnx file needs none
    engine    a name of ``ENGINES``; None: torch, and onnxruntime for a .onnx file and, on a CPU,
              for the encoders in this package: their rows are torch's within 1e-5

    Raises MissingFile for a path that leads nowhere, ConfigError for an unknown name, SettingError
    for a device or engine that does not fit, WeightsError for a damaged encoder and, saying how to
    bring weights, without a network.
    """
    refuse_other_types("load_encoder", source=(source, (str, Path)))
    path = Path(source)
    is_file = path.suffix == ".onnx" and path.is_file()
    light = build is None and is_light(str(source)) and not path.exists()
    if light and engine in (None, FILE_ENGINE) and place_of(device) == "cpu":
        return LightEncoder(str(source))
    runner = pick_engine(engine, str(source), is_file)
    if is_file:
        return OnnxEncoder(path, device, runner)
    where = pick_device(device)
    if path.exists():
        from sameplayer.encoder.storage.saved import load_saved  # here: it imports torch

        return Encoder(*load_saved(path, build, where))
    refuse_path(source)
    if build is not None:
        raise ConfigError(f"{source}: build is for a saved encoder; expected its folder or file.")
    return create_encoder(str(source), pretrained=True).to(where)


def create_encoder(
    name: str,
    *,
    pretrained: bool,
    height: int | None = None,
    width: int | None = None,
    seed: int = 0,
) -> Encoder:
    """Build an encoder by preset or timm name; random weights are decided by the seed.

    A height and width other than the architecture's own interpolate a ViT's positions.

    Raises ConfigError for an unknown name, for an input that the network does not take and for one
    that gives no feature row; WeightsError when weights cannot be fetched.
    """
    from sameplayer.encoder.networks.build import check_architecture, spec_of  # they import torch
    from sameplayer.encoder.storage.state_dicts import weighted_model

    preset = find_preset_or_timm(name)
    spec = spec_of(
        preset.architecture,
        preset.height if height is None else height,
        preset.width if width is None else width,
    )
    spec = replace(spec, colour=preset.colour, mirror=preset.mirror)
    check_architecture(spec)
    return Encoder(*weighted_model(spec, preset.shipped, pretrained, seed))


def as_encoder(encoder: Encoder | str | Path) -> Encoder:
    """Return an encoder to embed with, loaded where it is named; errors as in ``load_encoder``.

    The last one of those in this package stays loaded, so do not change what is returned.
    """
    if isinstance(encoder, Encoder):
        return encoder
    shipped = str(encoder) in PRESETS and PRESETS[str(encoder)].shipped
    if not shipped or Path(encoder).exists():
        return load_encoder(encoder)
    return _kept.get(str(encoder), lambda: load_encoder(encoder))
