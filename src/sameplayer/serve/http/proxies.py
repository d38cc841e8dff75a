"""Where a request comes from and which host it names, also behind proxies that are trusted."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Scope

from sameplayer.serve.http.hosts import HOST, Hosts, address_of
from sameplayer.serve.http.http_errors import Refused


def seen(scope: Scope, hosts: Hosts) -> Scope:
    """Return the ASGI scope with the client, scheme and host that a trusted proxy names."""
    if not hosts.trusts(address_of((scope.get("client") or ("",))[0])):
        return scope
    headers = MutableHeaders(raw=list(scope["headers"]))
    client, scheme = scope["client"], scope["scheme"]
    for hop in reversed(_listed(headers, "x-forwarded-for")):
        found = address_of(hop)
        if found is None:
            break
        client = (str(found), 0)
        if not hosts.trusts(found):
            break
    for said in _listed(headers, "x-forwarded-proto")[-1:]:
        scheme = said.lower() if said.lower() in ("http", "https") else scheme
    for host in _listed(headers, "x-forwarded-host")[-1:]:
        headers["host"] = host
    return {**scope, "client": client, "scheme": scheme, "headers": headers.raw}


def refuse_host(scope: Scope, hosts: Hosts) -> Refused | None:
    """Return the error for a request that names a malformed host, or one that is not served."""
    named = Headers(scope=scope).get("host", "")
    if not named:
        return None
    found = HOST.fullmatch(named)
    if found is None or int(found["port"] or 0) > 65535:
        return Refused(
            400,
            "the header Host is malformed",
            where="header Host",
            expected="HOST or HOST:PORT",
            found=named,
        )
    if hosts.serves(found["name"], (scope.get("server") or ("",))[0]):
        return None
    return Refused(
        421,
        "this host is not served here",
        where="header Host",
        expected="localhost, or an allowed host",
        found=named,
        hint="add it to allowed_hosts of the server",
    )


def _listed(headers: Headers, name: str) -> list[str]:
    """Return the values of a header that may be given several times, in order."""
    values = ",".join(headers.getlist(name)).split(",")
    return [one.strip() for one in values if one.strip()]
