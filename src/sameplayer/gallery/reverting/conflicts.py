"""What an undo would put back, and what stands in its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sameplayer.common.names import name_key
from sameplayer.gallery.core.event_text import Cell, Sought, cells_of, in_words, last_touches
from sameplayer.gallery.core.events import Event
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.people.suppression import name_hashes
from sameplayer.gallery.reverting.rows import OWNING, Key, Rows
from sameplayer.gallery.store.base import Cursor, rows_in


@dataclass(frozen=True)
class Plan:
    """The cells of an event.

    before, after    values of each row's columns before the event and after it
    cannot_link      whether a (picture, person) was said to be apart before the event
    """

    event: Event
    before: dict[Key, dict[str, Any]] = field(default_factory=dict)
    after: dict[Key, dict[str, Any]] = field(default_factory=dict)
    cannot_link: dict[Key, bool] = field(default_factory=dict)

    def keys(self, table: str) -> list[str]:
        """Return the ids of a table's rows that would be put back."""
        return [key for kind, key in self.before if kind == table]

    def touches(self, cell: Cell) -> bool:
        """Tell whether a later change of a cell stands in the way."""
        table, key, name = cell[:3]
        if table == "apart":
            return (key, name) in self.cannot_link
        if self.before.get((table, key), {}).get("state") == "removed":
            return True  # the event added the row: whatever changed since changed what it added
        return name in self.after.get((table, key), ())


@dataclass(frozen=True)
class Obstacle:
    """What stands in the way.

    subjects    persons and questions that the event is about by which it came
    cells       beginnings of the cells that this event changed
    """

    what: str
    subjects: tuple[str, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()

    def is_of(self, cell: Cell) -> bool:
        """Tell whether a cell is one of those."""
        return any(tuple(cell[: len(one)]) == one for one in self.cells)


def plan_of(event: Event) -> Plan:
    """Return the cells of an event: where one changed twice, its first and its last value."""
    plan = Plan(event)
    for table, key, name, before, after in cells_of(event):
        if table == "apart":
            plan.cannot_link.setdefault((key, name), bool(before))
        else:
            plan.before.setdefault((table, key), {}).setdefault(name, before)
            plan.after.setdefault((table, key), {})[name] = after
    return plan


def obstacles(gallery: GalleryCore, cursor: Cursor, events: Sequence[Event]) -> list[str | None]:
    """Return why the cells of each event cannot be put back now; None: they can.

    The words name what to undo first. Reads the rows of all the events together.
    """
    plans = [plan_of(event) for event in events]
    subjects = {key for event in events for key in event.subjects}
    rows = Rows(cursor, [row for plan in plans for row in plan.before.items()], subjects)
    after = [_Then(gallery, rows, plan) for plan in plans]
    hashes = {one for then in after for one in then.hashes}
    suppressed = {
        row[0] for row in rows_in(cursor, "SELECT hash FROM suppressed WHERE hash IN", hashes)
    }
    later = last_touches(
        cursor, [Sought(frozenset(one.event.subjects), one.event.seq, one.touches) for one in plans]
    )
    found = [
        _first(then, suppressed) if touched is None else Obstacle("")
        for then, touched in zip(after, later, strict=True)
    ]
    by = last_touches(
        cursor, [Sought(frozenset(one.subjects), 0, one.is_of) for one in found if one is not None]
    )
    causes = iter(by)
    words: list[str | None] = []
    for touched, one in zip(later, found, strict=True):
        cause = None if one is None else next(causes)
        if touched is not None:
            words.append(f"{in_words(touched)} changed the same since; undo that first")
        elif one is None or cause is None:
            words.append(None if one is None else one.what)
        else:
            words.append(f"{one.what}, by {in_words(cause)}; undo that first")
    return words


def _first(then: _Then, suppressed: set[str]) -> Obstacle | None:
    for (table, key), values in then.plan.after.items():
        now = then.rows.now(table, key)
        if not now or any(now[name] != value for name, value in values.items()):
            return Obstacle("what it changed is not as it left it")
    found = _owners(then) or _left_behind(then)
    if found is None and not suppressed.isdisjoint(then.hashes):
        return Obstacle("what it would bring back was forgotten since")
    return found or _names(then) or _twice(then) or _cannot_link(then) or _restricted(then)


class _Then:
    """The rows as they would be after the undo.

    kept      pictures that would be put back and kept
    hashes    digests of these, and keyed hashes of the names of persons who would be there
    """

    def __init__(self, gallery: GalleryCore, rows: Rows, plan: Plan) -> None:
        self.rows, self.plan = rows, plan
        there = ((key, self.row("picture", key)) for key in plan.keys("picture"))
        self.kept = [(key, row) for key, row in there if row.get("state") == "kept"]
        persons = [self.row("person", key) for key in plan.keys("person")]
        names = {row["name"] for row in persons if row.get("state") != "removed" and "name" in row}
        self.hashes = {one for name in names for one in name_hashes(gallery, name)} | {
            row["digest"]
            for key, row in self.kept
            if "state" in plan.before["picture", key] and "digest" in row
        }

    def row(self, table: str, key: str) -> dict[str, Any]:
        """Return what would stand in a row; of one that is not there nothing but None."""
        return self.rows.now(table, key) | self.plan.before.get((table, key), {})

    def state(self, table: str, key: str) -> str | None:
        """Return the state that a row would have."""
        return self.row(table, key).get("state")


def _owners(then: _Then) -> Obstacle | None:
    """Refuse to return a picture to a person or question that is gone."""
    for _, row in then.kept:
        table = "person" if row["person"] is not None else "question"
        owner = row[table]
        if then.state(table, owner) not in OWNING[table]:
            where = (table, owner, "state")
            return Obstacle(f"{table} {owner} was changed since", (owner,), (where,))
    return None


def _left_behind(then: _Then) -> Obstacle | None:
    """Refuse to remove a person or question that has pictures or merged persons."""
    own = set(then.plan.keys("picture"))
    for table, states in OWNING.items():
        for key in then.plan.keys(table):
            if then.state(table, key) in states:
                continue
            held = [one for one in then.rows.held[table, key] if one not in own]
            if held:
                return Obstacle(
                    f"{table} {key} got {len(held)} other pictures since",
                    (key,),
                    tuple(("picture", one) for one in held),
                )
            for alias in then.rows.merged[key] if table == "person" else ():
                if then.row("person", alias)["merged_into"] == key:
                    where = ("person", alias, "merged_into")
                    return Obstacle(
                        f"person {alias} was merged into {key} since", (alias,), (where,)
                    )
    return None


def _names(then: _Then) -> Obstacle | None:
    """Refuse to restore a name that somebody has now, in whatever spelling."""
    for key in then.plan.keys("person"):
        row = then.row("person", key)
        gone = then.plan.after["person", key].get("state") == "removed"
        returns = gone or "name" in then.plan.before["person", key]
        if row["state"] == "removed" or not returns:
            continue
        for other in then.rows.register.ids(row["name"]):
            now = then.row("person", other)
            same = name_key(now["name"]) == name_key(row["name"])
            if other != key and now["state"] != "removed" and same:
                where = (("person", other, "name"), ("person", other, "state"))
                return Obstacle(f"person {other} has the name now", (other,), where)
    return None


def _twice(then: _Then) -> Obstacle | None:
    """Refuse to restore a picture that was enrolled again since."""
    own = then.plan.keys("picture")
    for key, row in then.kept:
        if then.plan.before["picture", key].get("state") is None:
            continue
        for other, owner in then.rows.same[row["digest"]]:
            if other not in own:
                return Obstacle(
                    f"the same picture came again, {other}", (owner,), (("picture", other),)
                )
    return None


def _cannot_link(then: _Then) -> Obstacle | None:
    """Refuse to return a picture to a person it was ruled out for."""
    for key, row in then.kept:
        person = row["person"]
        if (key, person) in then.rows.cannot_link and then.plan.cannot_link.get(
            (key, person), True
        ):
            where = ("apart", key, person)
            return Obstacle(
                f"picture {key} was said not to show person {person}", (person,), (where,)
            )
    return None


def _restricted(then: _Then) -> Obstacle | None:
    """Refuse to separate a person who was restricted since: a part would be suggested again."""
    before = then.plan.before
    changed = [key for key in then.plan.keys("person") if "state" in before["person", key]]
    for key in then.plan.event.subjects if changed else ():
        if key not in changed and then.state("person", key) == "restricted":
            where = ("person", key, "state")
            return Obstacle(f"person {key} is restricted", (key,), (where,))
    return None
