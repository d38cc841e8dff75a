"""What an undo would put back, and what stands in its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sameplayer.common.names import name_key
from sameplayer.gallery.core.event_text import Cell, cells_of, in_words, last_touch
from sameplayer.gallery.core.events import Event
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.core.name_search import Register
from sameplayer.gallery.people.checks import WAITING
from sameplayer.gallery.people.suppression import name_hashes
from sameplayer.gallery.store.base import Cursor

Key = tuple[str, str]  # table and id
OWNING = ("active", "restricted")  # states of a person who may have pictures
READ = {
    "picture": ("state", "person", "question", "digest"),
    "person": ("state", "name", "merged_into"),
    "question": ("state",),
}


@dataclass(frozen=True)
class Plan:
    """The cells of an event.

    before, after    values of each row's columns before the event and after it
    apart            whether a (picture, person) was said to be apart before the event
    """

    before: dict[Key, dict[str, Any]] = field(default_factory=dict)
    after: dict[Key, dict[str, Any]] = field(default_factory=dict)
    apart: dict[Key, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Obstacle:
    """What stands in the way.

    subjects    persons and questions that the event is about by which it came
    cells       beginnings of the cells that this event changed
    """

    what: str
    subjects: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]

    def is_of(self, cell: Cell) -> bool:
        """Tell whether a cell is one of those."""
        return any(tuple(cell[: len(one)]) == one for one in self.cells)


def plan_of(event: Event) -> Plan:
    """Return the cells of an event: where one changed twice, its first and its last value."""
    plan = Plan()
    for table, key, name, before, after in cells_of(event):
        if table == "apart":
            plan.apart.setdefault((key, name), bool(before))
        else:
            plan.before.setdefault((table, key), {}).setdefault(name, before)
            plan.after.setdefault((table, key), {})[name] = after
    return plan


def obstacle(gallery: GalleryCore, cursor: Cursor, event: Event) -> str | None:
    """Return why an event's cells cannot be put back now, naming what to undo first; None: fine."""
    plan = plan_of(event)
    later = last_touch(cursor, event.subjects, event.seq, lambda cell: _is_of(plan, cell))
    if later is not None:
        return f"{in_words(later)} changed the same since; undo that first"
    if any(not _as_left(cursor, plan, row) for row in plan.after):
        return "what it changed is not as it left it"
    then = _Then(gallery, cursor, plan)
    for check in (_owners, _left_behind, _forgotten, _names, _twice, _said_apart, _restricted):
        found = check(then, event)
        if found is not None:
            later = last_touch(cursor, found.subjects, 0, found.is_of)
            by = "" if later is None else f", by {in_words(later)}; undo that first"
            return found.what + by
    return None


def _is_of(plan: Plan, cell: Cell) -> bool:
    table, key, name = cell[:3]
    if table == "apart":
        return (key, name) in plan.apart
    if plan.before.get((table, key), {}).get("state") == "removed":
        return True  # the event added the row: whatever changed in it since changed what it added
    return name in plan.after.get((table, key), ())


def _as_left(cursor: Cursor, plan: Plan, row: Key) -> bool:
    values = plan.after[row]
    found = cursor.one(f"SELECT {', '.join(values)} FROM {row[0]} WHERE id = ?", row[1])
    return found is not None and tuple(found) == tuple(values.values())


class _Then:
    """The rows as they would be after the undo."""

    def __init__(self, gallery: GalleryCore, cursor: Cursor, plan: Plan) -> None:
        self.gallery, self.cursor, self.plan = gallery, cursor, plan
        self._rows: dict[Key, dict[str, Any]] = {}

    def row(self, table: str, key: str) -> dict[str, Any]:
        """Return what would stand in a row."""
        if (table, key) not in self._rows:
            names = READ[table]
            found = self.cursor.one(f"SELECT {', '.join(names)} FROM {table} WHERE id = ?", key)
            now = dict(zip(names, found or (None,) * len(names), strict=True))
            self._rows[table, key] = {**now, **self.plan.before.get((table, key), {})}
        return self._rows[table, key]

    def keys(self, table: str) -> list[str]:
        """Return the ids of a table's rows that would be put back."""
        return [key for kind, key in self.plan.before if kind == table]

    def kept(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the pictures that would be put back and kept."""
        rows = ((key, self.row("picture", key)) for key in self.keys("picture"))
        return [(key, row) for key, row in rows if row["state"] == "kept"]


def _owners(then: _Then, event: Event) -> Obstacle | None:
    """Refuse to return a picture to a person or question that is gone."""
    for _, row in then.kept():
        table = "person" if row["person"] is not None else "question"
        owner, states = row[table], OWNING if table == "person" else (*WAITING, "nobody")
        if then.row(table, owner)["state"] not in states:
            where = (table, owner, "state")
            return Obstacle(f"{table} {owner} was changed since", (owner,), (where,))
    return None


def _left_behind(then: _Then, event: Event) -> Obstacle | None:
    """Refuse to remove a person or question that has pictures or merged persons."""
    for table, states in (("person", OWNING), ("question", (*WAITING, "nobody"))):
        for key in then.keys(table):
            if then.row(table, key)["state"] in states:
                continue
            rows = then.cursor.rows(
                f"SELECT id FROM picture WHERE {table} = ? AND state = 'kept'", key
            )
            held = {row[0] for row in rows} - set(then.keys("picture"))
            if held:
                return Obstacle(
                    f"{table} {key} got {len(held)} other pictures since",
                    (key,),
                    tuple(("picture", one) for one in held),
                )
            aliases = then.cursor.rows(
                "SELECT id FROM person WHERE merged_into = ? AND state = 'merged'", key
            )
            for (alias,) in aliases:
                if then.row("person", alias)["merged_into"] == key:
                    where = ("person", alias, "merged_into")
                    return Obstacle(
                        f"person {alias} was merged into {key} since", (alias,), (where,)
                    )
    return None


def _names(then: _Then, event: Event) -> Obstacle | None:
    """Refuse to restore a name that somebody has now, in whatever spelling."""
    for key in then.keys("person"):
        row = then.row("person", key)
        if row["state"] == "removed" or not _name_returns(then, key):
            continue
        for other in Register(then.cursor).ids(row["name"]):
            now = then.row("person", other)
            if (
                other != key
                and now["state"] != "removed"
                and (name_key(now["name"]) == name_key(row["name"]))
            ):
                where = (("person", other, "name"), ("person", other, "state"))
                return Obstacle(f"person {other} has the name now", (other,), where)
    return None


def _name_returns(then: _Then, key: str) -> bool:
    """Tell whether a person's name would be there that is not there now."""
    gone = then.plan.after["person", key].get("state") == "removed"
    return gone or "name" in then.plan.before["person", key]


def _twice(then: _Then, event: Event) -> Obstacle | None:
    """Refuse to restore a picture that was enrolled again since."""
    for key, row in then.kept():
        if then.plan.before["picture", key].get("state") is None:
            continue
        others = then.cursor.rows(
            "SELECT id, COALESCE(person, question) FROM picture "
            "WHERE digest = ? AND state = 'kept' AND id <> ?",
            row["digest"],
            key,
        )
        for other, owner in others:
            if other not in then.keys("picture"):
                return Obstacle(
                    f"the same picture came again, {other}", (owner,), (("picture", other),)
                )
    return None


def _forgotten(then: _Then, event: Event) -> Obstacle | None:
    """Refuse to restore a picture or name that was forgotten."""
    rows = [then.row("person", key) for key in then.keys("person")]
    names = {
        hashed
        for row in rows
        if row["state"] != "removed"
        for hashed in name_hashes(then.gallery, row["name"])
    }
    digests = {
        row["digest"] for key, row in then.kept() if "state" in then.plan.before["picture", key]
    }
    for one in names | digests:
        if then.cursor.one("SELECT 1 FROM suppressed WHERE hash = ?", one):
            return Obstacle("what it would bring back was forgotten since", (), ())
    return None


def _said_apart(then: _Then, event: Event) -> Obstacle | None:
    """Refuse to return a picture to a person it was ruled out for."""
    for key, row in then.kept():
        person = row["person"]
        if person is None or not then.plan.apart.get((key, person), True):
            continue
        if then.cursor.one("SELECT 1 FROM apart WHERE picture = ? AND person = ?", key, person):
            where = ("apart", key, person)
            return Obstacle(
                f"picture {key} was said not to show person {person}", (person,), (where,)
            )
    return None


def _restricted(then: _Then, event: Event) -> Obstacle | None:
    """Refuse to separate a person who was restricted since: a part would be suggested again."""
    changed = [key for key in then.keys("person") if "state" in then.plan.before["person", key]]
    for key in event.subjects if changed else ():
        if key not in changed and then.row("person", key)["state"] == "restricted":
            where = ("person", key, "state")
            return Obstacle(f"person {key} is restricted", (key,), (where,))
    return None
