"""Which proxies are believed, and which host names are served."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import tyro

from sameplayer.errors import SettingError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:(?P<port>\d{1,5}))?", re.IGNORECASE)


@dataclass(frozen=True)
class Hosts:
    """Which proxies are believed, and which host names are served."""

    trusted_proxies: Annotated[tuple[str, ...], tyro.conf.arg(help_behavior_hint="")] = ()
    """Addresses or networks of proxies (127.0.0.1, 10.0.0.0/8): their X-Forwarded-For,
    X-Forwarded-Proto and X-Forwarded-Host are believed; those of others are ignored."""
    allowed_hosts: Annotated[tuple[str, ...], tyro.conf.arg(help_behavior_hint="")] = ()
    """Host names that are served (club.example). Without any, a connection from this machine may
    name this machine only, and others may name any host."""

    def __post_init__(self) -> None:
        for one in self.trusted_proxies:
            try:
                ipaddress.ip_network(one, strict=False)
            except ValueError:
                raise SettingError(
                    "trusted_proxies", repr(one), "an address or a network, such as 10.0.0.0/8"
                ) from None
        for one in self.allowed_hosts:
            found = HOST.fullmatch(one)
            if found is None or found["port"]:
                raise SettingError(
                    "allowed_hosts", repr(one), "a host name without a port, such as club.example"
                )

    @cached_property
    def _trusted(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        return [ipaddress.ip_network(one, strict=False) for one in self.trusted_proxies]

    def trusts(self, address: Address | None) -> bool:
        """Tell whether a proxy of this address is believed."""
        return address is not None and any(address in one for one in self._trusted)

    def serves(self, name: str, own: str) -> bool:
        """Tell whether a request may name this host; ``own`` is the server's end of it.

        Otherwise a page of another site could lead its name to this machine's address, and read
        the server's answers as its own.
        """
        if not self.allowed_hosts and not is_loopback(own):
            return True
        allowed = {one.lower() for one in (*self.allowed_hosts, own, f"[{own}]")}
        return name.lower() in allowed or is_loopback(name.strip("[]"))


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address or a name."""
    if host.lower() == "localhost":
        return True
    found = address_of(host)
    return found is not None and found.is_loopback


def address_of(text: str) -> Address | None:
    """Return an IP address, with or without a port; None for anything else."""
    found = re.fullmatch(r"\[(?P<six>[^\]]+)\](:\d+)?|(?P<four>[\d.]+)(:\d+)?|(?P<bare>.+)", text)
    try:
        parts = {} if found is None else found.groupdict()
        address = ipaddress.ip_address(next(filter(None, parts.values()), ""))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
