"""What the server holds out: any request of the schema, bombs, floods, slow and greedy callers."""

from __future__ import annotations

import http.client
import resource
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from sameplayer.errors import ConfigError, DataError, InternalError, MissingFile, Unavailable
from sameplayer.gallery.search.asking import ask_ready
from sameplayer.gallery.tokens import make_token
from sameplayer.serve.app import create_app
from sameplayer.serve.http.http_errors import as_refused
from sameplayer.serve.http.limits import Limits
from sameplayer.serve.http.rate_limit import TokenBuckets
from sameplayer.serve.http.sessions import Recent
from sameplayer.serve.run import admin_tokens, read_token
from tests.serve.club import TOKEN, running
from tests.serve.conftest import picture
from tests.serve.test_api import error


def bomb(wide: int = 14_000, high: int = 14_000) -> bytes:
    """Return a PNG of one colour: half a megabyte that decodes to 0.6 GB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    squeezed, rows = zlib.compressobj(9), bytes((1 + 3 * wide) * (high // 100))
    first, every = (squeezed.compress(rows) + squeezed.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    sum_of_zeros = struct.pack(">I", (len(rows) * 100 % 65521) << 16 | 1)
    data = first + every * 99 + squeezed.flush()[:-4] + sum_of_zeros  # compressed once
    head = struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_no_request_of_the_schema_breaks_the_server_or_the_schema(app, gallery, pictures) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    question = ask_ready(gallery, pictures(1, 2, seed=5), actor="me", keep=True).question
    own = {"gallery": gallery.settings.id, "question": question, "person": gallery.person("Ann").id}
    head = {"Authorization": "Bearer owner-of-the-tests"}
    statuses: set[int] = set()

    def check(case: schemathesis.Case, real: bool) -> None:
        if real:
            case.path_parameters = {
                **case.path_parameters,
                **{name: own[name] for name in case.path_parameters if name in own},
            }
        response = case.call(headers=head)
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    operations = [one.ok() for one in schema.get_all_operations()]
    assert len(operations) > 25
    for operation in operations:
        case = operation.as_strategy(GenerationMode.POSITIVE)
        case |= operation.as_strategy(GenerationMode.NEGATIVE)
        FEW(given(case=case, real=booleans())(check))()
    assert {200, 404, 422} <= statuses


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
FEW = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_a_bomb_is_refused_before_it_is_decoded(client, address) -> None:
    content = bomb()
    assert len(content) < 1_000_000
    one = client("query")
    start = time.perf_counter()
    said = error(one.post(f"{address}/ask", files=[("pictures", ("a", content))]), 413)
    assert time.perf_counter() - start < 20
    assert said["found"] == "14000 x 14000"
    wide = bomb(5000, 4900)
    said = error(one.post(f"{address}/ask", files=[("pictures", ("a", wide))] * 3), 413)
    assert said["expected"] == "at most 50,000,000"


def test_sixty_four_uploads_at_once_are_answered_in_bounded_memory(gallery) -> None:
    content = picture(1, 2000, 1500, ".png")
    boundary = "x" * 20
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="pictures"; filename="a"\r\n\r\n'
    body = part.encode() + content + b"\0" * 6_000_000 + f"\r\n--{boundary}--\r\n".encode()
    head = {
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }
    statuses: list[int] = []

    with running(gallery) as address:
        where = f"/v1/galleries/{gallery.settings.id}/ask"

        def send() -> None:
            link = http.client.HTTPConnection(urlsplit(address).netloc, timeout=100)
            link.request("POST", where, body, head)
            statuses.append(link.getresponse().status)
            link.close()

        send()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        threads = [threading.Thread(target=send) for _ in range(64)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert len(statuses) == 65
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) > 32
    assert grown < 200  # MiB; the bodies together are 390 MB


def test_slow_callers_are_let_go_and_hold_nobody_up(gallery) -> None:
    limits = Limits(header_seconds=3, body_seconds=3, heavy=1, light=1)
    with running(gallery, limits) as address:
        host, port = urlsplit(address).hostname, urlsplit(address).port
        assert host
        assert port
        path = f"/v1/galleries/{gallery.settings.id}/ask/vectors"
        heads = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n"
        kinds = {
            "nothing": b"",
            "part of a head": b"GET / HT",
            "part of a body": (
                f"{heads}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
            ).encode(),
        }
        slow = {}
        for name, sent in kinds.items():
            slow[name] = socket.create_connection((host, port), timeout=10)
            slow[name].sendall(sent)
        start = time.perf_counter()
        link = http.client.HTTPConnection(host, port, timeout=10)
        link.request("GET", "/healthz")
        assert link.getresponse().read() == b"ok\n"
        assert time.perf_counter() - start < 2.5  # the slow ones are still held
        answers = {name: _all(one) for name, one in slow.items()}
        assert time.perf_counter() - start < 30
    assert (answers["nothing"], answers["part of a head"]) == (b"", b"")
    assert answers["part of a body"].startswith(b"HTTP/1.1 408")
    assert b"came too slowly" in answers["part of a body"]


def _all(one: socket.socket) -> bytes:
    found = b""
    while part := one.recv(65536):
        found += part
    one.close()
    return found


def test_sixty_megabytes_in_chunks_are_refused_by_a_real_server(gallery) -> None:
    with running(gallery) as address:
        where = f"/v1/galleries/{gallery.settings.id}/ask/vectors"
        link = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
        head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        sent = 0

        def chunks() -> Iterator[bytes]:
            nonlocal sent
            for _ in range(60):
                yield b" " * 1_000_000
                sent += 1

        try:
            link.request("POST", where, chunks(), head, encode_chunked=True)
            assert link.getresponse().status == 413
        except (BrokenPipeError, ConnectionResetError):
            assert sent < 30  # it hangs up on who goes on


def test_a_gate_lets_few_in_and_refuses_many(gallery) -> None:
    limits = Limits(heavy=1, light=1, waiting=1, queue_seconds=0.2)
    turn = threading.Event()
    app = create_app({"club": gallery}, limits=limits, admin_tokens=[TOKEN])
    statuses: list[int] = []
    with TestClient(app) as one:
        one.headers["Authorization"] = f"Bearer {TOKEN}"
        note = gallery.database.write()

        def ask() -> None:
            rows = [[1.0] + [0.0] * (gallery.settings.width - 1)]
            where = f"/v1/galleries/{gallery.settings.id}/ask/vectors"
            statuses.append(one.post(where, json={"vectors": rows}).status_code)
            turn.set()

        with note:  # whoever asks has to wait, for the answer is an event
            threads = [threading.Thread(target=ask) for _ in range(4)]
            for each in threads:
                each.start()
            turn.wait(5)
            time.sleep(0.5)
        for each in threads:
            each.join()
    assert sorted(statuses) == [200, 503, 503, 503]


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.168.0.7", False),
        ("club.example", False),
    ],
)
def test_others_are_let_in_only_where_a_token_exists(gallery, tmp_path, host, own) -> None:
    if own:
        tokens, made = admin_tokens(host, [gallery], None)
        assert tokens == [made]
        assert len(made or "") > 40
    else:
        with pytest.raises(ConfigError, match="no token"):
            admin_tokens(host, [gallery], None)
    file = tmp_path / "token"
    file.write_text("a-token-of-many-letters\n")
    file.chmod(0o600)
    assert admin_tokens(host, [gallery], file) == (["a-token-of-many-letters"], None)
    make_token(gallery, "x", ["read"])
    assert admin_tokens(host, [gallery], None) == ([], None)


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("", 0o600, "no token"),
        ("short", 0o600, "no token"),
        ("two words of it here", 0o600, "no token"),
        ("a-token-of-many-letters", 0o644, "others may read"),
    ],
)
def test_a_poor_token_file_is_refused(tmp_path: Path, text, mode, words) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(DataError, match=words):
        read_token(file)
    with pytest.raises(MissingFile):
        read_token(tmp_path / "none")


def test_a_bucket_fills_again_and_recent_things_go_by_age_and_size() -> None:
    now = [0.0]
    buckets = TokenBuckets(2.0, 3, lambda: now[0])
    for _ in range(3):
        assert buckets.wait("a") == 0
        buckets.take("a")
    assert buckets.wait("a") == pytest.approx(0.5)
    assert buckets.wait("b") == 0
    now[0] = 0.5
    assert buckets.wait("a") == 0
    kept: Recent[str] = Recent(10, 6, len, lambda: now[0])
    first, second = kept.add("abc"), kept.add("def")
    assert kept.get(first) == "abc"
    third = kept.add("ghi")
    assert [kept.get(one) for one in (first, second, third)] == ["abc", None, "ghi"]
    now[0] = 9.0
    assert kept.get(first) == "abc"
    now[0] = 15.0
    assert [kept.get(one) for one in (first, third)] == ["abc", None]


def test_a_busy_database_is_to_be_asked_again_and_a_mistake_of_ours_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    busy = as_refused(Unavailable("locked"))
    assert (busy.status_code, busy.headers) == (503, {"Retry-After": "5"})
    name = "Ann"
    with pytest.raises(InternalError) as raised:
        raise InternalError(name)
    assert as_refused(raised.value).status_code == 500
    assert "test_robust.py" in caplog.text
    assert name not in caplog.text


def test_a_gallery_that_was_moved_is_not_ready(client, gallery, address, tmp_path) -> None:
    gallery.folder.rename(tmp_path / "away")
    one = client()
    assert one.get("/readyz").status_code == 503
    (tmp_path / "away").rename(gallery.folder)
    assert one.get("/readyz").status_code == 200
