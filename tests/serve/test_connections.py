"""Connections: idle ones make room, and no address takes all places."""

from __future__ import annotations

import http.client
import socket
from urllib.parse import urlsplit

import pytest

from sameplayer.serve.http.connections import Places, neighbours
from sameplayer.serve.http.limits import Limits
from tests.serve.club import running


class Connection:
    def __init__(self, idle: bool = True) -> None:
        self.idle, self.closed = idle, False

    def leave(self) -> None:
        self.closed = True


def test_an_address_has_half_of_the_places_and_its_oldest_idle_one_makes_room() -> None:
    places, many = Places(8), [Connection() for _ in range(20)]
    assert all(places.take(one, "10.0.0.1") for one in many)
    assert [one.closed for one in many] == [True] * 16 + [False] * 4
    busy = [Connection(idle=False) for _ in range(5)]
    assert [places.take(one, "10.0.0.2") for one in busy] == [True] * 4 + [False]
    assert places.take(Connection(), "10.0.0.3")
    assert [one.closed for one in many[16:]] == [True, False, False, False]
    for one in (*many, *busy):
        places.leave(one)
    assert all(places.take(Connection(idle=False), "10.0.0.2") for _ in range(4))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_this_machine_where_a_proxy_may_be_has_all_places(address: str) -> None:
    places = Places(8)
    own = [Connection(idle=False) for _ in range(9)]
    assert [places.take(one, address) for one in own] == [True] * 8 + [False]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_a_network_of_ipv6_counts_as_one_address(address: str, expected: str) -> None:
    assert neighbours(address) == expected


def test_idle_connections_keep_nobody_out(gallery) -> None:
    with running(gallery, Limits(waiting=5)) as address:
        place = urlsplit(address)
        idle = [socket.create_connection((place.hostname, place.port)) for _ in range(30)]
        link = http.client.HTTPConnection(place.netloc, timeout=20)
        link.request("GET", "/healthz")
        assert link.getresponse().status == 200
        assert [one.recv(1) for one in idle[:20]] == [b""] * 20
        for one in idle:
            one.close()
