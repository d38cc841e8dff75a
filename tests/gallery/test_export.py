"""What is kept of a person is written whole, about nobody else, and the copy is remembered."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from sameplayer.errors import DataError, MissingFile
from sameplayer.gallery.people.corrections import confirm, merge, remove_pictures, rename, split
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.privacy.subject_export import export_person, zipped_person
from sameplayer.gallery.search.asking import ask_ready

sqlite_alone = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def test_the_file_holds_all_of_the_person_and_nobody_else(
    gallery, pictures, encoder, tmp_path
) -> None:
    ann, bea = gallery.person("Ann"), gallery.person("Bea")
    export_person(gallery, "Ann", tmp_path / "copy.zip", actor="me")
    with zipfile.ZipFile(tmp_path / "copy.zip") as file:
        kept = {one.id for one in gallery.pictures(ann.id)}
        assert {name for name in file.namelist() if name.startswith("pictures/")} == {
            f"pictures/{key}.jpg" for key in kept
        }
        facts = json.loads(file.read("person.json"))
        vectors = load(file.read("vectors.safetensors"))
        assert b"test" in file.read("README.txt")
    assert facts["person"]["name"] == "Ann"
    assert [one["kind"] for one in facts["events"]] == ["enrol"]
    assert len(facts["events"][0]["changed"]) >= 5
    assert vectors.pop(ann.id).shape == (encoder.row_width,)
    assert set(vectors) == kept
    rows = np.stack([one.vector for one in pictures(0)])
    assert np.allclose(np.sort(np.stack(list(vectors.values())), 0), np.sort(rows, 0))
    others = {bea.id, "Bea", "Cleo", *(one.id for one in gallery.pictures(bea.id))}
    assert not any(word in json.dumps(facts) for word in others)


def test_the_receipt_of_forgetting_lists_the_copies(gallery, tmp_path: Path) -> None:
    event = export_person(gallery, "Ann", tmp_path / "copy.zip", actor="me")
    assert (event.kind, event.subjects) == ("export", (gallery.person("Ann").id,))
    export_person(gallery, "Bea", tmp_path / "other.zip", actor="me")
    receipt = forget(gallery, "Ann", actor="me")
    assert len(receipt.copies) == 1
    assert f"event {event.seq}, " in receipt.copies[0]
    assert str(tmp_path / "copy.zip") in receipt.copies[0]
    assert "copy.zip" in str(receipt)


def test_a_name_does_not_become_a_file_name(gallery, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Choose one without the person's name"):
        export_person(gallery, "Ann", tmp_path / "ann.zip", actor="me")
    with pytest.raises(DataError, match="ends with"):
        export_person(gallery, "Ann", tmp_path / "copy.tar", actor="me")
    with pytest.raises(MissingFile):
        export_person(gallery, "Zoe", tmp_path / "copy.zip", actor="me")


def test_a_picture_that_is_gone_leaves_no_half_file(gallery, tmp_path: Path) -> None:
    gallery.files.path(gallery.pictures(gallery.person("Ann").id)[2].id).unlink()
    with pytest.raises(MissingFile, match="cannot be read"):
        export_person(gallery, "Ann", tmp_path / "copy.zip", actor="me")
    assert not list(tmp_path.glob("copy*"))
    assert not forget(gallery, "Ann", actor="me").copies


def test_all_that_forgetting_would_delete_is_in_the_file(gallery, pictures, tmp_path) -> None:
    """Removed pictures, whoever was merged in, names of before, questions; and no other person."""
    enrol_pictures(gallery, {"Dora": pictures(7), "Dorothea": pictures(8)}, actor="me")
    dora, other = gallery.person("Dora").id, gallery.person("Dorothea").id
    removed = [one.id for one in gallery.pictures(dora)[:2]]
    remove_pictures(gallery, removed, actor="me")
    question = ask_ready(gallery, pictures(7, 2, seed=4), actor="me", keep=True).question
    confirm(gallery, question, "Dora", actor="me")
    merge(gallery, "Dora", "Dorothea", actor="me")
    rename(gallery, "Dora", "Theodora", actor="me")
    moved = [one.id for one in gallery.pictures(gallery.person("Ann").id)[:1]]
    split(gallery, "Ann", moved, "Anton", actor="me")
    merge(gallery, "Theodora", "Anton", actor="me")
    path = tmp_path / "copy.zip"
    export_person(gallery, "Theodora", path, actor="me")
    with zipfile.ZipFile(path) as file:
        facts = json.loads(file.read("person.json"))
        files = {name[9:-4] for name in file.namelist() if name.startswith("pictures/")}
        vectors = load(file.read("vectors.safetensors"))
    states = {one["id"]: one["state"] for one in facts["pictures"]}
    assert len(states) == 4 + 4 + 2 + 1
    assert {key for key, state in states.items() if state == "removed"} == set(removed)
    assert files == set(states) == set(vectors) - {dora, other}
    assert {one["name"] for one in facts["names"]} == {"Dora", "Theodora", "Dorothea", "Anton"}
    assert {one["name"] for one in facts["person"]["merged"]} == {"Dorothea", "Anton"}
    assert [one["id"] for one in facts["questions"]] == [question]
    kinds = [one["kind"] for one in facts["events"]]
    assert {"enrol", "remove", "confirm", "merge", "rename", "split"} <= set(kinds)
    others = {gallery.person(name).id for name in ("Ann", "Bea", "Cleo")} | {"Bea", "Cleo", '"Ann"'}
    assert not [word for word in others if word in json.dumps(facts)]
    assert forget(gallery, "Theodora", actor="me").pictures == len(states)


def test_an_export_lies_in_no_file_before_the_record_says_so(
    gallery, tmp_path: Path, monkeypatch
) -> None:
    """However large it is: a program that is killed leaves nothing of it."""
    monkeypatch.setattr("sameplayer.gallery.privacy.subject_export.SPOOLED", 100)
    before = set(tmp_path.rglob("*"))
    with zipped_person(gallery, "Ann") as zipped:
        assert set(tmp_path.rglob("*")) == before
        event = zipped.note("given.zip", "me")
        assert zipfile.ZipFile(zipped.file).testzip() is None
    assert event.detail["copies"] == ["given.zip"]


def test_a_copy_that_cannot_be_written_is_no_copy(gallery, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="cannot be written"):
        export_person(gallery, "Ann", tmp_path / "file" / "copy.zip", actor="me")
    assert not forget(gallery, "Ann", actor="me").copies
