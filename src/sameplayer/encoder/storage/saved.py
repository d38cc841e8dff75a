"""A saved encoder on disk: ``model.safetensors``, which holds everything, ``encoder.json`` to read.

The fingerprint in the record hashes weights and pre-processing. It is checked before a network is
built, so nothing that a damaged record says is acted upon.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sameplayer.common.files import whole_file, write_text
from sameplayer.encoder.networks.build import build_model, load_weights
from sameplayer.encoder.networks.locations import WEIGHTS_FOLDER
from sameplayer.encoder.networks.spec import Build, EncoderSpec
from sameplayer.encoder.storage.fingerprint import hashed
from sameplayer.encoder.storage.state_dicts import checkpoint_in, read_log_scale
from sameplayer.errors import WeightsError

WEIGHTS_FILE = "model.safetensors"
LOG_SCALE = "logit_scale"


@dataclass(frozen=True, eq=False)
class Saved:
    """What a saved encoder's files hold: its spec, its weights and the logarithm of its scale."""

    spec: EncoderSpec
    weights: dict[str, Tensor]
    log_scale: float
    fingerprint: str | None = None


def fingerprint_of(spec: EncoderSpec, weights: Mapping[str, Tensor]) -> str:
    """Return 16 hex digits: a SHA-256 over weights, architecture and pre-processing."""
    named = ((name, value.detach().cpu().contiguous()) for name, value in sorted(weights.items()))
    return hashed(
        spec,
        (
            (name, str(one.dtype), tuple(one.shape), one.view(-1).view(torch.uint8).numpy())
            for name, one in named
        ),
    )


class KnownFingerprint:
    """The fingerprint of an encoder, computed again only where its spec or weights changed.

    Weights are the same where torch has counted no change to the same memory. That memory is kept
    here, so no other weights come to lie in it. A copy knows nothing.
    """

    def __init__(self) -> None:
        self._known: tuple[EncoderSpec, dict[str, Tensor], list[tuple[int, int]], str] | None = None

    def of(self, spec: EncoderSpec, weights: dict[str, Tensor]) -> str:
        """Return the fingerprint of a spec and the state dict of a network."""
        if any(value.is_inference() for value in weights.values()):  # torch counts no changes
            return fingerprint_of(spec, weights)
        places = [(value.data_ptr(), value._version) for value in weights.values()]
        known = self._known
        if known is None or known[0] != spec or list(known[1]) != [*weights] or known[2] != places:
            self._known = known = (spec, weights, places, fingerprint_of(spec, weights))
        return known[3]

    def keep(self, spec: EncoderSpec, weights: dict[str, Tensor], fingerprint: str) -> None:
        """Keep a fingerprint that was computed while these weights were read."""
        places = [(value.data_ptr(), value._version) for value in weights.values()]
        self._known = spec, weights, places, fingerprint

    def __reduce__(self) -> tuple[type[KnownFingerprint], tuple[()]]:
        return KnownFingerprint, ()


def write_saved(folder: Path, saved: Saved) -> None:
    """Write both files, each whole or not at all. Raises WeightsError where that fails."""
    fingerprint = fingerprint_of(saved.spec, saved.weights)
    record = {"format": 1, "fingerprint": fingerprint, **asdict(saved.spec)}
    try:
        text = json.dumps(record, indent=2) + "\n"
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"{folder}: the encoder's facts and model_args cannot be written as JSON ({error}); "
            "expected numbers, words, lists and dictionaries."
        ) from error
    weights = _apart({**saved.weights, LOG_SCALE: torch.tensor(saved.log_scale)})
    with whole_file(folder / WEIGHTS_FILE, WeightsError) as partial:
        save_file(weights, partial, {"encoder": text})
    write_text(folder / "encoder.json", text, WeightsError)


def load_saved(
    path: Path, build: Build | None, device: torch.device
) -> tuple[nn.Module, EncoderSpec, float, str | None]:
    """Return network, spec, logarithm of the scale and fingerprint of what was saved.

    path    a run folder, a saved encoder or a file

    The fingerprint is None where the network holds the weights in another number format. Raises
    WeightsError for what is no saved encoder, is damaged, or needs ``build``.
    """
    file = find_saved(path)
    saved = read_saved(file)
    try:
        model = build_model(saved.spec, build=build)
    except WeightsError:
        raise
    except Exception as error:  # a user's function, or timm of another version, raises anything
        raise WeightsError(
            f"{file}: {saved.spec.architecture} cannot be built ({type(error).__name__}: {error})."
        ) from error
    load_weights(model, saved.weights, file)
    same = all(saved.weights[k].dtype == value.dtype for k, value in model.state_dict().items())
    return model.to(device), saved.spec, saved.log_scale, saved.fingerprint if same else None


def find_saved(path: Path) -> Path:
    """Return the weights file that a run folder (its best epoch), a saved encoder or a file means.

    Raises WeightsError where there is none.
    """
    if path.is_dir():
        for folder in (path / "best", path / "last", path):
            if (folder / WEIGHTS_FILE).is_file():
                return folder / WEIGHTS_FILE
        raise WeightsError(f"{path}: expected {WEIGHTS_FILE} (a saved encoder) or best/ (a run).")
    if path.suffix != ".safetensors":
        raise WeightsError(
            f"{path}: not one of our files; load others' checkpoints with "
            "sameplayer.encoder.load_published(path, architecture), or name the architecture and "
            f"put the file into the folder of {WEIGHTS_FOLDER} under that name."
        )
    return path


def is_saved(path: str | Path) -> bool:
    """Tell whether this is no checkpoint of others: a name, our folder, or a file with our record.

    A file is judged by what is in it: others' endings vary (``model.pth.tar-60``).
    """
    path = Path(path)
    if path.is_dir():
        return checkpoint_in(path) is None or is_saved(path / WEIGHTS_FILE)
    if not path.is_file() or path.suffix == ".onnx":
        return True
    try:
        with safe_open(path, framework="pt") as opened:
            ours = "encoder" in (opened.metadata() or {})
    except Exception:  # no safetensors, or a damaged file, of which reading it says more
        return path.suffix == ".safetensors"
    return ours or path.with_name("encoder.json").is_file()


def read_saved(file: Path) -> Saved:
    """Read and check a saved encoder. Raises WeightsError for a damaged or foreign one."""
    try:
        record = _record(file)
        spec = EncoderSpec.from_record(record)
        weights = load_file(file)
        log_scale = read_log_scale(weights.pop(LOG_SCALE), file)
        fingerprint = fingerprint_of(spec, weights)
    except WeightsError:
        raise
    except Exception as error:  # whatever a damaged file makes the readers stumble over
        raise WeightsError(
            f"{file}: not a saved encoder, or a damaged one ({type(error).__name__}: {error}). "
            "Copy it again, or load others' checkpoints with "
            "sameplayer.encoder.load_published(path, architecture)."
        ) from error
    if fingerprint != record.get("fingerprint"):
        raise WeightsError(
            f"{file}: the weights do not fit the record in it: expected fingerprint "
            f"{record.get('fingerprint')}, found {fingerprint}. Copy the folder again."
        )
    return Saved(spec, weights, log_scale, fingerprint)


def _record(file: Path) -> dict[str, Any]:
    with safe_open(file, framework="pt") as opened:
        text = (opened.metadata() or {}).get("encoder")
    if text is None:
        text = file.with_name("encoder.json").read_text(encoding="utf-8")
    record = json.loads(text)
    if not isinstance(record, dict):
        raise TypeError("the record is no JSON object")
    return record


def _apart(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors in main memory, those that share memory copied: safetensors wants it."""
    seen: set[int] = set()
    parted = {}
    for name, value in weights.items():
        plain = value.detach().cpu().contiguous()
        place = plain.untyped_storage().data_ptr()
        parted[name] = plain.clone() if place in seen else plain
        seen.add(place)
    return parted
