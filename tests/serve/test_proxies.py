"""What proxies may say of where a request comes from, and which hosts are served."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from sameplayer.serve.app import create_app
from sameplayer.serve.http.hosts import Hosts
from sameplayer.serve.http.limits import Limits
from sameplayer.serve.middleware import refuse_host, seen
from tests.serve.club import TOKEN

NEAR = {"server": ("127.0.0.1", 8437)}
FAR = {"server": ("192.168.0.7", 8437)}


def scope(client: str = "127.0.0.1", headers: tuple[tuple[str, str], ...] = (), **more) -> dict:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return {"type": "http", "client": (client, 1), "scheme": "http", "headers": raw, **NEAR, **more}


def forwarded(*hops: str) -> tuple[tuple[str, str], ...]:
    return (
        ("Host", "127.0.0.1:8437"),
        *(("X-Forwarded-For", one) for one in hops),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "club.example"),
    )


@pytest.mark.parametrize(
    ("trusted", "hops", "client"),
    [
        ((), ("203.0.113.9",), None),
        (("10.0.0.1",), ("203.0.113.9",), None),
        (("127.0.0.1",), ("203.0.113.9",), "203.0.113.9"),
        (("127.0.0.1",), ("1.1.1.1, 203.0.113.9",), "203.0.113.9"),
        (("127.0.0.1",), ("1.1.1.1", "203.0.113.9"), "203.0.113.9"),
        (("127.0.0.1", "10.0.0.0/8"), ("203.0.113.9, 10.1.2.3",), "203.0.113.9"),
        (("127.0.0.1",), ("203.0.113.9:4711",), "203.0.113.9"),
        (("127.0.0.1",), ("[2001:db8::9]:4711",), "2001:db8::9"),
        (("127.0.0.1",), ("203.0.113.9, not an address",), "127.0.0.1"),
        (("127.0.0.1",), (), "127.0.0.1"),
    ],
)
def test_only_a_trusted_proxy_says_who_sends_a_request(trusted, hops, client) -> None:
    found = seen(scope(headers=forwarded(*hops)), Hosts(trusted_proxies=trusted))
    if client is None:
        assert found == scope(headers=forwarded(*hops))
        return
    assert (found["client"][0], found["scheme"]) == (client, "https")
    assert (b"host", b"club.example") in found["headers"]


@pytest.mark.parametrize(
    ("named", "where", "allowed", "status"),
    [
        ("127.0.0.1:8437", NEAR, (), None),
        ("localhost", NEAR, (), None),
        ("[::1]:9", NEAR, (), None),
        ("", NEAR, (), None),
        ("evil.example", NEAR, (), 421),
        ("evil.example:8437", NEAR, ("club.example",), 421),
        ("192.168.0.7", NEAR, (), 421),
        ("Club.Example:443", NEAR, ("club.example",), None),
        ("localhost:8437", NEAR, ("club.example",), None),
        ("any.example", FAR, (), None),
        ("any.example", FAR, ("club.example",), 421),
        ("192.168.0.7:8437", FAR, ("club.example",), None),
        ("a b", FAR, (), 400),
        ("a:99999", FAR, (), 400),
        ("a@b", NEAR, (), 400),
    ],
)
def test_a_name_that_is_not_this_machines_is_served_only_where_it_is_allowed(
    named, where, allowed, status
) -> None:
    refused = refuse_host(scope(headers=(("Host", named),), **where), Hosts(allowed_hosts=allowed))
    assert (None if refused is None else refused.status_code) == status


def test_a_rebound_page_reads_nothing(app) -> None:
    near = TestClient(app, base_url="http://127.0.0.1:8437")
    assert near.get("/metrics").status_code == 200
    for path in ("/metrics", "/openapi.json", "/login", "/v1/galleries"):
        answer = near.get(path, headers={"Host": "evil.example"})
        assert answer.status_code == 421
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "allowed_hosts" in answer.text


def test_behind_a_proxy_with_tls_addresses_cookies_and_forms_are_right(gallery) -> None:
    hosts = Hosts(trusted_proxies=("127.0.0.1",), allowed_hosts=("club.example",))
    app = create_app({"club": gallery}, admin_tokens=[TOKEN], hosts=hosts)

    def browser(address: str) -> TestClient:
        """Return a browser at this address, as the proxy of docs/serve.md hands its requests on."""
        found = TestClient(
            app, base_url="http://127.0.0.1:8437", client=("127.0.0.1", 5), follow_redirects=False
        )
        found.headers.update(
            {"Host": "club.example", "X-Forwarded-For": address, "X-Forwarded-Proto": "https"}
        )
        return found

    good, bad = browser("203.0.113.9"), browser("203.0.113.66")
    origin = {"Origin": "https://club.example"}
    statuses = [bad.post("/login", data={"token": "wrong"}).status_code for _ in range(21)]
    assert statuses == [401] * Limits().failures + [429]
    assert good.post("/login", data={"token": "wrong"}).status_code == 401
    answer = good.post("/login", data={"token": TOKEN}, headers=origin)
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303
    assert cookie.startswith("sameplayer-443=")
    assert {"HttpOnly", "Secure", "SameSite=strict"} <= set(cookie.split("; "))
    held = {"Cookie": cookie.split(";")[0]}
    page = good.get(f"/g/{gallery.settings.id}/ask", headers=held)
    word = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    foreign = {**held, "Origin": "https://evil.example"}
    assert good.post("/logout", data={"csrf_token": word}, headers=foreign).status_code == 403
    left = good.post("/logout", data={"csrf_token": word}, headers={**held, **origin})
    assert left.status_code == 303
    assert {"Secure", "SameSite=strict"} <= set(left.headers["set-cookie"].split("; "))
    assert good.get("/", headers=held).headers["location"] == "/login"
