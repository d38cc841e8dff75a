"""The small gallery of tests/gallery behind the API, and clients with a token of each scope."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from sameplayer.data.images.picture import encode_picture
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.tokens import make_token
from sameplayer.serve.app import create_app

Client = Callable[..., TestClient]


@pytest.fixture
def store() -> None:
    """SQLite: what the server does is the same with both."""


@pytest.fixture
def address(gallery: Gallery) -> str:
    """Where the API has the gallery."""
    return f"/v1/galleries/{gallery.settings.id}"


@pytest.fixture
def app(gallery: Gallery) -> FastAPI:
    return create_app({"club": gallery}, admin_tokens=["owner-of-the-tests"])


@pytest.fixture
def client(app: FastAPI, gallery: Gallery) -> Iterator[Client]:
    """A function that returns a client whose token has these scopes; none: without a token."""
    with TestClient(app, raise_server_exceptions=False) as one:

        def make(*scopes: str) -> TestClient:
            other = TestClient(app, raise_server_exceptions=False)
            if scopes:
                text = make_token(gallery, "test", scopes)
                other.headers["Authorization"] = f"Bearer {text}"
            return other

        yield make
        one.close()


def picture(seed: int = 0, high: int = 80, wide: int = 40, kind: str = ".jpg") -> bytes:
    """Return a picture's file: two colours that the seed chooses."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((high, wide, 3), np.uint8)
    pixels[: high // 2], pixels[high // 2 :] = rng.integers(0, 255, (2, 3))
    pixels[::7] = rng.integers(0, 255, 3)
    return encode_picture(pixels, kind)
