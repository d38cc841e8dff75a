"""State dicts of others: read from a file without running code, and filled into a network."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from sameplayer.encoder.networks import locations as places
from sameplayer.encoder.networks.build import build_model, fetch_model, load_weights
from sameplayer.encoder.networks.presets import COLOUR, OSNETS, SMALL
from sameplayer.encoder.networks.spec import INITIAL_LOG_SCALE, EncoderSpec
from sameplayer.encoder.storage.key_layouts import fitted, with_clip_tower
from sameplayer.encoder.storage.torch_files import Found, read_torch
from sameplayer.errors import MissingFile, WeightsError

WEB_PAGE = "a web page in place of the file; download it again, with the browser"
PACKED = "a packed archive; unpack it, and name the file of weights in it"
HUB_FILES = ("model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin")
# What other files begin with, where, and what they are.
OTHERS = (
    (b"version https://git-lfs", 0, "a pointer of Git LFS, not the file; run `git lfs pull`"),
    (b"<!doctype", 0, WEB_PAGE),
    (b"<html", 0, WEB_PAGE),
    (b"\x89hdf", 0, "an HDF5 file, as Keras writes it; expected a state dict of torch"),
    (b"\x1f\x8b", 0, PACKED),
    (b"rar!", 0, PACKED),
    (b"7z\xbc\xaf", 0, PACKED),
    (b"ustar", 257, PACKED),
    (b"{", 0, "JSON; name the file of weights that belongs to it"),
)

log = logging.getLogger(__name__)


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by dotted names, those of CLIP's image tower `visual.`.

    Which kind of file it is says its content, not its name: safetensors, or ``torch.save``'s of
    either form. Nothing in it is run. Raises MissingFile, and WeightsError for a damaged file or
    one without weights, saying what it is and how to save the weights alone.
    """
    path = checkpoint_in(path) or path
    if not path.is_file():
        raise MissingFile(f"{path}: no such file.")
    if path.suffix == ".onnx":
        raise WeightsError(f"{path}: an ONNX file; name it in place of an encoder.")
    with path.open("rb") as stream:
        start = stream.read(512)
    for sign, place, what in OTHERS:
        if start[place : place + len(sign)].lower() == sign:
            raise WeightsError(f"{path}: {what}.")
    try:
        found = Found(load_file(path)) if start[8:9] == b"{" else read_torch(path)
        _refuse_without_weights(found, path)
        return with_clip_tower(found.tensors)
    except WeightsError:
        raise
    except Exception as error:  # what a damaged file makes zipfile and safetensors raise varies
        why = str(error) if isinstance(error, ValueError) else type(error).__name__
        raise WeightsError(f"{path}: not a checkpoint, or a damaged one ({why}).") from error


def checkpoint_in(folder: Path) -> Path | None:
    """Return the file of weights in a folder as the hub's clients keep it; None of another one."""
    paths = (folder / name for name in HUB_FILES) if folder.is_dir() else iter(())
    return next((path for path in paths if path.is_file()), None)


def _refuse_without_weights(found: Found, path: Path) -> None:
    """Raise WeightsError for a checkpoint without plain tensors; it says what there is instead."""
    named = any(name.endswith(("weight", "bias")) for name in found.tensors)
    if found.modules and not named:
        name, kind = next(iter(found.modules.items()))
        place = "".join(f"[{part!r}]" for part in name.split(".") if part)
        raise WeightsError(
            f"{path}: holds a whole module ({kind}{f' as {name!r}' if name else ''}), which could "
            "only be loaded by running code of the file; refused. Where it was made, save its "
            f"state_dict() alone: torch.save(torch.load({path.name!r}, weights_only=False){place}"
            ".state_dict(), 'weights.pth')."
        )
    odd = [name for name, value in found.tensors.items() if not _is_plain(value)]
    if found.tensors and not odd:
        return
    unread = {**dict.fromkeys(odd, "expanded or out of memory"), **found.unread}
    if not unread:
        raise WeightsError(
            f"{path}: holds no weights that can be read without running code of the file, which "
            f"is refused: found {found.about or 'nothing'}; expected a plain state dict of "
            "tensors, as torch.save(model.state_dict(), 'weights.pth') writes it."
        )
    name, kind = next(iter(unread.items()))
    how = (
        "torch.save({name: torch.as_tensor(value) for name, value in STATE.items()}, 'weights.pth')"
    )
    raise WeightsError(
        f"{path}: {name!r} is no plain tensor ({kind}); expected a plain state dict of dense "
        f"tensors. Where it was made, save it so: {how}."
    )


def fill_model(
    spec: EncoderSpec, weights: dict[str, Tensor], path: Path, seed: int = 0
) -> tuple[nn.Module, float]:
    """Build a network and fill it with the weights of any known layout; say what is left out.

    Returns the network and the logarithm of the scale. Raises WeightsError for other weights.
    """
    try:
        with torch.device("meta"):
            outline = build_model(spec)
    except Exception as error:  # timm raises whatever it meets in arguments of others
        raise WeightsError(
            f"{path}: {spec.architecture} cannot be built ({type(error).__name__}: {error})."
        ) from error
    fit = fitted(weights, outline, spec, path)  # before memory is taken for what does not fit
    log_scale = read_log_scale(fit.scale, path)
    for note in fit.notes:
        log.warning("%s: %s", path, note)
    endless = [name for name, one in fit.weights.items() if not torch.isfinite(one).all()]
    if endless:
        raise WeightsError(
            f"{path}: {len(endless)} of {len(fit.weights)} weights hold NaN or infinity, such as "
            f"{endless[0]}; its training came apart. Take a checkpoint from before that."
        )
    model = build_model(spec, seed)
    load_weights(model, fit.weights, path)
    return model, log_scale


def weighted_model(
    spec: EncoderSpec, shipped: str, pretrained: bool, seed: int
) -> tuple[nn.Module, EncoderSpec, float]:
    """Return a network with weights, its spec, and the logarithm of the scale.

    shipped    file of its weights in this package, or empty

    Raises WeightsError where pre-trained weights cannot be had.
    """
    if spec.architecture in (SMALL, COLOUR):  # of which there are none
        return build_model(spec, seed), spec, INITIAL_LOG_SCALE
    if not pretrained:
        drawn = replace(spec, weights=f"random, seed {seed}")
        return build_model(spec, seed), drawn, INITIAL_LOG_SCALE
    return shipped_model(spec, shipped) if shipped else pretrained_model(spec, seed)


def pretrained_model(spec: EncoderSpec, seed: int) -> tuple[nn.Module, EncoderSpec, float]:
    """Return a timm network with its pre-trained weights, from the local folder or timm's hub.

    Raises WeightsError saying how to bring weights when there is no network.
    """
    local = places.local_weights(spec.architecture)
    if local is None and spec.architecture in OSNETS:
        raise WeightsError(
            f"{spec.architecture} comes without weights. Put a checkpoint of it, named "
            f"{spec.architecture}.pth, into a folder and set {places.WEIGHTS_FOLDER} to it, or "
            "load the file with load_published(), or train from it as `weights`."
        )
    if local is None:
        return (
            fetch_model(spec),
            replace(spec, weights=f"timm {spec.architecture}"),
            INITIAL_LOG_SCALE,
        )
    model, log_scale = fill_model(spec, read_state(local), local, seed)
    return model, replace(spec, weights=str(local)), log_scale


def shipped_model(spec: EncoderSpec, name: str) -> tuple[nn.Module, EncoderSpec, float]:
    """Return a network with weights that lie in this package; WeightsError where they do not."""
    path = places.SHIPPED / name
    if not path.is_file():
        raise WeightsError(
            f"{path}: the weights that belong to the package are missing; install sameplayer again."
        )
    weights = {key: value.float() for key, value in read_state(path).items()}
    model = build_model(spec)
    load_weights(model, weights, path)
    return model, replace(spec, weights=f"sameplayer {name}"), INITIAL_LOG_SCALE


def read_log_scale(value: Tensor | None, path: Path) -> float:
    """Return the logarithm of the scale; WeightsError unless it is one finite number."""
    if value is None:
        return INITIAL_LOG_SCALE
    if value.numel() != 1 or not value.is_floating_point() or not math.isfinite(value.item()):
        raise WeightsError(f"{path}: logit_scale is no finite number; expected one.")
    return float(value.item())


def _is_plain(value: object) -> bool:
    """Tell whether this is a tensor that holds its values: dense, in memory, not expanded."""
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )
