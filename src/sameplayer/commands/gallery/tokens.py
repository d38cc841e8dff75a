"""The verbs for tokens: who may use the pages and the API of a gallery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import tyro

from sameplayer.commands.gallery.gallery import Club, Who
from sameplayer.commands.shared import say

Token = tyro.conf.Positional[
    Annotated[str, tyro.conf.arg(metavar="TOKEN", help="Id of a token, or its whole text.")]
]


def token(
    gallery: Club, label: str, scopes: tuple[str, ...], expires: str | None = None, who: Who = Who()
) -> None:
    """Make a token for serve; its text is printed once, and kept nowhere.

    Args:
        label: What it is for, such as "phone at the field"; no player's name.
        scopes: What it may do: read, answer, correct, admin.
        expires: Day from which it counts no more (2026-12-31).
    """
    from sameplayer.gallery.tokens import make_token

    with who.open(gallery) as opened:
        print(make_token(opened, label, scopes, expires, actor=who.actor))


def tokens(gallery: Club, who: Who = Who()) -> None:
    """List the tokens of a gallery."""
    from sameplayer.gallery.tokens import list_tokens

    with who.open(gallery) as opened:
        found = list_tokens(opened)
    for one in found:
        over = f"  until {one.expires}" if one.expires else ""
        gone = f"  revoked {one.revoked}" if one.revoked else ""
        say(f"{one.id}  {one.label}  {' '.join(one.scopes)}{over}{gone}")
    print(f"{len(found)} tokens")


def revoke(gallery: Club, token: Token, who: Who = Who()) -> None:
    """Refuse a token from now on."""
    from sameplayer.gallery.tokens import revoke_token

    with who.open(gallery) as opened:
        print(f"{revoke_token(opened, token, actor=who.actor).id} is refused from now on")


VERBS: dict[str, Callable[..., Any]] = {"token": token, "tokens": tokens, "revoke": revoke}
