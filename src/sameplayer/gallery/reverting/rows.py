"""The rows that some events would put back, as they are now, and those around them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from sameplayer.gallery.core.gallery import PERSON, STORED
from sameplayer.gallery.core.name_search import Register
from sameplayer.gallery.people.checks import WAITING
from sameplayer.gallery.store.base import Cursor, rows_in

Key = tuple[str, str]  # table and id
# Of the states of a person or a question, those in which it may have pictures.
OWNING = {"person": ("active", "restricted"), "question": (*WAITING, "nobody")}
COLUMNS = {
    "person": PERSON,
    "question": "id, state, asked, revision, answer",
    "picture": f"{STORED}, digest",
}


class Rows:
    """Rows, read together: however many events there are, a few statements.

    before      the rows that would be put back, with the values that they would have
    subjects    persons and questions that the events are about

    ``held`` has the kept pictures of each person or question that would have none, ``merged`` who
    was merged into such a person, ``same`` the kept pictures of a digest, with their owners.
    """

    def __init__(
        self, cursor: Cursor, before: Iterable[tuple[Key, dict[str, Any]]], subjects: Iterable[str]
    ) -> None:
        self._cursor = cursor
        self._rows: dict[Key, dict[str, Any]] = {}
        self.held: dict[Key, list[str]] = defaultdict(list)
        self.merged: dict[str, list[str]] = defaultdict(list)
        self.same: dict[str, list[tuple[str, str]]] = defaultdict(list)
        values: dict[Key, dict[str, Any]] = defaultdict(dict)
        for row, one in before:
            values[row] |= one
        self._read("picture", [key for table, key in values if table == "picture"])
        kept = {key: self.now(*key) | one for key, one in values.items() if key[0] == "picture"}
        for table, states in OWNING.items():
            owners = {row[table] for row in kept.values() if row.get(table) is not None}
            self._read(table, {*(key for kind, key in values if kind == table), *owners, *subjects})
            empty = [
                key
                for (kind, key), one in values.items()
                if kind == table and (self.now(kind, key) | one).get("state") not in states
            ]
            sql = f"SELECT {table}, id FROM picture WHERE {table} IN"
            for owner, key in rows_in(cursor, sql, empty, also="AND state = 'kept' ORDER BY id"):
                self.held[table, owner].append(key)
            if table == "person":
                self._read_merged(empty)
        back = {row["digest"] for row in kept.values() if "digest" in row}
        sql = "SELECT digest, id, COALESCE(person, question) FROM picture WHERE digest IN"
        for digest, key, owner in rows_in(cursor, sql, back, also="AND state = 'kept'"):
            self.same[digest].append((key, owner))
        sql = "SELECT picture, person FROM apart WHERE picture IN"
        self.cannot_link = set(rows_in(cursor, sql, [key for _, key in kept]))

    @cached_property
    def register(self) -> Register:
        """Everybody's name, as it is now."""
        return Register(self._cursor)

    def now(self, table: str, key: str) -> dict[str, Any]:
        """Return a row as it is; nothing where it is not there."""
        if (table, key) not in self._rows:
            self._read(table, [key])
        return self._rows[table, key]

    def _read(self, table: str, keys: Iterable[str]) -> None:
        wanted, names = set(keys), COLUMNS[table].split(", ")
        self._rows |= {(table, key): {} for key in wanted}
        sql = f"SELECT {COLUMNS[table]} FROM {table} WHERE id IN"
        for row in rows_in(self._cursor, sql, sorted(wanted)):
            self._rows[table, row[0]] = dict(zip(names, row, strict=True))

    def _read_merged(self, keys: Iterable[str]) -> None:
        sql = "SELECT id, merged_into FROM person WHERE merged_into IN"
        for key, into in rows_in(self._cursor, sql, keys, also="AND state = 'merged' ORDER BY id"):
            self.merged[into].append(key)
        self._read("person", [key for one in self.merged.values() for key in one])
