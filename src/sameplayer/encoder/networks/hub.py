"""The hub of timm's weights: tried once and briefly, so that without a network nobody waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

SECONDS = 5.0
_turn = Lock()


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
