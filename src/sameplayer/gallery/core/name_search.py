"""Finding persons by name, in whatever spelling (see ``sameplayer.common.names``)."""

from __future__ import annotations

from sameplayer.common.names import is_one_line, name_key
from sameplayer.errors import DataError
from sameplayer.gallery.store.base import Cursor


class Register:
    """Everybody's name by its key, as the record has them now; merged persons under theirs."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._known: dict[str, list[tuple[str, str]]] = {}
        for key, name in cursor.rows(
            "SELECT id, name FROM person WHERE state <> 'removed' ORDER BY id"
        ):
            self._known.setdefault(name_key(name), []).append((key, name))

    def ids(self, name: str) -> list[str]:
        """Return the ids of all who have a name, in whatever spelling."""
        return [key for key, _ in self._known.get(name_key(name), [])]

    def person(self, name: str) -> str | None:
        """Return the id of who has a name, merges followed; None where nobody has it.

        Raises DataError, with their ids, where several have the name and none is spelt like this.
        """
        known = self._known.get(name_key(name), [])
        exact = [key for key, spelt in known if spelt == name]
        chosen = exact or [key for key, _ in known]
        found = sorted({merged_into(self._cursor, key) for key in chosen})
        refuse_several(name, found)
        return found[0] if found else None

    def shared(self) -> list[list[str]]:
        """Return the ids of persons who have one name in several spellings, name by name."""
        groups = [
            sorted({merged_into(self._cursor, key) for key, _ in known})
            for _, known in sorted(self._known.items())
            if len(known) > 1
        ]
        return [ids for ids in groups if len(ids) > 1]


def person_called(cursor: Cursor, who: str, *, alone: bool = False) -> str | None:
    """Return the id of a person by id or name, see ``Register.person``."""
    found = ids_called(cursor, who, alone=alone)
    found = sorted({merged_into(cursor, key) for key in found})
    refuse_several(who, found)
    return found[0] if found else None


def ids_called(cursor: Cursor, who: str, *, alone: bool = False) -> list[str]:
    """Return the id of whom an id or the exact spelling names, else of all who have the name.

    alone    whoever is spelt exactly like this is not enough where others have the same name
    """
    if not is_one_line(who):
        return []
    if cursor.one("SELECT 1 FROM person WHERE id = ? AND state <> 'removed'", who):
        return [who]
    exact = cursor.one("SELECT id FROM person WHERE name = ? AND state <> 'removed'", who)
    return Register(cursor).ids(who) if exact is None or alone else [str(exact[0])]


def refuse_several(who: str, found: list[str]) -> None:
    """Raise DataError where a name is that of several persons."""
    if len(found) > 1:
        raise DataError(
            f"{len(found)} persons have the name {who!r}, in different spellings: "
            f"{', '.join(found)}; nothing was changed. Give the id of the one you mean, or merge "
            "them."
        )


def merged_into(cursor: Cursor, key: str) -> str:
    """Return the id of who a person is now: of whom the person was merged into, or the same."""
    row = cursor.one("SELECT state, merged_into FROM person WHERE id = ?", key)
    passed = set[str]()
    while row is not None and row[0] == "merged":
        if key in passed:
            raise DataError(
                f"Person {key} is merged into itself: damaged; restore the gallery from a copy."
            )
        passed.add(key)
        key = str(row[1])
        row = cursor.one("SELECT state, merged_into FROM person WHERE id = ?", key)
    return key


def family(cursor: Cursor, person: str) -> list[str]:
    """Return a person's id and those merged into it, directly or not."""
    found = [person]
    for one in found:  # which grows on the way
        rows = cursor.rows("SELECT id FROM person WHERE merged_into = ? ORDER BY id", one)
        found += [row[0] for row in rows if row[0] not in found]
    return found
