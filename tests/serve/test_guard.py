"""What a request passes before anything is read: wrong tokens are limited, right ones never."""

from __future__ import annotations

from starlette.testclient import TestClient

from sameplayer.gallery.tokens import make_token, revoke_token
from sameplayer.serve.http.limits import Limits
from tests.serve.test_api import error

MANY = Limits().failures + 3


def test_wrong_tokens_are_limited_and_never_stop_a_right_one(app, client, address) -> None:
    reader, wrong = client("read"), client()
    text = reader.headers["Authorization"].split()[1]
    inside = TestClient(app)
    inside.post("/login", data={"token": text})
    wrong.headers["Authorization"] = "Bearer wrong"
    statuses = [wrong.get(address).status_code for _ in range(MANY)]
    assert statuses == [401] * Limits().failures + [429] * 3
    assert wrong.post("/login", data={"token": "wrong"}).status_code == 429
    assert reader.get(address).status_code == 200
    owner = {"Authorization": "Bearer owner-of-the-tests"}
    assert client().get(address, headers=owner).status_code == 200
    assert inside.get("/").url.path.endswith("/persons")
    assert TestClient(app).post("/login", data={"token": text}).url.path.endswith("/persons")


def test_a_request_without_a_token_is_no_guess(app, client, address) -> None:
    nobody = client()
    for _ in range(MANY):
        error(nobody.get(address), 401)
        assert nobody.post("/login", data={"token": ""}).status_code == 401
    nobody.headers["Authorization"] = "Bearer wrong"
    error(nobody.get(address), 401)


def test_a_login_whose_token_was_revoked_is_sent_to_the_login_and_is_no_guess(
    app, client, gallery
) -> None:
    text = make_token(gallery, "x", ["read"])
    inside = TestClient(app)
    inside.post("/login", data={"token": text})
    revoke_token(gallery, text)
    for _ in range(MANY):
        assert inside.get("/", follow_redirects=False).headers["location"] == "/login"
