"""Logins: bounded for each token, never longer than a week, ended everywhere at once."""

from __future__ import annotations

from starlette.testclient import TestClient

from sameplayer.gallery.tokens import make_token
from sameplayer.serve.http.sessions import EACH, IDLE_SECONDS, SESSION_SECONDS, Session, Sessions
from tests.serve.test_pilot import word


def test_the_logins_of_one_token_throw_out_nobody_elses() -> None:
    kept = Sessions()
    admin = kept.add(Session("admin"))
    readers = [kept.add(Session("reader")) for _ in range(1000)]
    assert kept.get(admin) is not None
    assert [one for one in readers if kept.get(one)] == readers[-EACH:]


def test_a_login_that_is_used_all_the_time_ends_after_a_week() -> None:
    now = [0.0]
    kept = Sessions(lambda: now[0])
    used, idle = kept.add(Session("a", made=0.0)), kept.add(Session("a", made=0.0))
    while now[0] < SESSION_SECONDS - IDLE_SECONDS / 2:
        now[0] += IDLE_SECONDS / 2
        assert kept.get(used) is not None
    assert kept.get(idle) is None
    now[0] = SESSION_SECONDS + 1
    assert kept.get(used) is None


def test_servers_on_other_ports_of_a_host_keep_their_logins(app) -> None:
    one = TestClient(app, base_url="http://127.0.0.1:8437", follow_redirects=False)
    two = TestClient(app, base_url="http://127.0.0.1:8438", follow_redirects=False)
    names = {
        browser.post("/login", data={"token": "owner-of-the-tests"})
        .headers["set-cookie"]
        .split("=")[0]
        for browser in (one, two)
    }
    assert names == {"sameplayer-8437", "sameplayer-8438"}


def test_logging_out_everywhere_ends_all_logins_of_the_token_and_no_others(app, gallery) -> None:
    other = make_token(gallery, "x", ["read"])
    first, second, third = (TestClient(app) for _ in range(3))
    for browser, text in (
        (first, "owner-of-the-tests"),
        (second, "owner-of-the-tests"),
        (third, other),
    ):
        browser.post("/login", data={"token": text})
    form = {"csrf_token": word(first.get("/").text, "csrf_token"), "everywhere": "yes"}
    assert first.post("/logout", data=form).url.path == "/login"
    assert second.get("/").url.path == "/login"
    assert third.get("/").url.path.endswith("/persons")
