"""The means in memory are those of the record, whatever changes, with and without a filter."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from sameplayer.errors import DataError
from sameplayer.gallery.core import index as module
from sameplayer.gallery.core.index import CachedMeans, Index, Means
from sameplayer.gallery.core.means import refresh_mean
from sameplayer.gallery.core.records import PictureFilter
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.people.enrolment import enrol_pictures

FILTERS = (PictureFilter(), PictureFilter(until="2026-01-02"), PictureFilter(game="none"))


def _held(means: Means) -> dict[str, tuple[str, int, bytes]]:
    """What is held of each person, whatever the order."""
    found = {
        key: (name, int(pictures), mean.tobytes())
        for block in means.blocks
        for key, name, pictures, mean in zip(
            block.ids, block.names, block.pictures, block.means, strict=True
        )
    }
    assert len(found) == len(means) == len(means.pictures)
    return found


def _one_more(gallery: Gallery, pictures, rng) -> None:
    person = int(rng.integers(12))
    new = pictures(person, int(rng.integers(1, 4)), seed=int(rng.integers(2**31)), content=None)
    enrol_pictures(gallery, {f"Person {person}": new}, actor="me")


def _restrict(gallery: Gallery, person: str, rng) -> None:
    with gallery.change("me", "restrict") as change:
        change.set("person", person, state="restricted" if rng.random() < 0.5 else "active")
        change.done()


def _rename(gallery: Gallery, person: str, rng) -> None:
    with gallery.change("me", "rename") as change:
        change.set("person", person, name=f"Other {rng.integers(2**31)}")
        change.done()


def _drop_picture(gallery: Gallery, person: str, rng) -> None:
    with gallery.change("me", "remove") as change:
        key = change.cursor.one(
            "SELECT id FROM picture WHERE person = ? AND state = 'kept'", person
        )
        if key is not None:
            change.set("picture", key[0], state="removed")
        refresh_mean(change, person)
        change.done()


def _delete(gallery: Gallery, person: str, rng) -> None:
    """As forgetting does: no row stays that says so."""
    with gallery.change("me", "forget") as change:
        change.cursor.run(
            "DELETE FROM vector WHERE picture IN (SELECT id FROM picture WHERE person = ?)", person
        )
        change.cursor.run("DELETE FROM picture WHERE person = ?", person)
        change.cursor.run("DELETE FROM person WHERE id = ?", person)
        change.done()


@pytest.mark.parametrize(
    ("store", "seed"),
    [("sqlite", 0), ("sqlite", 1), ("sqlite", 2), ("postgres", 0)],
    indirect=["store"],
)
def test_after_any_changes_the_means_are_those_read_anew(
    gallery: Gallery, pictures, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(module, "BLOCK", 4)
    monkeypatch.setattr(module, "PICTURES", 6)
    rng = np.random.default_rng(seed)
    kept = [CachedMeans(where) for where in FILTERS]
    for _ in range(40):
        ids = [one.id for one in gallery.persons()]
        change = (_restrict, _rename, _drop_picture, _delete)[int(rng.integers(4))]
        if rng.random() < 0.6 or not ids:
            _one_more(gallery, pictures, rng)
        else:
            change(gallery, ids[int(rng.integers(len(ids)))], rng)
        for where, held in zip(FILTERS, kept, strict=True):
            if rng.random() < 0.5:
                found = _held(held.means(gallery.database))
                assert found == _held(CachedMeans(where).means(gallery.database))
    live = {one.id for one in gallery.persons("active") if one.pictures}
    assert set(_held(kept[0].means(gallery.database))) == live
    assert len(live) > 4


def test_a_change_reads_only_those_who_changed(gallery: Gallery, pictures, monkeypatch) -> None:
    held = CachedMeans(PictureFilter())
    before = held.means(gallery.database)
    put, read = CachedMeans._put, []

    def count(self: CachedMeans, blocks: list, persons: list) -> None:
        read.extend(one.name for one in persons)
        put(self, blocks, persons)

    monkeypatch.setattr(CachedMeans, "_put", count)
    enrol_pictures(gallery, {"Bea": pictures(1, 1, seed=5)}, actor="me")
    after = held.means(gallery.database)
    assert read == ["Bea"]
    assert int(after.pictures.sum()) == int(before.pictures.sum()) + 1 == 13


def test_what_was_given_out_stays_as_it_was(gallery: Gallery, pictures) -> None:
    before = gallery.index.means()
    copy = _held(before)
    enrol_pictures(gallery, {"Bea": pictures(1, 3, seed=5), "Dora": pictures(7)}, actor="me")
    ann = gallery.person("Ann").id
    with gallery.change("me", "restrict") as change:
        change.set("person", ann, state="restricted")
        change.done()
    assert _held(gallery.index.means()) != copy
    assert _held(before) == copy


def test_threads_see_each_change_once_it_is_made(gallery: Gallery, pictures) -> None:
    wrong: list[str] = []
    made = [3]
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            least = made[0]
            means = gallery.index.means()
            if len(means) < least or len(means.similarities(means.blocks[0].means[0])) < least:
                wrong.append(f"{len(means)} persons, {least} were made")

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for one in askers:
        one.start()
    for person in range(10, 25):
        enrol_pictures(gallery, {f"Person {person}": pictures(person)}, actor="me")
        made[0] += 1
    stop.set()
    for one in askers:
        one.join()
    assert not wrong
    assert len(gallery.index.means()) == 18


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_after_a_read_that_failed_all_is_read_anew(gallery: Gallery, pictures, monkeypatch) -> None:
    index = Index(gallery.database)
    index.means()
    enrol_pictures(gallery, {"Dora": pictures(7)}, actor="me")

    def fail(*_: object) -> None:
        raise DataError("the disk failed")

    with monkeypatch.context() as patch:
        patch.setattr(CachedMeans, "_put", fail)
        with pytest.raises(DataError, match="the disk failed"):
            index.means()
    assert {one[0] for one in _held(index.means()).values()} == {"Ann", "Bea", "Cleo", "Dora"}
