"""What is kept of a person is written whole, about nobody else, and the copy is remembered."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.gallery.export import export_person
from sameplayer.gallery.forget import forget

sqlite_alone = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def test_the_file_holds_all_of_the_person_and_nobody_else(gallery, pictures, tmp_path) -> None:
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
    with pytest.raises(SettingError, match="ends with"):
        export_person(gallery, "Ann", tmp_path / "copy.tar", actor="me")
    with pytest.raises(MissingFile):
        export_person(gallery, "Zoe", tmp_path / "copy.zip", actor="me")


def test_a_picture_that_is_gone_leaves_no_half_file(gallery, tmp_path: Path) -> None:
    gallery.files.path(gallery.pictures(gallery.person("Ann").id)[2].id).unlink()
    with pytest.raises(MissingFile, match="cannot be read"):
        export_person(gallery, "Ann", tmp_path / "copy.zip", actor="me")
    assert not list(tmp_path.glob("copy*"))
    assert not forget(gallery, "Ann", actor="me").copies
