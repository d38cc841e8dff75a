"""What people changed can be taken back, bit by bit, or the error names what stands between."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sameplayer.errors import DataError, MissingFile
from sameplayer.gallery.core.means import stored_mean
from sameplayer.gallery.gallery import Gallery, create_gallery, open_gallery
from sameplayer.gallery.integrity.audit import broken_links
from sameplayer.gallery.people.corrections import (
    confirm,
    confirm_new,
    mark_unknown,
    merge,
    reject,
    remove_pictures,
    rename,
    restrict,
    skip,
    split,
)
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.reverting.undo import history, undo, why_not_undone
from sameplayer.gallery.search.asking import ask_ready
from tests.fixtures import statements

TABLES = {
    "person": "id, name, state, merged_into, team, basis, created, pictures, mean",
    "question": "id, state, asked, answer",
    "picture": "id, person, question, state, digest, pinned_by",
}


def state(gallery: Gallery) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that counts, byte for byte, but for revisions."""
    with gallery.database.read() as cursor:
        found = {
            table: cursor.rows(f"SELECT {names} FROM {table} WHERE state <> 'removed' ORDER BY id")
            for table, names in TABLES.items()
        }
        found["apart"] = cursor.rows("SELECT * FROM apart ORDER BY picture, person")
        found["vector"] = cursor.rows(
            "SELECT vector.* FROM vector JOIN picture ON picture.id = vector.picture "
            "WHERE picture.state <> 'removed' ORDER BY picture.id"
        )
    return found


def check(gallery: Gallery) -> None:
    """What holds after every event."""
    with gallery.database.read() as cursor:
        assert broken_links(cursor) == []
        persons = {
            row[0]: row for row in cursor.rows("SELECT id, state, pictures, mean FROM person")
        }
        asked = dict(cursor.rows("SELECT id, state FROM question"))
        rows = cursor.rows(
            "SELECT picture.id, person, question, data FROM picture "
            "JOIN vector ON vector.picture = picture.id WHERE state = 'kept' ORDER BY picture.id"
        )
        apart = set(cursor.rows("SELECT picture, person FROM apart"))
        digests = cursor.rows(
            "SELECT digest FROM picture WHERE state = 'kept' AND person IS NOT NULL"
        )
    assert len(set(digests)) == len(digests)
    own: dict[str, list[bytes]] = {key: [] for key in persons}
    for key, person, question, data in rows:
        assert (person is None) != (question is None)
        if person is not None:
            assert persons[person][1] in ("active", "restricted")
            assert (key, person) not in apart
            own[person].append(data)
        else:
            assert asked[question] in ("open", "skipped", "nobody")
    for key, _, count, mean in persons.values():
        assert count == len(own[key])
        if own[key]:
            found = stored_mean(own[key])
            assert found.tobytes() == mean
        else:
            assert mean is None


def _question(gallery: Gallery, made) -> str:
    answer = ask_ready(gallery, made, actor="me", keep=True)
    assert answer.question is not None
    return answer.question


def _ids(gallery: Gallery, name: str) -> list[str]:
    return [one.id for one in gallery.pictures(gallery.person(name).id)]


def _changes(gallery: Gallery, pictures) -> dict[str, Any]:
    """One of every change, by name; each fits the gallery of the fixture."""
    asked = _question(gallery, pictures(1, 2, seed=9))
    return {
        "enrol": lambda: enrol_pictures(
            gallery, {"Ann": pictures(0, 2, seed=4), "Eve": pictures(5)}, actor="eva"
        ),
        "confirm": lambda: confirm(gallery, asked, "Bea", actor="eva"),
        "confirm_new": lambda: confirm_new(gallery, asked, "Dora", actor="eva"),
        "reject": lambda: reject(gallery, asked, "Bea", actor="eva"),
        "reject_picture": lambda: reject(gallery, _ids(gallery, "Ann")[1], "Ann", actor="eva"),
        "nobody": lambda: mark_unknown(gallery, asked, actor="eva"),
        "skip": lambda: skip(gallery, asked, actor="eva"),
        "merge": lambda: merge(gallery, "Ann", "Bea", actor="eva"),
        "split": lambda: split(gallery, "Ann", _ids(gallery, "Ann")[:2], "Dora", actor="eva"),
        "rename": lambda: rename(gallery, "Ann", "Anna", actor="eva"),
        "restrict": lambda: restrict(gallery, "Ann", True, actor="eva"),
        "remove": lambda: remove_pictures(gallery, _ids(gallery, "Ann")[:1], actor="eva"),
    }


KINDS = (
    "enrol",
    "confirm",
    "confirm_new",
    "reject",
    "reject_picture",
    "nobody",
    "skip",
    "merge",
    "split",
    "rename",
    "restrict",
    "remove",
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_change_is_taken_back_and_done_again_also_after_reopening(
    kind: str, gallery, pictures, encoder
) -> None:
    change = _changes(gallery, pictures)[kind]
    before = state(gallery)
    change()
    event, after = history(gallery, most=1)[0], state(gallery)
    assert after != before
    assert why_not_undone(gallery, [event])[0] is None
    gallery.close()
    with open_gallery(gallery.folder, encoder) as again:
        back = undo(again, event.seq, actor="me")
        assert state(again) == before
        check(again)
        assert back.kind == "undo"
        assert set(event.subjects) <= set(back.subjects)
        assert (
            why_not_undone(again, [history(again, most=2)[1]])[0]
            == f"event {back.seq} undid it already"
        )
        redo = undo(again, back.seq, actor="me")
        assert redo.kind == "redo"
        assert state(again) == after
        check(again)
        assert "undo that one" in str(why_not_undone(again, [redo])[0])
        undo(again, actor="me")
        assert state(again) == before
        assert [one.undone_by for one in history(again, most=4)] == [
            None,
            None,
            redo.seq,
            redo.seq + 1,
        ]


def test_undo_without_a_number_goes_back_one_by_one(gallery) -> None:
    rename(gallery, "Ann", "Anna", actor="eva")
    merge(gallery, "Anna", "Bea", actor="eva")
    gallery.note("eva", "ask")
    undo(gallery, actor="me")
    assert [one.name for one in gallery.persons("active")] == ["Anna", "Bea", "Cleo"]
    undo(gallery, actor="me")
    undo(gallery, actor="me")
    assert gallery.persons("active") == []
    with pytest.raises(DataError, match=r"Event 1 \(create, by me, .* cannot be undone: a gallery"):
        undo(gallery, actor="me")


def test_what_is_no_change_or_is_final_cannot_be_undone(gallery) -> None:
    gallery.set("me", known=0.4)
    with pytest.raises(DataError, match="set the setting again"):
        undo(gallery, actor="me")
    seen = gallery.note("eva", "ask")
    with pytest.raises(DataError, match="changed nothing"):
        undo(gallery, seen.seq, actor="me")
    with pytest.raises(MissingFile, match="No event 99"):
        undo(gallery, 99, actor="me")
    for kind in ("forget", "calibrate"):
        with gallery.change("me", kind) as change:
            done = change.done()
        assert why_not_undone(gallery, [done])[0] is not None
    rename(gallery, "Ann", "Anna", actor="eva")
    event = history(gallery, most=1)[0]
    with gallery.change("me", "forget") as change:
        change.cursor.run("UPDATE event SET detail = NULL, salt = NULL WHERE seq = ?", event.seq)
        change.done()
    with pytest.raises(DataError, match="forgotten with a person"):
        undo(gallery, event.seq, actor="me")


LATER = {
    "the same name": (
        lambda g, p: rename(g, "Ann", "Anna", actor="a"),
        lambda g, p: rename(g, "Anna", "Annie", actor="b"),
    ),
    "the name was taken": (
        lambda g, p: rename(g, "Ann", "Anna", actor="a"),
        lambda g, p: enrol_pictures(g, {"Ann": p(8)}, actor="b"),
    ),
    "a picture moved on": (
        lambda g, p: confirm(g, _question(g, p(0, 1, seed=9)), "Ann", actor="a"),
        lambda g, p: split(
            g,
            "Ann",
            [one.id for one in g.pictures(g.person("Ann").id) if one.pinned_by],
            "Dora",
            actor="b",
        ),
    ),
    "the person is merged away": (
        lambda g, p: remove_pictures(g, _ids(g, "Ann")[:1], actor="a"),
        lambda g, p: merge(g, "Bea", "Ann", actor="b"),
    ),
    "the new person got more": (
        lambda g, p: split(g, "Ann", _ids(g, "Ann")[:1], "Dora", actor="a"),
        lambda g, p: enrol_pictures(g, {"Dora": p(8)}, actor="b"),
    ),
    "somebody was merged into the new person": (
        lambda g, p: split(g, "Ann", _ids(g, "Ann")[:1], "Dora", actor="a"),
        lambda g, p: merge(g, "Dora", "Bea", actor="b"),
    ),
    "the person that was enrolled has another name": (
        lambda g, p: enrol_pictures(g, {"Eve": p(8)}, actor="a"),
        lambda g, p: rename(g, "Eve", "Eva", actor="b"),
    ),
    "both are restricted as one": (
        lambda g, p: merge(g, "Ann", "Bea", actor="a"),
        lambda g, p: restrict(g, "Ann", True, actor="b"),
    ),
    "the restriction was lifted and set anew": (
        lambda g, p: restrict(g, "Ann", True, actor="a"),
        lambda g, p: (restrict(g, "Ann", False, actor="b"), restrict(g, "Ann", True, actor="b")),
    ),
    "the picture came back": (
        lambda g, p: reject(g, _ids(g, "Ann")[0], "Ann", actor="a"),
        lambda g, p: remove_pictures(g, _asked(g), actor="b"),
    ),
}


def _asked(gallery: Gallery) -> list[str]:
    with gallery.database.read() as cursor:
        return [row[0] for row in cursor.rows("SELECT id FROM picture WHERE question IS NOT NULL")]


# on PostgreSQL one of them: each change's statements run there in the test of every change
ON_BOTH = [*(("sqlite", case) for case in LATER), ("postgres", "a picture moved on")]


@pytest.mark.parametrize(("store", "case"), ON_BOTH, indirect=["store"])
def test_a_later_change_of_the_same_is_named_and_nothing_happens(
    case: str, gallery, pictures
) -> None:
    first, second = LATER[case]
    first(gallery, pictures)
    event = next(one for one in history(gallery) if one.actor == "a")
    second(gallery, pictures)
    before, count = state(gallery), len(history(gallery))
    said = _refused(gallery, event.seq)
    assert (state(gallery), len(history(gallery))) == (before, count)
    check(gallery)
    while said is not None:  # what the message says to do
        named = re.search(r"event (\d+) \([a-z]+, by b.*undo that first", said)
        assert named, said
        undo(gallery, int(named[1]), actor="me")
        said = _refused(gallery, event.seq)
    check(gallery)


def _refused(gallery: Gallery, seq: int) -> str | None:
    """Undo an event; return the error, or None."""
    try:
        undo(gallery, seq, actor="me")
    except DataError as error:
        return str(error)
    return None


def test_a_word_that_came_between_stops_a_redo(gallery, pictures) -> None:
    question = _question(gallery, pictures(0, 1, seed=9))
    confirm(gallery, question, "Ann", actor="eva")
    back = undo(gallery, actor="me")
    reject(gallery, question, "Ann", actor="eva")
    with pytest.raises(DataError, match=r"event \d+ \(reject, by eva.*undo that first"):
        undo(gallery, back.seq, actor="me")
    check(gallery)


def test_enrolling_again_after_an_undo_stops_the_redo(gallery, pictures) -> None:
    enrol_pictures(gallery, {"Eve": pictures(8)}, actor="eva")
    back = undo(gallery, actor="me")
    assert enrol_pictures(gallery, {"Eve": pictures(8)}, actor="eva").added == 4
    with pytest.raises(DataError, match=r"has the name now, by event \d+ \(enrol, by eva"):
        undo(gallery, back.seq, actor="me")
    undo(gallery, actor="me")
    undo(gallery, back.seq, actor="me")
    assert gallery.person("Eve").pictures == 4
    check(gallery)


class Club:
    """A gallery to which random things are done."""

    def __init__(self, gallery: Gallery, pictures, draw) -> None:
        self.gallery, self.pictures, self.draw = gallery, pictures, draw
        self.seed = 0

    def one_of(self, sql: str) -> str:
        with self.gallery.database.read() as cursor:
            rows = cursor.rows(sql)
        return rows[self.draw(st.integers(0, len(rows) - 1))][0] if rows else "none"

    def person(self) -> str:
        return self.one_of("SELECT id FROM person ORDER BY created, name")

    def question(self) -> str:
        return self.one_of("SELECT id FROM question ORDER BY asked, revision")

    def name(self) -> str:
        return self.draw(st.sampled_from(("Ann", "Bea", "Dora", "Eve", "Flo")))

    def made(self) -> Any:
        # Few seeds, so that pictures come again.
        who, seed = self.draw(st.integers(0, 3)), self.draw(st.integers(0, 2))
        return self.pictures(who, 2, seed=seed, content=None)

    def do(self, kind: str) -> None:
        gallery, own = self.gallery, {"actor": self.draw(st.sampled_from(("eva", "max")))}
        if kind == "enrol":
            enrol_pictures(gallery, {self.name(): self.made()}, **own)
        elif kind == "ask":
            ask_ready(gallery, self.made(), keep=True, **own)
        elif kind == "confirm":
            confirm(gallery, self.question(), self.person(), **own)
        elif kind == "confirm_new":
            confirm_new(gallery, self.question(), self.name(), **own)
        elif kind == "reject":
            what = self.question() if self.draw(st.booleans()) else self.picture()
            reject(gallery, what, self.person(), **own)
        elif kind == "merge":
            merge(gallery, self.person(), self.person(), **own)
        elif kind == "split":
            who = self.person()
            chosen = [one.id for one in gallery.pictures(who)][: self.draw(st.integers(1, 3))]
            split(gallery, who, chosen, self.name(), **own)
        elif kind == "rename":
            rename(gallery, self.person(), self.name(), **own)
        elif kind == "restrict":
            restrict(gallery, self.person(), self.draw(st.booleans()), **own)
        elif kind == "remove":
            remove_pictures(gallery, [self.picture()], **own)
        else:
            {"nobody": mark_unknown, "skip": skip}[kind](gallery, self.question(), **own)

    def picture(self) -> str:
        return self.one_of("SELECT id FROM picture ORDER BY added, digest, id")


DOINGS = (
    "enrol",
    "ask",
    "confirm",
    "confirm_new",
    "reject",
    "merge",
    "split",
    "rename",
    "restrict",
    "remove",
    "nobody",
    "skip",
)


@pytest.fixture(scope="module")
def template(encoder, pictures):
    """A gallery as every example begins with it."""
    with tempfile.TemporaryDirectory() as folder:
        made = create_gallery(Path(folder) / "club", encoder, purpose="test", keep_pictures=False)
        enrol_pictures(
            made, {n: pictures(at, content=None) for at, n in enumerate(("Ann", "Bea"))}, actor="me"
        )
        made.close()
        yield made.folder


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_changes_taken_back_in_any_order_leave_what_was(
    data, template, pictures, encoder
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(template, Path(folder) / "club")
        with open_gallery(Path(folder) / "club", encoder) as gallery:
            club, begin, first = Club(gallery, pictures, data.draw), state(gallery), 2
            for kind in data.draw(st.lists(st.sampled_from(DOINGS), min_size=3, max_size=14)):
                _try(lambda kind=kind: club.do(kind), gallery)
                if data.draw(st.integers(0, 4)) == 0:  # any event, in whatever order
                    seq = data.draw(st.integers(first + 1, history(gallery, most=1)[0].seq + 1))
                    _try(lambda seq=seq: undo(gallery, seq, actor="me"), gallery)
            while True:
                left = [
                    one
                    for one in history(gallery, most=999)
                    if one.seq > first
                    and one.undone_by is None
                    and one.kind not in ("undo", "redo")
                    and (one.detail or {}).get("changed")
                ]
                if not left:
                    break
                undo(gallery, actor="me")
                check(gallery)
            assert state(gallery) == begin


def _try(doing, gallery: Gallery) -> None:
    """Do what may be refused; either way all holds, and what is refused changes nothing."""
    before = state(gallery)
    said = ""
    try:
        doing()
    except DataError as error:
        said = str(error)
    if said:
        assert "damaged" not in said
        assert "does not fit" not in said
        assert state(gallery) == before
    check(gallery)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_page_of_the_history_takes_a_few_statements(gallery, pictures) -> None:
    """Whatever the events are, and the same words come out as for each event alone."""
    for at in range(20):
        enrol_pictures(gallery, {f"New {at}": pictures(50 + at, 30, content=None)}, actor="me")
    rename(gallery, "New 3", "Other", actor="me")
    merge(gallery, "New 4", "New 5", actor="me")
    remove_pictures(gallery, [gallery.pictures(gallery.person("New 6").id)[0].id], actor="me")
    undo(gallery, actor="me")
    forget(gallery, "New 7", actor="me")
    page = history(gallery, most=26)
    with statements(gallery) as ran:
        found = why_not_undone(gallery, page)
    assert len(ran) <= 25
    assert found == [why_not_undone(gallery, [event])[0] for event in page]
    assert found.count(None) == 19
