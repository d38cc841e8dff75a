"""A gallery keeps persons and answers; what is damaged, foreign or another's is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.errors import DataError, MissingFile, RankingError, SettingError
from sameplayer.gallery.core.records import PictureFilter
from sameplayer.gallery.gallery import Gallery, create_gallery, open_gallery
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.search.asking import ask_vectors, reordered
from sameplayer.ranking.rerank.reranking import k_reciprocal


def _rows(pictures) -> np.ndarray:
    return np.stack([one.vector for one in pictures])


def test_an_answer_names_the_person_and_the_pictures_it_rests_on(gallery, pictures) -> None:
    answer = ask_vectors(gallery, _rows(pictures(1, 2, seed=9)), actor="me")
    assert answer.candidates[0].name == "Bea"
    assert answer.candidates[0].similarity > 0.8 > answer.candidates[1].similarity
    assert answer.candidates[0].probability is None
    assert answer.nobody is None
    assert answer.persons == 3
    own = {one.id for one in gallery.pictures(gallery.person("Bea").id)}
    assert {one.picture for one in answer.candidates[0].evidence} <= own
    assert len(answer.candidates[0].evidence) == 3


def test_enrolling_again_adds_nothing_and_a_picture_of_another_stays_there(
    gallery, pictures
) -> None:
    again = enrol_pictures(gallery, {"Ann": pictures(0), "Dora": pictures(1)}, actor="me")
    assert (again.added, again.already_present, again.assigned_to_other) == (0, 4, 4)
    assert [one.name for one in gallery.persons()] == ["Ann", "Bea", "Cleo"]


def test_another_process_sees_what_was_added(gallery, pictures, encoder: Encoder) -> None:
    with open_gallery(gallery.folder, encoder) as other:
        assert ask_vectors(other, _rows(pictures(7)), actor="me").persons == 3
        enrol_pictures(gallery, {"Dora": pictures(7)}, actor="me")
        answer = ask_vectors(other, _rows(pictures(7)), actor="me")
        assert (answer.persons, answer.candidates[0].name) == (4, "Dora")


def test_a_filter_counts_only_some_pictures(gallery, pictures) -> None:
    answer = ask_vectors(
        gallery, _rows(pictures(1)), actor="me", where=PictureFilter(until="2026-01-02")
    )
    assert answer.candidates[0].pictures == 2
    assert {one.taken for one in answer.candidates[0].evidence} == {"2026-01-01", "2026-01-02"}
    nobody = ask_vectors(gallery, _rows(pictures(1)), actor="me", where=PictureFilter(game="none"))
    assert (nobody.candidates, nobody.persons) == ((), 0)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_dates_are_compared_as_dates(gallery, pictures) -> None:
    taken = ("2026-03-01", "2026-03-01T10:30", "2026-03-01T12:30:00+02:00", "2026-03-02")
    rows = [replace(one, taken=day) for one, day in zip(pictures(7), taken, strict=True)]
    made = enrol_pictures(gallery, {"Dora": rows}, actor="me")
    with gallery.database.write() as cursor:  # as galleries took them once
        cursor.run("UPDATE picture SET taken = '31.12.2019' WHERE taken = '2026-03-02'")

    def counted(**where: str) -> int:
        found = ask_vectors(gallery, _rows(rows), actor="me", where=PictureFilter(**where))
        return next((one.pictures for one in found.candidates if one.name == "Dora"), 0)

    assert (made.added, counted()) == (4, 4)
    assert counted(since="2026-01-31") == 3
    assert counted(until="2025-12-31") == 0
    assert counted(since="2026-03-01T11:00") == 1  # known by the day alone
    assert counted(until="2026-03-01T10:30") == 3
    for day in ("2026-99-99", "31.01.2026", "yesterday"):
        for name in ("since", "until"):
            with pytest.raises(SettingError, match="a day such as"):
                PictureFilter(**{name: day})
        with pytest.raises(SettingError, match="a day such as"):
            replace(rows[0], taken=day)


def test_another_encoder_is_refused(gallery) -> None:
    with pytest.raises(RankingError, match="made with encoder"):
        open_gallery(gallery.folder, load_encoder("colour").with_views(mirror=True))
    with pytest.raises(RankingError, match="rows of 864"):
        ask_vectors(gallery, np.ones((1, 5), np.float32), actor="me")


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_what_is_no_gallery_is_refused(gallery: Gallery, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no such folder"):
        open_gallery(tmp_path / "none")
    with pytest.raises(DataError, match="already holds files"):
        create_gallery(gallery.folder, "colour", purpose="test")
    with pytest.raises(SettingError, match="purpose"):
        create_gallery(tmp_path / "new", "colour", purpose=" ")
    gallery.close()
    (gallery.folder / "gallery.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(DataError, match="no SQLite file"):
        open_gallery(gallery.folder)


def test_reranking_orders_the_pictures_and_leaves_the_candidates(gallery, pictures) -> None:
    asked = _rows(pictures(1, 2, seed=9))
    answer = ask_vectors(gallery, asked, actor="me")
    again = reordered(gallery, answer, asked, most=4)
    query = asked.mean(axis=0) / np.linalg.norm(asked.mean(axis=0))
    kept = [one for who in answer.candidates for one in gallery.pictures(who.person)]
    with gallery.database.read() as cursor:
        sql = "SELECT data FROM vector WHERE picture = ?"
        data = [cursor.one(sql, one.id)[0] for one in kept]
    vectors = np.stack([np.frombuffer(one, np.float32) for one in data])
    distance = dict(
        zip([one.id for one in kept], k_reciprocal(query[None], vectors)[0], strict=True)
    )
    for old, new in zip(answer.candidates, again.candidates, strict=True):
        assert replace(new, evidence=()) == replace(old, evidence=())
        shown = [distance[one.picture] for one in new.evidence]
        assert len(shown) == 4
        assert all(np.diff(shown) > -1e-5)
        assert {one.picture for one in old.evidence} <= {one.picture for one in new.evidence}
    prepared = gallery.index.prepared(vectors)
    assert gallery.index.prepared(vectors.copy()) is prepared
    gallery.index.evict_deleted()
    assert gallery.index.prepared(vectors) is not prepared


def test_settings_of_two_programs_are_both_kept(gallery: Gallery, encoder: Encoder) -> None:
    with open_gallery(gallery.folder, encoder) as other:
        other.set("me", known=0.9)
    assert gallery.set("me", purpose="another").known == 0.9
