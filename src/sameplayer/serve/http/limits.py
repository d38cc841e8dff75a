"""What one caller, one request and all of them together may ask of the server."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sameplayer.errors import SettingError

MOST_ITEMS = 1000  # items of a list in JSON, whatever the settings say


@dataclass(frozen=True)
class Limits:
    """What is refused, and how long anything may take."""

    body_bytes: int = 8_000_000
    """Bytes of a request with pictures; more is refused with 413."""
    json_bytes: int = 2_000_000
    """Bytes of a request without pictures; more is refused with 413."""
    picture_pixels: int = 25_000_000
    """Pixels of one picture, by its header; more is refused with 413 before it is decoded."""
    request_pixels: int = 50_000_000
    """Pixels of all pictures of a request."""
    decode_seconds: float = 10.0
    """Seconds in which one picture must be decoded; more is refused with 422."""
    crops: int = 64
    """Pictures or vectors of a request."""
    rate: float = 400.0
    """Requests a second of one caller, on average; more are refused with 429."""
    burst: int = 800
    """Requests of one caller at once."""
    failures: int = 20
    """Wrong tokens from one address at once; then one is looked at every two seconds."""
    light: int = 6
    """Requests without pictures that are worked on at once."""
    heavy: int = 2
    """Requests with pictures that are worked on at once."""
    bodies: int = 12
    """Requests with pictures that are in memory at once, those that are still being sent among
    them; one caller has a third of them."""
    waiting: int = 256
    """Requests that may wait for their turn; more are refused with 503."""
    queue_seconds: float = 20.0
    """Seconds that a request waits for its turn, at most."""
    header_seconds: float = 10.0
    """Seconds in which the head of a request must have come."""
    body_seconds: float = 30.0
    """Seconds in which the body of a request must have come."""
    send_seconds: float = 30.0
    """Seconds in which a caller must take the next part of an answer."""

    def __post_init__(self) -> None:
        for one in fields(self):
            if not getattr(self, one.name) > 0:
                raise SettingError(one.name, getattr(self, one.name), "a number over 0")
        if self.crops > MOST_ITEMS:
            raise SettingError("crops", self.crops, f"1 to {MOST_ITEMS}")
