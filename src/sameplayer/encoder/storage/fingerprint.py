"""What a fingerprint of an encoder hashes, the same whether torch or NumPy holds the weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sameplayer.encoder.networks.spec import EncoderSpec

USUAL = {"fit": "letterbox", "colour_region": "box"}  # not hashed, as before there were others
# name, number format as torch writes it ("torch.float32"), shape, bytes
Weight = tuple[str, str, tuple[int, ...], Any]


def hashed(spec: EncoderSpec, weights: Iterable[Weight]) -> str:
    """Return 16 hex digits: a SHA-256 over weights, by their names, and what a spec fixes."""
    record = asdict(spec)
    kept = ["architecture", "height", "width", "mean", "std", "model_args"]
    kept += [name for name in ("drop_padding", "own_module", "mirror", "colour") if record[name]]
    kept += [name for name, usual in USUAL.items() if record[name] != usual]
    digest = hashlib.sha256(json.dumps({k: record[k] for k in kept}, sort_keys=True).encode())
    for name, kind, shape, content in weights:
        digest.update(f"{name} {kind} {shape}".encode())
        digest.update(content)
    return digest.hexdigest()[:16]
