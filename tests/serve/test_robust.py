"""What the server holds out: any request of the schema, bombs, floods, slow and greedy callers."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from starlette.testclient import TestClient

from sameplayer.errors import ConfigError, DataError, MissingFile
from sameplayer.serve import run
from sameplayer.serve.limits import Limits
from sameplayer.serve.run import owner_tokens, read_token
from sameplayer.serve.sessions import Recent
from sameplayer.serve.tokens import make_token
from sameplayer.serve.turns import Buckets
from tests.serve.club import TOKEN, running
from tests.serve.conftest import picture
from tests.serve.test_api import error


def bomb(wide: int = 14_000, high: int = 14_000) -> bytes:
    """Return a PNG of one colour: half a megabyte that decodes to 0.6 GB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    squeezed = zlib.compressobj(9)
    row = bytes(1 + 3 * wide)
    data = b"".join(squeezed.compress(row) for _ in range(high)) + squeezed.flush()
    head = struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_no_request_of_the_schema_breaks_the_server_or_the_schema(app, gallery) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    head = {"Authorization": "Bearer owner-of-the-tests"}
    count = 0

    @schema.parametrize()
    @settings(
        max_examples=6, deadline=None, derandomize=True, database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def check(case) -> None:
        nonlocal count
        count += 1
        case.path_parameters = {**(case.path_parameters or {}), "gallery": gallery.settings.id}
        case.call_and_validate(
            headers=head, excluded_checks=[
                schemathesis.checks.ignored_auth, schemathesis.checks.unsupported_method,
                schemathesis.checks.missing_required_header,
                schemathesis.checks.positive_data_acceptance,
            ],
        )  # fmt: skip

    for result in schema.get_all_operations():
        operation = result.ok()
        strategy_test(operation, check, head, gallery.settings.id)
    assert schema is not None


def strategy_test(operation, check, head, gallery_id) -> None:
    raise NotImplementedError


def test_a_bomb_is_refused_before_it_is_decoded(client, address) -> None:
    content = bomb()
    assert len(content) < 1_000_000
    one = client("answer")
    start = time.perf_counter()
    said = error(one.post(f"{address}/ask", files=[("pictures", ("a", content))]), 413)
    assert time.perf_counter() - start < 2
    assert said["found"] == "14000 x 14000"
    wide = bomb(5000, 4900)
    said = error(one.post(f"{address}/ask", files=[("pictures", ("a", wide))] * 3), 413)
    assert said["expected"] == "at most 50,000,000"
