"""The API: who may ask what, answers as the gallery gives them, and errors that help."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from sameplayer.gallery.gallery import create_gallery
from sameplayer.gallery.people.corrections import mark_unknown, remove_pictures, rename, skip
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.search.asking import ask_ready, ask_vectors
from sameplayer.gallery.tokens import make_token, revoke_token
from sameplayer.serve.app import create_app
from sameplayer.serve.http.limits import Limits
from tests.serve.conftest import picture


def rows(pictures) -> list[list[float]]:
    return [one.vector.tolist() for one in pictures]


def error(response, status: int) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    said = response.json()
    assert set(said) == {"type", "title", "status", "detail", "where", "expected", "found", "hint"}
    assert (said["type"], said["status"]) == ("about:blank", status)
    assert said["title"]
    assert said["detail"]
    assert "Traceback" not in response.text
    return said


def test_every_route_of_the_api_wants_a_token_before_it_reads_anything(app, client, address):
    count = 0
    for path, operations in app.openapi()["paths"].items():
        assert path.startswith("/v1")
        for method in operations:
            there = path.replace("{gallery}", address.rsplit("/", 1)[1])
            there = there.replace("{person}", "0" * 16).replace("{picture}", "0" * 32)
            there = there.replace("{question}", "0" * 16).replace("{seq}", "1")
            response = client().request(method, there, content=b"[", headers={"content-type": "x"})
            assert error(response, 401)["hint"].startswith("make a token")
            assert response.headers["www-authenticate"] == "Bearer"
            count += 1
    assert count > 25


def test_an_answer_over_the_api_is_the_gallerys_own(client, address, gallery, pictures) -> None:
    asked = pictures(1, 2, seed=9)
    own = ask_vectors(gallery, np.stack([one.vector for one in asked]), actor="me")
    response = client("query").post(
        f"{address}/ask/vectors", json={"vectors": rows(asked), "track": True}
    )
    (answer,) = response.json()["answers"]
    assert [one["person"] for one in answer["candidates"]] == [one.person for one in own.candidates]
    assert answer["candidates"][0]["similarity"] == pytest.approx(own.candidates[0].similarity)
    assert answer["candidates"][0]["name"] == "Bea"
    assert (answer["nobody"], answer["calibrated"], answer["question"]) == (None, False, None)
    assert answer["candidates"][0]["evidence"][0]["picture"]


def test_without_track_each_picture_has_its_own_answer(client, address, pictures) -> None:
    asked = [*pictures(0, 1, seed=5), *pictures(2, 1, seed=5)]
    response = client("query").post(f"{address}/ask/vectors", json={"vectors": rows(asked)})
    assert [one["candidates"][0]["name"] for one in response.json()["answers"]] == ["Ann", "Cleo"]


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp"])
def test_pictures_are_asked_about_as_files_and_as_base64(client, address, kind) -> None:
    content = picture(kind=kind)
    files = [("pictures", ("a name that must not matter", content))] * 2
    admin = client("admin")
    first = admin.post(f"{address}/ask", files=files, data={"track": "true", "top": "2"})
    text = base64.b64encode(content).decode()
    second = admin.post(
        f"{address}/ask/base64", json={"pictures": [text, text], "track": True, "top": 2}
    )
    assert first.status_code == 200, first.text
    assert first.json() == second.json()
    assert len(first.json()["answers"][0]["candidates"]) == 2


def test_enrolled_pictures_are_asked_for_and_shown_unstored(client, address, gallery) -> None:
    admin = client("admin")
    files = [("pictures", ("x", picture(seed))) for seed in range(3)]
    made = admin.post(f"{address}/enrol", files=files, data={"name": "Dora", "taken": "2026-05-01"})
    assert made.json() == {
        "added": 3,
        "already_present": 0,
        "assigned_to_other": 0,
        "rejected": 0,
        "suppressed": 0,
        "person": gallery.person("Dora").id,
        "created": True,
        "held_by": [],
        "policy_changed": False,
        "earlier_day_kept": False,
    }
    other = admin.post(f"{address}/enrol", files=files, data={"name": "Eve"}).json()
    assert (other["assigned_to_other"], other["held_by"]) == (3, [gallery.person("Dora").id])
    answer = admin.post(f"{address}/ask", files=files[:1]).json()["answers"][0]
    assert answer["candidates"][0]["name"] == "Dora"
    key = answer["candidates"][0]["evidence"][0]["picture"]
    shown = admin.get(f"{address}/pictures/{key}")
    assert shown.headers["content-type"] == "image/jpeg"
    assert shown.headers["cache-control"] == "no-store"
    assert shown.content.startswith(b"\xff\xd8")
    error(client("query").get(f"{address}/pictures/{key}"), 403)


def test_a_kept_question_has_pixels_only_where_the_gallery_keeps_pictures(
    client, address, gallery
) -> None:
    one = client("query", "read")
    for keeps in (True, False):
        gallery.set("me", keep_pictures=keeps)
        files = [("pictures", ("a.jpg", picture(20 + keeps)))]
        said = one.post(f"{address}/ask", files=files, data={"keep": "true"}).json()["answers"][0]
        (kept,) = one.get(f"{address}/questions/{said['question']}").json()["pictures"]
        assert kept["shown"] is keeps


def test_a_repeat_with_the_same_key_changes_nothing_and_another_request_is_refused(
    client, address, gallery, pictures
) -> None:
    admin = client("correct")
    body = {"name": "Dora", "vectors": rows(pictures(7, 3))}
    key = {"Idempotency-Key": "a-random-key"}
    first = admin.post(f"{address}/enrol/vectors", json=body, headers=key)
    events = gallery.database
    with events.read() as cursor:
        before = cursor.one("SELECT COUNT(*) FROM event")
    again = admin.post(f"{address}/enrol/vectors", json=body, headers=key)
    with events.read() as cursor:
        assert cursor.one("SELECT COUNT(*) FROM event") == before
        kept = cursor.rows("SELECT * FROM once")
    assert first.json() == again.json()
    assert first.json()["added"] == 3
    assert "Dora" not in json.dumps(kept)
    other = {**body, "name": "Eve"}
    assert error(admin.post(f"{address}/enrol/vectors", json=other, headers=key), 422)["where"] == (
        "header Idempotency-Key"
    )
    mine = client("correct").post(f"{address}/enrol/vectors", json=other, headers=key)
    assert mine.json()["assigned_to_other"] == 3  # another caller's keys are others
    plain = admin.post(f"{address}/enrol/vectors", json=body).json()
    assert (plain["added"], plain["already_present"]) == (0, 3)


def test_a_request_that_failed_may_be_sent_again_with_its_key(client, address, gallery) -> None:
    admin, key = client("correct"), {"Idempotency-Key": "a-random-key"}
    bad = {"name": " ", "vectors": [[1.0] + [0.0] * (gallery.settings.width - 1)]}
    error(admin.post(f"{address}/enrol/vectors", json=bad, headers=key), 422)
    error(admin.post(f"{address}/enrol/vectors", json=bad, headers=key), 422)
    good = {**bad, "name": "Dora"}
    assert admin.post(f"{address}/enrol/vectors", json=good, headers=key).json()["added"] == 1


def test_pages_lose_nobody_when_rows_before_them_change(client, address, gallery, pictures) -> None:
    admin = client("admin")

    def page(what: str, after: str | None) -> dict:
        asked = {"most": 2} if after is None else {"most": 2, "after": after}
        return admin.get(f"{address}/{what}", params=asked).json()

    enrol_pictures(gallery, {"Dora": pictures(7), "Eve": pictures(8)}, actor="me")
    first = page("persons", None)
    rename(gallery, "Bea", "Zoe", actor="me")  # the last one of the page
    forget(gallery, "Ann", actor="me")
    second = page("persons", first["next"])
    third = page("persons", second["next"])
    seen = [one["name"] for one in second["persons"] + third["persons"]]
    assert (seen, third["next"]) == (["Cleo", "Dora", "Eve", "Zoe"], None)

    own = f"persons/{gallery.person('Cleo').id}/pictures"
    first = page(own, None)
    remove_pictures(gallery, [one["id"] for one in first["pictures"]], actor="me")
    second = page(own, first["next"])
    assert [one["taken"] for one in second["pictures"]] == ["2026-01-03", "2026-01-04"]
    assert (second["all"], second["next"]) == (2, None)

    asked = [
        ask_ready(gallery, pictures(at, 1, seed=9), actor="me", keep=True).question
        for at in range(20, 24)
    ]
    first = page("questions", None)
    for one in first["questions"]:
        mark_unknown(gallery, one["question"], actor="me")
    second = page("questions", first["next"])
    assert second["next"] is None
    seen = [one["question"] for one in first["questions"] + second["questions"]]
    assert sorted(seen) == sorted(asked)
    skip(gallery, seen[-1], actor="me")
    assert [one["state"] for one in page("questions", None)["questions"]] == ["open", "skipped"]


def test_facts_of_several_lines_and_days_of_no_calendar_are_refused(
    client, address, gallery, pictures
) -> None:
    corrects = client("correct", "query")
    vectors = rows(pictures(7, 1))
    for facts in (
        {"camera": "\x1b]0;owned\x07\x1b[2J"},
        {"game": "a\nPlayer 999"},
        {"taken": "2026-99-99"},
    ):
        body = {"name": "Dora", "vectors": vectors, "facts": facts}
        error(corrects.post(f"{address}/enrol/vectors", json=body), 422)
    for more in ({"expires": "2026-02-30"}, {"basis": "a\x07"}, {"name": "D\x1bora"}):
        body = {"name": "Dora", "vectors": vectors, **more}
        error(corrects.post(f"{address}/enrol/vectors", json=body), 422)
    body = {"vectors": vectors, "where": {"since": "2026-99-99"}}
    error(corrects.post(f"{address}/ask/vectors", json=body), 422)
    assert len(gallery.persons()) == 3


def test_some_pictures_of_a_question_can_be_removed(client, address, gallery, pictures) -> None:
    asked = ask_ready(gallery, pictures(7, 3), actor="me", keep=True).question
    admin = client("admin")
    shown = admin.get(f"{address}/questions/{asked}").json()
    remove_pictures(gallery, [shown["pictures"][0]["id"]], actor="me")
    stale = {"If-Match": f'"{shown["revision"]}"'}
    error(admin.post(f"{address}/questions/{asked}/nobody", headers=stale), 409)
    now = admin.get(f"{address}/questions/{asked}").json()
    assert [one["id"] for one in now["pictures"]] == [one["id"] for one in shown["pictures"][1:]]
    assert admin.post(f"{address}/events/{now['revision']}/undo").status_code == 200
    again = admin.get(f"{address}/questions/{asked}").json()
    assert again["pictures"] == shown["pictures"]
    assert again["revision"] > now["revision"]


def test_persons_come_by_name_a_page_at_a_time(client, address, gallery) -> None:
    reader = client("read")
    first = reader.get(f"{address}/persons", params={"most": 2}).json()
    second = reader.get(f"{address}/persons", params={"most": 2, "after": first["next"]}).json()
    assert [one["name"] for one in first["persons"] + second["persons"]] == ["Ann", "Bea", "Cleo"]
    assert second["next"] is None
    found = reader.post(f"{address}/persons/find", json={"name": "Bea"}).json()
    one = reader.get(f"{address}/persons/{found['id']}")
    assert one.headers["etag"] == f'"{found["revision"]}"'
    shown = reader.get(f"{address}/persons/{found['id']}/pictures", params={"most": 3}).json()
    assert (len(shown["pictures"]), shown["all"]) == (3, 4)
    assert shown["pictures"][0]["taken"] == "2026-01-01"
    assert (first["next"] + shown["next"]).isascii()
    assert "QmVh" not in first["next"]  # "Bea": names stand in no address
    for wrong in (shown["next"], first["next"][:-2], "x", found["id"]):
        said = reader.get(f"{address}/persons", params={"after": wrong})
        assert "next of" in error(said, 422)["detail"]
    error(reader.get(f"{address}/persons/{'0' * 16}"), 404)
    error(reader.get(f"{address}/persons/Bea"), 422)


def test_looks_and_answers_are_events_by_the_tokens_id(client, address, gallery, pictures) -> None:
    admin = client("admin")
    person = gallery.person("Ann").id
    for _ in range(3):
        admin.get(f"{address}/persons/{person}")
    found = admin.get(f"{address}/persons/{person}/events").json()["events"]
    assert [one["kind"] for one in found] == ["look", "enrol"]
    client("read").get(f"{address}/persons/{person}")
    found = admin.get(f"{address}/persons/{person}/events").json()["events"]
    assert [one["kind"] for one in found] == ["look", "look", "enrol"]
    assert found[0]["actor"].startswith("token ")
    assert "Ann" not in json.dumps(admin.get(f"{address}/events").json())


@pytest.mark.parametrize("scope", ["read", "query", "correct"])
def test_a_token_may_do_what_its_scopes_say(client, address, pictures, scope) -> None:
    one = client(scope)
    enrolled = {"name": "Dora", "vectors": rows(pictures(7, 1))}
    statuses = {
        "read": one.get(f"{address}/persons").status_code,
        "query": one.post(
            f"{address}/ask/vectors", json={"vectors": rows(pictures(1, 1))}
        ).status_code,
        "correct": one.post(f"{address}/enrol/vectors", json=enrolled).status_code,
    }
    assert statuses == {name: 200 if name == scope else 403 for name in statuses}


def test_revoked_expired_and_foreign_tokens_are_refused(client, address, gallery) -> None:
    one = client("admin")
    assert one.get(address).status_code == 200
    text = one.headers["Authorization"].split()[1]
    revoke_token(gallery, text)
    error(one.get(address), 401)
    late = make_token(gallery, "late", ["read"], "2999-01-01")
    with gallery.database.write() as cursor:
        cursor.run(
            "UPDATE token SET expires = '2020-01-01T00:00:00+00:00' WHERE id = ?",
            late.split(".")[0],
        )
    for wrong in (late, text.split(".")[0], text[:-1], f"{text}x", ".", "", "a b"):
        one.headers["Authorization"] = f"Bearer {wrong}"
        error(one.get(address), 401)
    one.headers["Authorization"] = "Basic YTpi"
    error(one.get(address), 401)


def test_another_gallery_is_not_there_for_a_token_of_one(gallery, encoder, tmp_path, app) -> None:
    other = create_gallery(tmp_path / "secret club", encoder, purpose="hidden")
    from starlette.testclient import TestClient

    both = TestClient(create_app({"club": gallery, "secret": other}))
    both.headers["Authorization"] = f"Bearer {make_token(gallery, 'x', ['admin'])}"
    listed = both.get("/v1/galleries")
    assert [one["id"] for one in listed.json()] == [gallery.settings.id]
    hidden = both.get(f"/v1/galleries/{other.settings.id}")
    nothing = both.get(f"/v1/galleries/{'0' * 16}")
    assert error(hidden, 404) == error(nothing, 404)
    assert "secret" not in listed.text + hidden.text


def test_errors_name_no_folder(client, address, gallery) -> None:
    content = [1.0] * gallery.settings.width
    said = error(client("query").post(f"{address}/ask/vectors", json={"vectors": [content]}), 422)
    assert "unit rows" in said["detail"]
    admin = client("admin")
    key = gallery.pictures(gallery.person("Ann").id)[0].id
    gallery.files.path(key).unlink()
    gone = admin.get(f"{address}/pictures/{key}")
    assert str(gallery.folder) not in error(gone, 404)["detail"]


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 415, "file type"),
        (b"GIF89a" + b"\0" * 50, 415, "file type"),
        (b"\xff\xd8\xff" + b"\0" * 50, 422, "damaged"),
        (picture(kind=".bmp"), 415, "file type"),
        (picture(high=3), 422, "small"),
        (picture()[:300], 422, "damaged"),
    ],
    ids=["empty", "gif", "no jpeg", "bmp", "tiny", "cut short"],
)
def test_what_is_no_picture_is_refused(client, address, content, status, words) -> None:
    files = [("pictures", ("a", picture())), ("pictures", ("b", content))]
    said = error(client("query").post(f"{address}/ask", files=files), status)
    assert words in said["detail"]
    assert said["where"] == "pictures.1"


def test_too_many_pictures_vectors_or_bytes_are_refused(client, address, gallery) -> None:
    one = client("query")
    row = [1.0] + [0.0] * (gallery.settings.width - 1)
    error(one.post(f"{address}/ask/vectors", json={"vectors": [row] * 65}), 422)
    error(one.post(f"{address}/ask/vectors", json={"vectors": []}), 422)
    error(one.post(f"{address}/ask/vectors", json={"vectors": [row[:-1]]}), 422)
    files = [("pictures", ("a", picture()))] * 65
    error(one.post(f"{address}/ask", files=files), 422)
    one.headers["Content-Type"] = "application/json"
    error(one.post(f"{address}/ask/vectors", content=b" " * 2_000_001), 413)

    def chunks():
        for _ in range(60):
            yield b" " * 1_000_000

    said = error(one.post(f"{address}/ask/vectors", content=chunks()), 413)
    assert said["expected"] == "at most 2,000,000 bytes"
    error(one.post(f"{address}/ask/base64", content=b" " * 2_000_001), 400)
    said = error(one.post(f"{address}/ask/base64", content=chunks()), 413)
    assert said["expected"] == "at most 8,000,000 bytes"


def test_another_kind_of_body_is_refused(client, address) -> None:
    one = client("query")
    error(
        one.post(f"{address}/ask/vectors", content="a=b", headers={"content-type": "text/x"}), 415
    )
    error(one.post(f"{address}/ask", json={}), 415)
    head = {"content-type": "application/json"}
    error(one.post(f"{address}/ask/vectors", content="{", headers=head), 400)
    error(one.post(f"{address}/ask/vectors", content="[" * 100_000, headers=head), 400)
    error(one.post(f"{address}/ask/vectors", json={"vectors": [[1.0]], "other": 1}), 422)
    error(one.get(f"{address}/nothing"), 404)
    error(one.delete(f"{address}/ask"), 405)


def test_whoever_comes_too_often_has_to_wait(gallery, address) -> None:
    from starlette.testclient import TestClient

    app = create_app({"club": gallery}, limits=Limits(rate=0.5, burst=3, failures=2))
    one = TestClient(app)
    one.headers["Authorization"] = f"Bearer {make_token(gallery, 'x', ['read'])}"
    assert [one.get(address).status_code for _ in range(3)] == [200] * 3
    refused = one.get(address)
    error(refused, 429)
    assert refused.headers["retry-after"] == "2"
    other = TestClient(app)
    other.headers["Authorization"] = f"Bearer {make_token(gallery, 'y', ['read'])}"
    assert other.get(address).status_code == 200
    other.headers["Authorization"] = "Bearer wrong"
    assert [other.get(address).status_code for _ in range(3)] == [401, 401, 429]


def test_health_and_metrics_tell_no_ids(client, address, gallery) -> None:
    one = client("read")
    one.get(f"{address}/persons/{gallery.person('Ann').id}")
    assert client().get("/healthz").text == client().get("/readyz").text == "ok\n"
    text = client().get("/metrics").text
    assert (
        'sameplayer_requests_total{method="GET",route='
        '"/v1/galleries/{gallery}/persons/{person}",status="200"} 1'
    ) in text
    assert gallery.settings.id not in text
    assert gallery.person("Ann").id not in text
