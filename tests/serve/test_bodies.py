"""Bodies: whoever sends slowly holds no turn, and never all the room."""

from __future__ import annotations

import asyncio
import http.client
import socket
from urllib.parse import urlsplit

from sameplayer.serve.http.limits import Limits
from sameplayer.serve.http.rate_limit import BodyLimit, body_limits
from tests.serve.club import TOKEN, running
from tests.serve.conftest import picture


def test_half_sent_uploads_hold_no_turn(gallery) -> None:
    limits = Limits(heavy=1, light=1, bodies=9, queue_seconds=20)
    part = b'--x\r\nContent-Disposition: form-data; name="pictures"; filename="a"\r\n\r\n'
    body = part + picture() + b"\r\n--x--\r\n"
    here = f"/v1/galleries/{gallery.settings.id}/ask"
    head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "multipart/form-data; boundary=x"}
    sent = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    half = f"POST {here} HTTP/1.1\r\nHost: x\r\n{sent}Content-Length: 9999\r\n\r\n--x\r\n"
    with running(gallery, limits) as address:
        place = urlsplit(address)
        slow = [socket.create_connection((place.hostname, place.port)) for _ in range(2)]
        for one in slow:
            one.sendall(half.encode())
        link = http.client.HTTPConnection(place.netloc, timeout=60)
        link.request("POST", here, body, head)
        assert link.getresponse().status == 200
        for one in slow:
            one.close()


def test_a_caller_has_a_part_of_the_room_and_others_the_rest() -> None:
    async def check() -> None:
        room, order = BodyLimit(6, Limits(queue_seconds=30)), []

        async def hold(caller: str, until: asyncio.Event) -> None:
            async with room.of(caller):
                order.append(caller)
                await until.wait()

        first, rest = asyncio.Event(), asyncio.Event()
        tasks = [asyncio.create_task(hold("slow", first)) for _ in range(4)]
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(hold(name, rest)) for name in ("a", "b")]
        while len(order) < 4:
            await asyncio.sleep(0)
        assert order == ["slow", "slow", "a", "b"]
        first.set()
        rest.set()
        await asyncio.gather(*tasks)
        assert order[4:] == ["slow", "slow"]
        assert room._own == {}

    asyncio.run(check())


def test_bodies_with_and_without_pictures_have_the_same_memory() -> None:
    limits = Limits(bodies=10, body_bytes=8, json_bytes=2)
    assert {heavy: room._most for heavy, room in body_limits(limits).items()} == {
        True: 10,
        False: 40,
    }
