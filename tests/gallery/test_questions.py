"""Pictures of an unknown player wait for a person's word, each once."""

from __future__ import annotations

from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.search.asking import ask_ready
from tests.fixtures import Pictures


def test_a_question_keeps_its_pictures_once(gallery: Gallery, pictures: Pictures) -> None:
    unknown = pictures(9, 3)
    first = ask_ready(gallery, unknown, actor="me", keep=True)
    assert first.question is not None
    with gallery.database.read() as cursor:
        sql = "SELECT COUNT(*) FROM picture WHERE question = ?"
        assert cursor.one(sql, first.question) == (3,)
    assert ask_ready(gallery, unknown[:2], actor="me", keep=True).question == first.question
    assert gallery.index.means().pictures.tolist() == [4, 4, 4]


def test_pictures_of_a_known_person_are_no_question(gallery: Gallery, pictures: Pictures) -> None:
    assert ask_ready(gallery, pictures(0), actor="me", keep=True).question is None
