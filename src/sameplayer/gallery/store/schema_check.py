"""What a gallery's database has to hold: its own tables and indexes, nothing that acts alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sameplayer.gallery.store.tables import statements

MADE = re.compile(r"CREATE (?:UNIQUE )?(TABLE|INDEX) (\w+)")
SQLITE = "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
# Tables, views and the like; the indexes of primary keys and of UNIQUE columns come by themselves.
POSTGRES = """SELECT CASE WHEN relkind = 'i' THEN 'index' WHEN relkind = 'r' THEN 'table'
  WHEN relkind IN ('v', 'm') THEN 'view' ELSE 'relation' END, relname::text
FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
  AND oid NOT IN (SELECT conindid FROM pg_constraint)
UNION ALL SELECT 'trigger', tgname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND NOT tgisinternal
UNION ALL SELECT 'rule', rulename::text FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND relkind = 'r'"""


def wrong_schema(found: Iterable[tuple[str, str]]) -> list[str]:
    """Compare what a database holds, kinds and names, with what the gallery made; say it in words.

    A trigger or a rule would change rows whenever the gallery does, and have them sealed as right.
    """
    there, own = set(found), own_schema()
    return [
        *(
            f"{kind} {name!r}: added by other means than the gallery"
            for kind, name in sorted(there - own)
        ),
        *(
            f"{kind} {name!r}: removed by other means than the gallery"
            for kind, name in sorted(own - there)
        ),
    ]


def own_schema() -> set[tuple[str, str]]:
    """Return the tables and indexes of a gallery, kinds and names."""
    types = {"integer": "", "bytes": "", "real": ""}
    made = (MADE.match(one) for one in statements(types))
    return {(one[1].lower(), one[2]) for one in made if one is not None}
