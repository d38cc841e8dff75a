"""Where pre-trained weights lie: in this package, in a folder of one's own, in the hub's cache.

Needs neither torch nor timm. The hub of timm's weights is tried once and briefly, so that without a
network nobody waits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from sameplayer.encoder.networks.presets import COLOUR, OSNETS, SMALL, Preset
from sameplayer.errors import MissingFile

WEIGHTS_FOLDER = "SAMEPLAYER_WEIGHTS"
SHIPPED = Path(__file__).parents[1] / "weights"
SECONDS = 5.0  # that the hub is waited for
_turn = Lock()
ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".onnx", ".json")


def refuse_path(source: str | Path) -> None:
    """Raise MissingFile for what is written like a path; names of presets and timm are not."""
    if any(sign in str(source) for sign in "/\\") or Path(source).suffix in ENDINGS:
        raise MissingFile(
            f"{source}: no such folder or file; expected a run folder, a saved encoder, or the "
            "name of a preset or timm model."
        )


def local_weights(architecture: str) -> Path | None:
    """Return the file of weights in the folder that ``SAMEPLAYER_WEIGHTS`` names, or None."""
    folder = os.environ.get(WEIGHTS_FOLDER)
    if not folder:
        return None
    for suffix in (".safetensors", ".pth", ".pt", ".bin", ".pth.tar", ".ckpt"):
        path = Path(folder) / f"{architecture}{suffix}"
        if path.is_file():
            return path
    return None


def weights_place(preset: Preset) -> str:
    """Say where a preset's weights are: none needed, package, folder, cache, to fetch...."""
    if preset.architecture in (SMALL, COLOUR):
        return "none needed"
    if preset.shipped:
        return "package" if (SHIPPED / preset.shipped).is_file() else "missing"
    if local_weights(preset.architecture) is not None:
        return "folder"
    if preset.architecture in OSNETS:
        return "to bring"
    from huggingface_hub.constants import HF_HUB_CACHE  # here: the other answers need no hub

    kept = Path(HF_HUB_CACHE) / f"models--timm--{preset.architecture}" / "snapshots"
    return "cache" if any(kept.glob("*/*.safetensors")) else "to fetch"


@contextmanager
def hub_if_reached() -> Iterator[bool]:
    """Within it the hub's client asks the hub, or, where that gives no answer, its cache alone.

    The client itself would try again for most of a minute, for every file, and print each time.
    Yields whether the hub answered. It is not asked where HF_HUB_OFFLINE is set.
    """
    from huggingface_hub import constants  # here: other weights need no hub

    with _turn:
        offline = constants.HF_HUB_OFFLINE
        reached = not offline and _answers(constants.ENDPOINT)
        constants.HF_HUB_OFFLINE = not reached
        try:
            yield reached
        finally:
            constants.HF_HUB_OFFLINE = offline


def _answers(address: str) -> bool:
    """Tell whether an address answers one request, by the hub client's own way and proxies."""
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

    try:
        get_session().head(address, timeout=SECONDS)
    except Exception:  # the kinds of the client and of its transport change with its version
        return False
    return True
