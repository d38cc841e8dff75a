"""Who a request comes from: found once, and never more than the token allows."""

from __future__ import annotations

import pytest

from sameplayer.serve import service
from sameplayer.serve.limits import Limits
from sameplayer.serve.problems import Refused
from sameplayer.serve.service import OWNER, Service
from sameplayer.serve.tokens import find_token, make_token, revoke_token


def test_a_token_that_is_revoked_between_two_looks_never_becomes_the_owner(
    gallery, monkeypatch
) -> None:
    text = make_token(gallery, "x", ["read"])

    def revoked_after(own, given):
        found = find_token(own, given)
        revoke_token(own, text)
        return found

    monkeypatch.setattr(service, "find_token", revoked_after)
    served = Service({"club": gallery}, Limits(), ["owner-of-the-tests"])
    found = served.caller(text, None)
    assert (found.token.id, found.token.scopes) == (text.split(".")[0], ("read",))
    assert found.galleries == (gallery,)
    assert not found.is_owner
    with pytest.raises(Refused, match="not known"):
        served.caller(text, None)
    owner = served.caller("owner-of-the-tests", None)
    assert (owner.token, owner.galleries) == (OWNER, (gallery,))
