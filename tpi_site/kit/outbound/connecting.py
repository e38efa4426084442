"""Names, addresses and the first packet."""

from __future__ import annotations

import ipaddress
import socket
import time

from django.conf import settings

from tpi_site.kit.outbound.failures import Code, OutboundFailed, reason
from tpi_site.kit.request_context import is_within

TIMEOUT = 10.0
"""Seconds for connecting and for each step after that; for :func:`tpi_site.kit.outbound.post`, for all of it."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_RETIRED = (ipaddress.IPv6Network("fec0::/10"), ipaddress.IPv6Network("::/96"))
"""Site-local and IPv4-compatible addresses: no standard routes them any more, but some kernel may."""


def connect(host: str, port: int, *, timeout: float = TIMEOUT) -> socket.socket:
    """A TCP connection to an address of ``host`` that may be reached."""
    if (addresses := resolved(host, port)) is None:
        raise OutboundFailed(f"The name {host} cannot be resolved.")
    end = time.monotonic() + timeout
    failure: OSError = TimeoutError("timed out")
    for address in allowed_of(host, addresses):
        if (left := end - time.monotonic()) <= 0:
            break
        try:
            return socket.create_connection((address, port), left)
        except OSError as error:
            failure = error
    code = Code.TOO_SLOW if isinstance(failure, TimeoutError) else Code.UNREACHABLE
    raise OutboundFailed(f"{host} port {port} cannot be reached: {reason(failure)}.", code)


def resolved(host: str, port: int) -> list[str] | None:
    """The addresses of a name, the preferred one first; None where it has none.

    The system's resolver has time-outs of its own, which no deadline here shortens.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def allowed_of(host: str, addresses: list[str]) -> list[str]:
    """Those that may be reached; raises OutboundFailed where none may."""
    if allowed := [address for address in addresses if is_allowed(address)]:
        return allowed
    raise OutboundFailed(
        f"{host} is at {addresses[0]}, a local or private address; TPI_OUTBOUND_NETWORKS does not name its network.",
        Code.NOT_ALLOWED,
    )


def is_allowed(address: str) -> bool:
    """Whether a connection to ``address`` may be made."""
    parsed = _inner(ipaddress.ip_address(address.partition("%")[0]))
    is_public = parsed.is_global and not parsed.is_multicast and not any(parsed in network for network in _RETIRED)
    return is_public or is_within(str(parsed), settings.TPI_OUTBOUND_NETWORKS)


def _inner(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that a gateway would make of an IPv6 address, as where only IPv6 is spoken."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped or address.sixtofour:
            return address.ipv4_mapped or address.sixtofour or address
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
