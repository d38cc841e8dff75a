"""Corrections over the API: each names the revision that was seen, and can be undone."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import subprocess
import sys
import weakref
import zipfile
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from sameplayer.errors import MissingFile
from sameplayer.gallery.review import queue as review
from sameplayer.gallery.search.asking import ask_ready
from tests.gallery.test_outside import watched
from tests.serve.test_api import error

OTHER = """import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute("SELECT name FROM person ORDER BY name"):
    print(row[0])"""


@pytest.fixture
def question(gallery, pictures) -> str:
    """Pictures of Bea that wait for a word."""
    found = ask_ready(gallery, pictures(1, 2, seed=5), actor="me", keep=True).question
    assert found is not None
    return found


def seen(revision: int) -> dict[str, str]:
    return {"If-Match": f'"{revision}"'}


def test_the_queue_is_answered_by_revision_and_a_second_word_is_refused(
    client, address, gallery, question
) -> None:
    one = client("read", "correct")
    listed = one.get(f"{address}/questions").json()
    (item,) = listed["questions"]
    assert sum(listed["counts"].values()) == 1
    assert item["question"] == question
    assert item["answer"]["candidates"][0]["name"] == "Bea"
    there = f"{address}/questions/{question}"
    body = {"person": gallery.person("Bea").id}
    error(one.post(f"{there}/confirm", json=body), 428)
    error(one.post(f"{there}/confirm", json=body, headers=seen(item["revision"] - 1)), 409)
    assert gallery.person("Bea").pictures == 4
    done = one.post(f"{there}/confirm", json=body, headers=seen(item["revision"]))
    assert done.json()["kind"] == "confirm"
    assert gallery.person("Bea").pictures == 6
    error(one.post(f"{there}/nobody", headers=seen(item["revision"])), 409)
    assert one.get(there).json()["state"] == "answered"
    undone = one.post(f"{address}/events/{done.json()['seq']}/undo")
    assert undone.json()["kind"] == "undo"
    assert gallery.person("Bea").pictures == 4


@pytest.mark.parametrize(
    ("word", "body", "state"),
    [
        ("nobody", None, "nobody"),
        ("skip", None, "skipped"),
        ("confirm-new", "name", "answered"),
        ("reject", "person", "open"),
    ],
)
def test_every_word_does_what_it_says(client, address, gallery, question, word, body, state):
    one = client("read", "correct")
    revision = one.get(f"{address}/questions/{question}").json()["revision"]
    sent = {"name": {"name": "Dora"}, "person": {"person": gallery.person("Bea").id}}.get(body)
    response = one.post(
        f"{address}/questions/{question}/{word}",
        headers=seen(revision),
        **({} if sent is None else {"json": sent}),
    )
    assert response.status_code == 200, response.text
    now = one.get(f"{address}/questions/{question}").json()
    assert now["state"] == state
    if word == "reject":
        assert "Bea" not in [one["name"] for one in now["answer"]["candidates"]]
    if word == "confirm-new":
        assert gallery.person("Dora").pictures == 2


def test_persons_are_renamed_restricted_split_and_merged(client, address, gallery) -> None:
    one = client("read", "correct")
    ann, bea = gallery.person("Ann"), gallery.person("Bea")
    there = f"{address}/persons/{ann.id}"
    renamed = one.post(f"{there}/rename", json={"name": "Anna"}, headers=seen(ann.revision)).json()
    error(one.post(f"{there}/rename", json={"name": "Anne"}, headers=seen(ann.revision)), 409)
    error(one.post(f"{there}/rename", json={"name": "Bea"}, headers=seen(renamed["seq"])), 422)
    moved = [kept.id for kept in gallery.pictures(ann.id)[:2]]
    made = one.post(
        f"{there}/split", json={"pictures": moved, "name": "Dora"}, headers=seen(renamed["seq"])
    ).json()
    assert (made["name"], made["pictures"]) == ("Dora", 2)
    body = {"other": bea.id, "expected_other": bea.revision - 1}
    revision = gallery.person("Anna").revision
    error(one.post(f"{there}/merge", json=body, headers=seen(revision)), 409)
    body["expected_other"] = bea.revision
    merged = one.post(f"{there}/merge", json=body, headers=seen(revision)).json()
    assert gallery.person("Bea").id == ann.id
    assert one.get(f"{address}/persons/{bea.id}").json()["id"] == ann.id
    one.post(f"{address}/events/{merged['seq']}/undo")
    assert gallery.person("Bea").pictures == 4
    revision = gallery.person("Bea").revision
    one.post(f"{address}/persons/{bea.id}/restrict", json={"on": True}, headers=seen(revision))
    assert gallery.person("Bea").state == "restricted"


def test_a_person_is_exported_and_forgotten_by_an_admin_alone(
    client, address, gallery, pictures
) -> None:
    bea = gallery.person("Bea")
    there = f"{address}/persons/{bea.id}"
    error(client("read", "query", "correct").post(f"{there}/export"), 403)
    admin = client("admin")
    with watched() as opened:
        zipped = zipfile.ZipFile(io.BytesIO(admin.post(f"{there}/export").content))
    assert not [path for path in opened if ".zip" in path]
    assert zipped.testzip() is None
    assert any(name.endswith(".json") for name in zipped.namelist())
    revision = gallery.person("Bea").revision
    error(admin.post(f"{there}/forget", json={}, headers=seen(revision - 1)), 409)
    receipt = admin.post(f"{there}/forget", json={"reason": "asked"}, headers=seen(revision)).json()
    assert (receipt["pictures"], receipt["bytes_found"]) == (4, 0)
    assert "downloaded-by-token" in receipt["copies"][0]
    with pytest.raises(MissingFile):
        gallery.person("Bea")
    error(admin.get(there), 404)
    rows = [pictures(1, 1)[0].vector.tolist()]
    again = admin.post(f"{address}/ask/vectors", json={"vectors": rows})
    assert "Bea" not in again.text
    assert "Bea" not in json.dumps(admin.get(f"{address}/events").json())


def test_what_was_done_meanwhile_is_refused_with_409(client, address, gallery, question) -> None:
    one = client("read", "correct")
    ann, bea = gallery.person("Ann"), gallery.person("Bea")
    there = f"{address}/persons/{ann.id}"
    merge = {"other": bea.id, "expected_other": bea.revision}
    done = [one.post(f"{there}/merge", json=merge, headers=seen(ann.revision)) for _ in range(3)]
    assert [each.status_code for each in done] == [200, 409, 409]
    away = f"{address}/persons/{bea.id}"
    for path, body in (
        ("rename", {"name": "Bo"}),
        ("restrict", {"on": True}),
        ("split", {"pictures": ["0" * 32], "name": "Bo"}),
    ):
        error(one.post(f"{away}/{path}", json=body, headers=seen(bea.revision)), 409)
    undo = f"{address}/events/{done[0].json()['seq']}/undo"
    assert [one.post(undo).status_code for _ in range(3)] == [200, 409, 409]


def test_a_star_stands_for_any_revision(client, address, gallery, question) -> None:
    one, star = client("read", "correct"), {"If-Match": "*"}
    ann, bea = gallery.person("Ann"), gallery.person("Bea")
    assert one.post(f"{address}/questions/{question}/skip", headers=star).status_code == 200
    there = f"{address}/persons/{ann.id}"
    assert one.post(f"{there}/rename", json={"name": "Anna"}, headers=star).status_code == 200
    merge = {"other": bea.id, "expected_other": bea.revision - 1}
    error(one.post(f"{there}/merge", json=merge, headers=star), 409)
    merge["expected_other"] = bea.revision
    assert one.post(f"{there}/merge", json=merge, headers=star).status_code == 200
    cleo = gallery.person("Cleo").id
    forgotten = client("admin").post(f"{address}/persons/{cleo}/forget", json={}, headers=star)
    assert forgotten.status_code == 200


def test_a_question_left_for_later_is_listed_as_such(client, address, gallery, question) -> None:
    one = client("read", "correct")
    revision = one.get(f"{address}/questions/{question}").json()["revision"]
    one.post(f"{address}/questions/{question}/skip", headers=seen(revision))
    (listed,) = one.get(f"{address}/questions").json()["questions"]
    assert listed["state"] == one.get(f"{address}/questions/{question}").json()["state"]
    assert listed["state"] == "skipped"


def test_an_id_of_another_gallery_is_not_found(client, address, gallery) -> None:
    one, other = client("read", "correct"), "0123456789abcdef"
    for path, body in (("questions/{}/nobody", None), ("persons/{}/rename", {"name": "X"})):
        error(one.post(f"{address}/{path.format(other)}", json=body, headers=seen(1)), 404)
    error(one.post(f"{address}/events/999999/undo"), 404)


def test_what_is_enrolled_after_forgetting_stays_beside_other_programs(
    client, address, gallery, pictures
) -> None:
    """Another program that ends removes the log of a record that nobody else seems to use."""
    admin, bea = client("admin", "correct", "query"), gallery.person("Bea")
    there = f"{address}/persons/{bea.id}"
    assert admin.post(f"{there}/forget", json={}, headers=seen(bea.revision)).status_code == 200
    other = [sys.executable, "-c", OTHER, str(gallery.folder / "gallery.sqlite")]
    subprocess.run(other, check=True)
    rows = [one.vector.tolist() for one in pictures(7)]
    made = admin.post(f"{address}/enrol/vectors", json={"name": "Dora", "vectors": rows})
    assert made.json()["added"] == 4, made.text
    said = subprocess.run(other, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["Ann", "Cleo", "Dora"]


@pytest.fixture
def reader(gallery) -> Iterator[sqlite3.Connection]:
    """Another program that reads the record until it is closed."""
    gallery.database.patience = 0.05
    found = sqlite3.connect(gallery.folder / "gallery.sqlite")
    found.execute("BEGIN")
    found.execute("SELECT count(*) FROM person").fetchone()
    yield found
    found.close()


def test_a_stopped_forgetting_is_finished_by_the_same_request(
    client, address, gallery, reader
) -> None:
    bea, admin = gallery.person("Bea"), client("admin")
    there = f"{address}/persons/{bea.id}/forget"
    for _ in range(2):
        said = admin.post(there, json={}, headers=seen(bea.revision))
        assert "is deleted from the record" in str(error(said, 503))
        assert int(said.headers["Retry-After"]) > 0
    reader.close()
    done = admin.post(there, json={}, headers=seen(bea.revision))
    assert (done.status_code, done.json()["person"], done.json()["pictures"]) == (200, bea.id, 4)
    error(admin.post(there, json={}, headers=seen(bea.revision)), 404)


def test_a_stopped_forgetting_is_finished_on_its_page(app, gallery, reader) -> None:
    bea, page = gallery.person("Bea"), TestClient(app)
    there = f"/g/{gallery.settings.id}/forget/{bea.id}"
    page.post("/login", data={"token": "owner-of-the-tests"})
    word = re.search(r'name="csrf_token" value="([^"]+)"', page.get(there).text)[1]
    form = {"csrf_token": word, "name": "Bea", "revision": str(bea.revision)}
    stopped = page.post(there, data=form)
    assert (stopped.status_code, "Retry-After" in stopped.headers) == (503, True)
    for text in (stopped.text, page.get(there).text):
        assert "Not finished yet" in text
        assert "Finish it" in text
    reader.close()
    done = page.post(there, data={"csrf_token": word})
    assert (done.status_code, bea.id in done.text) == (200, True)
    assert page.get(there).status_code == 404


def test_after_forgetting_the_server_holds_no_answer_that_names_the_person(
    client, address, app, gallery, question
) -> None:
    admin, bea = client("admin", "read"), gallery.person("Bea")
    assert "Bea" in admin.get(f"{address}/questions").text
    held = weakref.ref(review._judged(gallery)[0])
    there = f"{address}/persons/{bea.id}/forget"
    assert admin.post(there, json={}, headers=seen(bea.revision)).status_code == 200
    assert held() is None
