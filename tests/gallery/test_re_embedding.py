"""A gallery embedded anew: whole, sealed, and the old one goes on meanwhile."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.errors import DataError
from sameplayer.gallery import re_embedding
from sameplayer.gallery.gallery import Gallery, create_gallery, open_gallery
from sameplayer.gallery.integrity.audit import verify
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.re_embedding import re_embed
from sameplayer.gallery.reverting.undo import history
from sameplayer.gallery.search.asking import ask_vectors


@pytest.fixture
def jpeg() -> bytes:
    drawn = np.random.default_rng(0).integers(0, 255, (8, 4, 3), np.uint8)
    return cv2.imencode(".jpg", drawn)[1].tobytes()


def test_others_ask_enrol_and_forget_while_pictures_are_embedded(
    tmp_path: Path,
    encoder: Encoder,
    pictures,
    store: str | None,
    jpeg: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(re_embedding, "BATCH", 3)
    old = create_gallery(tmp_path / "old", encoder, purpose="test", store=store)
    names = ("Ann", "Bea", "Gone")
    named = {name: pictures(at, content=jpeg) for at, name in enumerate(names)}
    enrol_pictures(old, named, actor="me")
    calls = []

    def beside() -> None:
        calls.append(0)
        with open_gallery(old.folder) as beside_it:
            if len(calls) == 1:
                enrol_pictures(beside_it, {"Dora": pictures(5, content=jpeg)}, actor="me")
                ask_vectors(beside_it, pictures(1)[0].vector[None], actor="asker")
            if len(calls) == 3:
                forget(beside_it, "Gone", actor="me")

    other = load_encoder("colour").with_views(mirror=True)
    embed = other.embed
    monkeypatch.setattr(other, "embed", lambda pictures: (beside(), embed(pictures))[1])
    try:
        assert re_embed(old, tmp_path / "new", other, actor="me", store=store) == 12
        with open_gallery(tmp_path / "new", other) as new:
            try:
                assert [one.name for one in new.persons()] == ["Ann", "Bea", "Dora"]
                assert [one.pictures for one in new.persons()] == [4, 4, 4]
                assert verify(new).wrong == ()
                assert "asker" in {one.actor for one in history(new)}
                assert not list(new.folder.glob("vectors*"))
                assert new.settings.id != old.settings.id
            finally:
                if store is not None:
                    new.database.drop()
        assert verify(old).wrong == ()
        assert history(old, most=1)[0].kind == "re-embed"
    finally:
        if store is not None:
            old.database.drop()
        old.close()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_what_was_changed_by_hand_is_found_in_the_new_gallery_too(
    tmp_path: Path, encoder: Encoder, pictures, store: str | None, jpeg: bytes
) -> None:
    with create_gallery(tmp_path / "old", encoder, purpose="test") as old:
        enrol_pictures(old, {"Ann": pictures(0, content=jpeg)}, actor="me")
        with old.database.write() as cursor:
            cursor.run("UPDATE person SET basis = 'none'")
        re_embed(old, tmp_path / "new", "colour", actor="me")
    with open_gallery(tmp_path / "new", encoder) as new:
        assert len(verify(new).wrong) == 1


def test_the_gallery_stays_as_it_is_when_nothing_can_be_embedded(
    gallery: Gallery, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"\.jpg: not a picture that can be decoded"):
        re_embed(gallery, tmp_path / "new", "colour", actor="me")
    assert not (tmp_path / "new").exists()
    assert history(gallery, most=1)[0].kind == "enrol"
