"""Networks that a token may be used from, and what is counted as one place."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from tpi_site.kit.errors import Invalid

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
MOST_NETWORKS = 20
_MAPPED_BITS = 96
"""The length of ``::ffff:0:0``, below which IPv6 writes the addresses of IPv4."""


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks that ``texts`` write as CIDR or as single addresses, each once, in order.

    An IPv4 network written the IPv6 way (``::ffff:192.0.2.0/120``) is the IPv4 one.
    """
    found = {_parse(text) for text in texts}
    if len(found) > MOST_NETWORKS:
        raise Invalid(f"A token names at most {MOST_NETWORKS} networks.", code="token-networks")
    return tuple(sorted(found, key=lambda network: (network.version, int(network.network_address), network.prefixlen)))


def _parse(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
        given = ipaddress.ip_interface(text.strip())
    except ValueError:
        raise Invalid(
            f"{text[:60]!a} is not a network; write one such as 192.0.2.0/24 or 2001:db8::/32.", code="token-networks"
        ) from None
    if given.ip != network.network_address:
        raise Invalid(f"The network {text[:60]} has bits behind its length; write {network}.", code="token-networks")
    mapped = network.network_address.ipv4_mapped if network.version == 6 else None  # noqa: PLR2004  the protocol
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        return ipaddress.IPv4Network((int(mapped), network.prefixlen - _MAPPED_BITS))
    return network


def contains(networks: tuple[Network, ...], address: str) -> bool:
    """Whether ``address`` lies in one of ``networks``; an unreadable address lies nowhere."""
    try:
        parsed: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


def place_of(address: str) -> str:
    """What is counted as one address: of IPv6 the first 64 bits, since whoever has one has all below them."""
    try:
        parsed: Address = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False).network_address)


def are_within(inner: tuple[Network, ...], outer: tuple[Network, ...]) -> bool:
    """Whether every address of ``inner`` is one of ``outer``; of none of either, every address is meant."""
    if not outer:
        return True
    return bool(inner) and all(any(_is_part(network, of) for of in outer) for network in inner)


def _is_part(network: Network, of: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network):
        return isinstance(of, ipaddress.IPv4Network) and network.subnet_of(of)
    return isinstance(of, ipaddress.IPv6Network) and network.subnet_of(of)
