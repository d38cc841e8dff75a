"""Seals: a keyed digest of every row and picture file, so that a change by other means shows.

The chain of events says what was done; seals say what the rows are because of it. The table
``seal`` holds one for each row of ``UNITS`` and for each picture file, made with the gallery's key,
in the same transaction as the row. Its last row, the head, holds a sum over all seals, the number
and hash of the last event, and a digest of these: so neither a row with its seal nor the last
events can be removed unnoticed. Whoever has neither the key nor this program cannot make a seal.

A row that was changed by other means keeps its old seal when the gallery changes it afterwards:
it is still found. Its seal goes when the row is deleted.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sameplayer.gallery.store.base import Cursor, rows_in

FILE = "file"  # the unit of picture files, which are no rows
NOTHING = 0  # the sum over no seals
WHOLE = 2**256
BROKEN = "changed by other means"  # in place of the head's digest: it never fits again
Key = str | int


@dataclass(frozen=True)
class Unit:
    """Rows that are sealed: those of one key value together.

    table, key    where they are
    columns       what is sealed; counts and means are computed, and are checked as such
    only          a condition: rows that do not meet it are not sealed
    first         a value before all keys
    """

    table: str
    key: str
    columns: str
    only: str = "1 = 1"
    first: Key = ""


UNITS = {
    "setting": Unit("setting", "name", "value"),
    "person": Unit(
        "person", "id", "name, state, merged_into, team, basis, consent, expires, created, revision"
    ),
    "question": Unit("question", "id", "state, asked, revision, answer"),
    "picture": Unit(
        "picture",
        "id",
        "person, question, state, digest, file, high, wide, quality, track, team, game, camera, "
        "taken, added, pinned_by",
    ),
    "vector": Unit("vector", "picture", "data"),
    "apart": Unit("apart", "picture", "person"),
    "suppressed": Unit("suppressed", "hash", "kind, at"),
    "token": Unit("token", "id", "hash, label, scopes, created, expires, revoked"),
    "undone": Unit("event", "seq", "undone_by", "undone_by IS NOT NULL", 0),
}


@dataclass(frozen=True)
class SealHead:
    """What the head's row says: sum of the seals, last event, last change, and its own digest."""

    sum: int
    seq: int
    hash: str
    changed: int
    digest: str

    def text(self) -> str:
        """Return it as it is kept, without the digest."""
        return f"{self.sum:064x}:{self.seq}:{self.hash}:{self.changed}"


class Seals:
    """The seals of one writing transaction, or of one that reads: a cursor and a key.

    Call ``touch`` before the first write of a row, and ``close`` last.
    """

    def __init__(self, cursor: Cursor, key: bytes) -> None:
        self._cursor, self._key = cursor, key
        self._kept: dict[tuple[str, Key], str | None] = {}  # seals of before
        self._broken: set[tuple[str, Key]] = set()
        self._files: dict[Key, str | None] = {}

    def touch(self, unit: str, *keys: Key, new: bool = False) -> None:
        """Say that rows are about to be added, changed or deleted.

        unit    of UNITS
        new     the rows are not there yet, nor is anything of their names
        """
        fresh = [key for key in dict.fromkeys(keys) if (unit, key) not in self._kept]
        there = {} if new else self.kept(unit, fresh)
        rows = {} if new else self.computed(unit, fresh)
        for key in fresh:
            self._kept[unit, key] = there.get(key)
            if rows.get(key) != there.get(key):
                self._broken.add((unit, key))

    def file(self, picture: str, content: bytes | None) -> None:
        """Seal a picture's file; None: the file goes."""
        self._files[picture] = None if content is None else self.of_file(picture, content)

    def close(self, previous: tuple[int, str], last: tuple[int, str], changed: int | None) -> None:
        """Seal the rows that were touched, and the end of the chain.

        previous, last    number and hash of the last event before, and now
        changed           number of the last event that changed something; None: the same as before
        """
        added = self._sealed_rows() + self._sealed_files()
        self._keep_head(self.following(self.head_text(), previous, last, added, changed))

    def following(
        self,
        kept: str | None,
        previous: tuple[int, str],
        last: tuple[int, str],
        added: int = 0,
        changed: int | None = None,
    ) -> str:
        """Return the head's text that comes after ``kept``; a head that is wrong stays wrong.

        added    what the sum over all seals grew by, see ``close`` for the others
        """
        head = _head_of(kept)
        fits = self.is_head(head) and (head.seq, head.hash) == previous
        changed = head.changed if changed is None else changed
        return self._head_text(SealHead((head.sum + added) % WHOLE, *last, changed, ""), fits)

    def start(self, after: tuple[int, str]) -> None:
        """Make the head of a gallery without seals, after an event; those of before are dropped."""
        self._cursor.run("DELETE FROM seal")
        self._cursor.run("INSERT INTO seal (unit, id, mac) VALUES ('head', '', '')")
        check = self._mac("key")
        self._cursor.run("INSERT INTO seal (unit, id, mac) VALUES ('key', '', ?)", check)
        self._keep_head(self._head_text(SealHead(NOTHING, *after, 0, ""), True))

    def adopt(self, last: tuple[int, str], changed: int) -> None:
        """Make the head of seals that were copied, with the old head, from another database.

        last, changed    as for ``close``
        """
        head = self.head()
        fits = self.is_head(head) and (head.seq, head.hash) == last
        self._keep_head(self._head_text(SealHead(self.whole(), *last, changed, ""), fits))

    def head(self) -> SealHead:
        """Return the head as it is kept."""
        return _head_of(self.head_text())

    def head_text(self) -> str | None:
        """Return the text of the head's row; None where there is no such row."""
        found = self._cursor.one("SELECT mac FROM seal WHERE unit = 'head'")
        return None if found is None else str(found[0])

    def is_key(self) -> bool | None:
        """Tell whether the seals were made with this key; None where they are gone or none yet."""
        found = self._cursor.one("SELECT mac FROM seal WHERE unit = 'key'")
        return None if found is None else hmac.compare_digest(str(found[0]), self._mac("key"))

    def is_head(self, head: SealHead) -> bool:
        """Tell whether a head is as it was written."""
        return hmac.compare_digest(head.digest, self._mac("head", head.text()))

    def whole(self) -> int:
        """Return the sum over all seals that are kept."""
        whole, last = NOTHING, ("", "")
        while True:
            rows = self._cursor.rows(
                "SELECT unit, id, mac FROM seal WHERE (unit, id) > (?, ?) ORDER BY unit, id "
                "LIMIT 10000",
                *last,
            )
            whole += sum(self._share(*row) for row in rows if row[0] not in ("head", "key"))
            if not rows:
                return whole % WHOLE
            last = rows[-1][:2]

    def kept(self, unit: str, keys: Iterable[Key]) -> dict[Key, str]:
        """Return the seals that are kept of some rows or files, by their key."""
        by_text = {str(key): key for key in keys}
        sql = "SELECT id, mac FROM seal WHERE unit = ? AND id IN"
        return {by_text[row[0]]: row[1] for row in rows_in(self._cursor, sql, by_text, unit)}

    def computed(self, unit: str, keys: Iterable[Key]) -> dict[Key, str]:
        """Return the seals that some rows have to have, by their key."""
        one, rows = UNITS[unit], dict[Key, list[list[Any]]]()
        sql = f"SELECT {one.key}, {one.columns} FROM {one.table} WHERE {one.only} AND {one.key} IN"
        for key, *values in rows_in(self._cursor, sql, keys):
            rows.setdefault(key, []).append(values)
        return {
            key: self._mac(unit, key, sorted(found) if len(found) > 1 else found)
            for key, found in rows.items()
        }

    def of_file(self, picture: str, content: bytes) -> str:
        """Return the seal that a picture's file has to have."""
        return self._mac(FILE, picture, content)

    def _sealed_rows(self) -> int:
        """Keep the seals of rows that were touched; return what that adds to the sum."""
        added, units = 0, dict[str, list[Key]]()
        for unit, key in self._kept:
            units.setdefault(unit, []).append(key)
        for unit, keys in units.items():
            now = self.computed(unit, keys)
            fresh: dict[Key, str | None] = {key: now.get(key) for key in keys}
            for key in keys:
                if (unit, key) in self._broken and key in now:
                    fresh[key] = self._kept[unit, key]
            added += self._keep(unit, {key: self._kept[unit, key] for key in keys}, fresh)
        return added

    def _sealed_files(self) -> int:
        kept = self.kept(FILE, self._files)
        return self._keep(FILE, {key: kept.get(key) for key in self._files}, self._files)

    def _keep(self, unit: str, before: dict[Key, str | None], now: dict[Key, str | None]) -> int:
        changed = [key for key in now if now[key] != before[key]]
        gone = [(unit, str(key)) for key in changed if before[key] is not None]
        come = [(unit, str(key), mac) for key in changed if (mac := now[key]) is not None]
        if gone:
            self._cursor.many("DELETE FROM seal WHERE unit = ? AND id = ?", gone)
        if come:
            self._cursor.many("INSERT INTO seal (unit, id, mac) VALUES (?, ?, ?)", come)
        return sum(self._share(*row) for row in come) - sum(
            self._share(unit, str(key), mac) for key in changed if (mac := before[key]) is not None
        )

    def _head_text(self, head: SealHead, fits: bool) -> str:
        return f"{head.text()}:{self._mac('head', head.text()) if fits else BROKEN}"

    def _keep_head(self, text: str) -> None:
        self._cursor.run("UPDATE seal SET mac = ? WHERE unit = 'head'", text)

    def _share(self, unit: str, key: str, mac: str) -> int:
        """Return what a seal adds to the sum: nobody without the key can know it."""
        return int(hmac.digest(self._key, f"sum:{unit}:{key}:{mac}".encode(), "sha256").hex(), 16)

    def _mac(self, *what: Any) -> str:
        text = json.dumps(what, separators=(",", ":"), default=_hashed)
        return hmac.digest(self._key, text.encode(), "sha256").hex()[:32]


def _head_of(text: str | None) -> SealHead:
    parts = (text or "").split(":")
    try:
        return SealHead(int(parts[0], 16), int(parts[1]), parts[2], int(parts[3]), parts[4])
    except (IndexError, ValueError):
        return SealHead(NOTHING, 0, "", 0, BROKEN)


def _hashed(value: Any) -> str:
    return hashlib.sha256(value).hexdigest()
