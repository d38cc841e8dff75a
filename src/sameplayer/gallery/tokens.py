"""Who may use a gallery over the network: tokens, of which the gallery keeps only hashes.

A token is ``id.secret``. Whoever has it may do what its scopes say, in its gallery:

    read       see persons, pictures, questions and events
    query      ask whose pictures these are
    correct    enrol, and say who is who
    admin      forget, export, and all of the above
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sameplayer.errors import ConfigError, MissingFile, SettingError, did_you_mean
from sameplayer.gallery.core.events import iso
from sameplayer.gallery.core.gallery import GalleryCore

SCOPES = ("read", "query", "correct", "admin")
COLUMNS = "id, label, scopes, created, expires, revoked"


@dataclass(frozen=True)
class Token:
    """What is known of a token: everything but its secret. Times are ISO 8601, UTC."""

    id: str
    label: str
    scopes: tuple[str, ...]
    created: str
    expires: str | None = None
    revoked: str | None = None

    def allows(self, scope: str) -> bool:
        """Tell whether the token has a scope; ``admin`` has all."""
        return scope in self.scopes or "admin" in self.scopes

    def over(self, now: datetime) -> str | None:
        """Return why the token counts no more: "revoked", "expired", or None."""
        if self.revoked is not None:
            return "revoked"
        if self.expires is not None and datetime.fromisoformat(self.expires) <= now:
            return "expired"
        return None


def make_token(
    gallery: GalleryCore,
    label: str,
    scopes: Iterable[str],
    expires: str | None = None,
    *,
    actor: str = "",
) -> str:
    """Make a token and return its text, which is kept nowhere: it cannot be shown again.

    label      what it is for, such as "phone at the field"; no player's name
    scopes     of SCOPES
    expires    ISO date or moment from which it counts no more; None: never

    Raises ConfigError for an unknown scope, SettingError for an empty label and for what is no
    moment to come.
    """
    chosen = check_scopes(scopes)
    cleaned = " ".join(label.split())
    if not cleaned or len(cleaned) > 100 or not cleaned.isprintable():
        raise SettingError("label", repr(label), "what the token is for, on one line")
    until = None if expires is None else _moment(expires)
    key, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    with gallery.change(actor, "token") as change:
        change.touch("token", key, new=True)
        change.cursor.run(
            f"INSERT INTO token (hash, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, NULL)",
            hash_of(secret),
            key,
            cleaned,
            " ".join(chosen),
            change.at,
            until,
        )
        change.done(token=key, scopes=chosen)
    return f"{key}.{secret}"


def check_scopes(scopes: Iterable[str]) -> list[str]:
    """Return scopes in the order of SCOPES, each once; ConfigError for others, or for none."""
    given = list(scopes)
    for one in given:
        if one not in SCOPES:
            raise ConfigError(
                f"Scope {one!r} is unknown.{did_you_mean(one, SCOPES)} Scopes: {', '.join(SCOPES)}."
            )
    if not given:
        raise ConfigError(f"A token without a scope; expected one or more of {', '.join(SCOPES)}.")
    return [one for one in SCOPES if one in given]


def list_tokens(gallery: GalleryCore) -> list[Token]:
    """Return all tokens by age, also those that count no more."""
    with gallery.database.read() as cursor:
        rows = cursor.rows(f"SELECT {COLUMNS} FROM token ORDER BY created, id")
    return [_token(row) for row in rows]


def revoke_token(gallery: GalleryCore, key: str, *, actor: str = "") -> Token:
    """Refuse a token from now on, by its id or its whole text; MissingFile where there is none."""
    wanted = key.split(".")[0]
    with gallery.change(actor, "token") as change:
        row = change.cursor.one(f"SELECT {COLUMNS} FROM token WHERE id = ?", wanted)
        if row is None:
            raise MissingFile(f"No token {wanted!r} in this gallery; expected the id of one.")
        if row[5] is None:
            change.touch("token", wanted)
            change.cursor.run("UPDATE token SET revoked = ? WHERE id = ?", change.at, wanted)
            change.done(token=wanted, revoked=True)
            row = (*row[:5], change.at)
    return _token(row)


def find_token(gallery: GalleryCore, text: str) -> Token | None:
    """Return the token of this text that counts now, or None."""
    key, _, secret = text.partition(".")
    if not re.fullmatch("[0-9a-f]{12}", key):  # no id: the database is not asked
        return None
    with gallery.database.read() as cursor:
        row = cursor.one(f"SELECT {COLUMNS}, hash FROM token WHERE id = ?", key)
    # A hash is compared also where there is no such id, so that both take as long.
    right = hmac.compare_digest(hash_of(secret), hash_of("") if row is None else str(row[6]))
    if row is None or not right or not secret:
        return None
    token = _token(row[:6])
    return token if token.over(datetime.now(UTC)) is None else None


def any_token(gallery: GalleryCore) -> bool:
    """Tell whether a token of the gallery counts now."""
    now = datetime.now(UTC)
    return any(one.over(now) is None for one in list_tokens(gallery))


def hash_of(secret: str) -> str:
    """Return the SHA-256 of a secret of 256 random bits: nothing slower is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _token(row: tuple) -> Token:
    scopes = ("query" if name == "answer" else name for name in str(row[2]).split())
    return Token(row[0], row[1], tuple(scopes), *row[3:6])  # "answer": galleries of before


def _moment(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SettingError("expires", repr(text), "an ISO date, such as 2027-06-30") from None
    moment = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    if moment <= datetime.now(UTC):
        raise SettingError("expires", repr(text), "a date to come")
    return iso(moment)
