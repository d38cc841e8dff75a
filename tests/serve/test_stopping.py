"""A stop: every request is answered, nothing waits for a thread that cannot be ended."""

from __future__ import annotations

import asyncio
import http.client
import logging
import threading
from urllib.parse import urlsplit

import pytest

from sameplayer.serve import run, service
from sameplayer.serve.http.connections import ANSWERING, ENDING, STOPPING, Stop
from tests.serve.club import running


def test_what_is_open_ends_after_the_seconds_that_it_has() -> None:
    async def wait(stop: Stop) -> None:
        async with stop.bounded():
            await asyncio.sleep(60)

    async def check() -> None:
        stop = Stop()
        async with stop.bounded():
            assert not stop.over
        open_one = asyncio.create_task(wait(stop))
        await asyncio.sleep(0)
        stop.after(0)
        for waiting in (open_one, asyncio.create_task(wait(stop))):
            with pytest.raises(TimeoutError):
                await waiting
        assert stop.over

    asyncio.run(check())
    assert ANSWERING + ENDING < STOPPING


def test_a_stop_answers_who_waits_for_work_that_does_not_end(
    gallery, monkeypatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run, "ANSWERING", 0.1)
    monkeypatch.setattr(service, "ENDING", 0.1)
    begun, end = threading.Event(), threading.Event()
    served: list[service.Service] = []

    def look(self: service.Service) -> None:
        served.append(self)
        begun.set()
        end.wait(60)

    monkeypatch.setattr(service.Service, "check_ready", look)
    answers: list[http.client.HTTPResponse] = []

    def ask(address: str) -> None:
        link = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
        link.request("GET", "/readyz")
        answers.append(link.getresponse())

    with running(gallery) as address, caplog.at_level(logging.WARNING):
        thread = threading.Thread(target=ask, args=(address,))
        thread.start()
        begun.wait(20)
    thread.join(20)
    assert [one.status for one in answers] == [503]
    assert b"the server is stopping" in answers[0].read()
    assert served[0].stuck
    end.set()
    assert not caplog.records
