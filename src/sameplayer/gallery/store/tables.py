"""The tables of a gallery, in the SQL that SQLite and PostgreSQL share.

    setting      what holds for the whole gallery: encoder, purpose, retention, calibration, ...
    latest       number of the last event that changed what answers rest on
    person       a known person; the only place where a name stands
    question     pictures of one unknown person, waiting for somebody to say who it is
    picture      a picture of a person or of a question, its facts, never its file's old name
    vector       the unit row of a picture
    apart        what people said: this picture does not show that person
    event        everything that was done, as a hash chain; ``about`` finds the events of a person
    suppressed   keyed hashes of what was forgotten and must not come back
    once         answers to requests that were sent with a key, so that a repeat changes nothing
    token        who may use the HTTP API, as hashes
    seal         keyed digests of the rows above and of the picture files, see ``seals``

Ids are random. A text in {braces} is a type that the two databases call differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

FORMAT = 2

TABLES = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE latest (changed {integer} NOT NULL);
INSERT INTO latest (changed) VALUES (0);
CREATE TABLE person (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'active',
  merged_into TEXT REFERENCES person(id),
  team TEXT,
  basis TEXT,
  consent TEXT,
  expires TEXT,
  created TEXT NOT NULL,
  revision {integer} NOT NULL,
  pictures {integer} NOT NULL DEFAULT 0,
  mean {bytes}
);
CREATE INDEX person_changed ON person(revision, id, state, pictures);
CREATE INDEX person_merged ON person(merged_into);
CREATE UNIQUE INDEX person_name ON person(name) WHERE state <> 'removed';
CREATE TABLE question (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL DEFAULT 'open',
  asked TEXT NOT NULL,
  revision {integer} NOT NULL,
  answer TEXT
);
CREATE TABLE picture (
  id TEXT PRIMARY KEY,
  person TEXT REFERENCES person(id),
  question TEXT REFERENCES question(id),
  state TEXT NOT NULL DEFAULT 'kept',
  digest TEXT NOT NULL,
  file TEXT,
  high {integer} NOT NULL,
  wide {integer} NOT NULL,
  quality {real} NOT NULL,
  track TEXT,
  team TEXT,
  game TEXT,
  camera TEXT,
  taken TEXT,
  added TEXT NOT NULL,
  pinned_by TEXT
);
CREATE INDEX picture_person ON picture(person);
CREATE INDEX picture_question ON picture(question);
CREATE INDEX picture_digest ON picture(digest);
CREATE TABLE vector (picture TEXT PRIMARY KEY REFERENCES picture(id), data {bytes} NOT NULL);
CREATE TABLE apart (
  picture TEXT NOT NULL REFERENCES picture(id),
  person TEXT NOT NULL REFERENCES person(id),
  PRIMARY KEY (picture, person)
);
CREATE INDEX apart_person ON apart(person);
CREATE TABLE event (
  seq {integer} PRIMARY KEY,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  kind TEXT NOT NULL,
  subjects TEXT NOT NULL,
  detail TEXT,
  salt TEXT,
  digest TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL,
  undone_by {integer}
);
CREATE INDEX event_copy ON event(seq) WHERE kind IN ('export', 're-embed');
CREATE TABLE about (
  subject TEXT NOT NULL,
  seq {integer} NOT NULL REFERENCES event(seq),
  PRIMARY KEY (subject, seq)
);
CREATE TABLE suppressed (hash TEXT PRIMARY KEY, kind TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE once (
  key TEXT PRIMARY KEY, request TEXT NOT NULL, response TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE token (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  label TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created TEXT NOT NULL,
  expires TEXT,
  revoked TEXT
);
"""
SEAL = """
CREATE TABLE seal (unit TEXT NOT NULL, id TEXT NOT NULL, mac TEXT NOT NULL, PRIMARY KEY (unit, id))
"""
UPGRADES = {1: SEAL}  # statements that make tables of this format those of the next

CHANGED = ("person", "question", "picture")  # tables whose rows an event changes and undo restores

# Tables that hold something of a person, all of whose old bytes go when one is forgotten.
ERASED = ("person", "question", "picture", "vector", "apart", "event", "about", "once", "seal")

MADE = re.compile(r"CREATE (?:UNIQUE )?(TABLE|INDEX) (\w+)")


def statements(types: dict[str, str]) -> list[str]:
    """Return the statements that make the tables, with a database's names of types."""
    return [one.strip() for one in (TABLES + SEAL).format(**types).split(";") if one.strip()]


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
