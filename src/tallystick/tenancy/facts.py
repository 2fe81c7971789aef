"""What is known of a request, whichever way it came: the one form that decisions are made of."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tallystick.errors import BadRequest, SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Network", "RequestFacts", "host_of", "networks"]

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
"""Addresses that a proxy of ours may have."""

_LONGEST_HOST: Final = 253


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """A request: its method, its path inside this program, its query, its headers, its sender.

    Names of headers are in small letters.  `peer` is the address of who connected, None where it
    is not known (a socket of this machine).  `request_id` is the one that stands in the log, `raw`
    the ASGI scope or the WSGI environment.
    """

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    peer: str | None = None
    request_id: str = "-"
    raw: Any = None

    def header(self, name: str) -> str | None:
        """Give the value of a header, None where it was not sent.

        Raises BadRequest where it was sent twice: two readers could believe two different ones.
        """
        wanted = name.lower()
        found = [value for each, value in self.headers if each == wanted]
        if len(found) > 1:
            raise BadRequest(f"the header {name} is sent {len(found)} times: send it once")
        return found[0].strip() if found else None


def networks(written: Iterable[str]) -> tuple[Network, ...]:
    """Read the addresses of proxies: `10.0.0.0/8`, `::1`.  Raises SetupError."""
    if isinstance(written, str):
        raise SetupError("trusted_proxies is a list of addresses, such as ['10.0.0.0/8']")
    try:
        return tuple(ipaddress.ip_network(each) for each in written)
    except ValueError as error:
        raise SetupError(f"trusted_proxies: {error}") from None


def host_of(request: RequestFacts, proxies: tuple[Network, ...]) -> str | None:
    """Give the host that was asked for, in small letters, without its port.

    `X-Forwarded-Host` counts only where a declared proxy sent it; from anyone else it is the
    wish of a stranger.

    Raises BadRequest for a host that is none.
    """
    sent = request.header("host")
    if _is_one_of(request.peer, proxies):
        sent = request.header("x-forwarded-host") or sent
    if not sent:
        return None
    host = sent.lower()
    name = host[1:].partition("]")[0] if host[:1] == "[" else host.partition(":")[0]
    name = name.removesuffix(".")
    plain = name.replace(".", "").replace("-", "").replace(":", "").isalnum() and name.isascii()
    if not plain or len(name) > _LONGEST_HOST:
        raise BadRequest("the host that was asked for is no name of a host")
    return name


def _is_one_of(peer: str | None, proxies: tuple[Network, ...]) -> bool:
    if peer is None or not proxies:
        return False
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in proxies)
