"""What is counted: few labels, whatever callers send."""

from __future__ import annotations

import asyncio
import logging

import pytest

from sameplayer.serve.http.metrics import Metrics


def test_methods_that_nobody_declares_are_one_label() -> None:
    metrics = Metrics()
    for method in ("GET", "M" * 60_000, "get", "BREW"):
        metrics.add(method, "/healthz", 405, 0.1)
    text = metrics.text({})
    assert 'method="other",route="/healthz",status="405"} 3' in text
    assert 'method="GET",route="/healthz",status="405"} 1' in text
    assert len(text) < 3000


def test_a_login_that_breaks_off_is_no_error(app, caplog: pytest.LogCaptureFixture) -> None:
    messages = [
        {"type": "http.request", "body": b"token=a", "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/login",
        "scheme": "http",
        "raw_path": b"/login",
        "root_path": "",
        "query_string": b"",
        "client": ("1.2.3.4", 5),
        "headers": [
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"host", b"testserver"),
        ],
    }

    async def receive() -> dict:
        return messages.pop(0)  # type: ignore[return-value]

    async def send(message: dict) -> None:
        pytest.fail(f"sent {message}")

    with caplog.at_level(logging.WARNING):
        asyncio.run(app(scope, receive, send))
    assert not caplog.records
    assert 'route="/login",status="499"} 1' in app.state.service.metrics.text({})
