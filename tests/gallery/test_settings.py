"""Settings that another program changes hold in every open gallery."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.errors import DataError
from sameplayer.gallery.core import gallery as module
from sameplayer.gallery.gallery import Gallery, open_gallery
from sameplayer.gallery.people.enrolment import enrol_pictures, new_pictures
from sameplayer.gallery.search.asking import ask_vectors
from sameplayer.ranking.open_set.likelihood import Likelihood
from tests.gallery.test_review import fitted  # noqa: F401


def test_what_another_program_sets_holds_at_once(
    gallery: Gallery,
    encoder,
    pictures,
    fitted: Likelihood,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    query = np.stack([one.vector for one in pictures(0)])
    with open_gallery(gallery.folder, encoder) as other:
        assert ask_vectors(other, query, actor="me").nobody is None
        gallery.set("me", likelihood=fitted.to_record(), known=0.9)
        first = ask_vectors(other, query, actor="me")
        gallery.set("me", known=0.1)
        second = ask_vectors(other, query, actor="me")
        assert (first.known, second.known) == (0.9, 0.1)
        assert 0 <= first.nobody < second.nobody <= 1
        gallery.set("me", keep_pictures=False)
        (one,) = new_pictures(other, [np.zeros((80, 40, 3), np.uint8)])
        assert one.content is None
        gallery.set("me", require_basis=True)
        with pytest.raises(DataError, match="needs a legal basis"):
            enrol_pictures(other, {"Dora": pictures(7)}, actor="me")
        gallery.set("me", retention=5)
        assert other.refresh_settings().retention == 5
        monkeypatch.setattr(module, "read_settings", None)  # not read again: nothing changed
        assert ask_vectors(other, query, actor="me").known == 0.1
