"""Rows of pictures: adding them, a person's mean, and the SQL of a filter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sameplayer.common.vectors import unit_mean
from sameplayer.gallery.core.events import Change
from sameplayer.gallery.core.records import NewPicture, PictureFilter
from sameplayer.gallery.store.picture_files import KIND

FACTS = ("track", "team", "game", "camera", "taken")


def add_picture(
    change: Change,
    key: str,
    one: NewPicture,
    *,
    person: str | None = None,
    question: str | None = None,
) -> None:
    """Add the rows of one picture, of a person or of a question."""
    change.add(
        "picture",
        key,
        person=person,
        question=question,
        state="kept",
        digest=one.digest,
        file=None if one.content is None else KIND,
        high=one.high,
        wide=one.wide,
        quality=float(one.quality),
        added=change.at,
        **{name: getattr(one, name) for name in FACTS},
    )
    change.touch("vector", key, new=True)
    if one.content is not None:
        change.seal_file(key, one.content)
    data = np.ascontiguousarray(one.vector, np.float32).tobytes()
    change.cursor.run("INSERT INTO vector (picture, data) VALUES (?, ?)", key, data)


def refresh_mean(change: Change, person: str) -> None:
    """Compute a person's mean row and count of pictures again; the person's revision is new."""
    rows = change.cursor.rows(
        "SELECT vector.data FROM picture JOIN vector ON vector.picture = picture.id "
        "WHERE picture.person = ? AND picture.state = 'kept' ORDER BY picture.id",
        person,
    )
    mean = None
    if rows:
        mean = stored_mean([row[0] for row in rows])
    change.touch("person", person)
    change.cursor.run(
        "UPDATE person SET mean = ?, pictures = ?, revision = ? WHERE id = ?",
        None if mean is None else mean.tobytes(),
        len(rows),
        change.seq,
        person,
    )
    change.about(person)


def stored_mean(rows: Sequence[bytes]) -> np.ndarray:
    """Return the unit mean (d,) float32 of vectors as the database holds them."""
    return unit_mean(np.frombuffer(b"".join(rows), np.float32).reshape(len(rows), -1))


def conditions_of(where: PictureFilter) -> tuple[str, list[str]]:
    """Return what a filter adds to a condition on pictures, and its values."""
    conditions, values = [], []
    for name in ("team", "game", "camera"):
        if getattr(where, name) is not None:
            conditions.append(f"picture.{name} = ?")
            values.append(getattr(where, name))
    if where.since is not None:
        conditions.append("(picture.taken >= ? OR picture.taken = ?)")
        values += [where.since, where.since[:10]]  # a picture known by the day alone counts
    if where.until is not None:
        # A day that is counted ends with its last moment.
        whole_day = len(where.until) == 10
        conditions.append("picture.taken <= ?")
        values.append(where.until + ("~" if whole_day else ""))
    if where.since is not None or where.until is not None:
        conditions.append("picture.taken LIKE ?")  # galleries may hold older texts, not ISO
        values.append("____-__-__%")
    return "".join(f" AND {one}" for one in conditions), values
