"""In which region a client is, by its network: what an operator says, the narrowest network first.

A table for each length of prefix makes an answer cost one look-up a length, however many networks there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

_REGION: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_LONGEST: Final = 64
_BITS: Final = {4: 32, 6: 128}


class Regions:
    """``words`` are such as ``10.1.0.0/16=eu-de``, or several with blanks or ends of lines between.

    Raises ValueError with half a sentence for what is something else.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        tables: dict[int, dict[int, dict[int, str]]] = {4: {}, 6: {}}
        for word in (each for given in words for each in given.split()):
            network, region = _read(word)
            key = int(network.network_address) >> (_BITS[network.version] - network.prefixlen)
            table = tables[network.version].setdefault(network.prefixlen, {})
            if table.setdefault(key, region) != region:
                raise ValueError(f"{network} is said to be in two regions")
        self._tables: dict[int, Sequence[tuple[int, dict[int, str]]]] = {
            version: [(_BITS[version] - length, found[length]) for length in sorted(found, reverse=True)]
            for version, found in tables.items()
        }

    def of(self, address: IPv4Address | IPv6Address) -> str:
        """The region of a client; empty where nobody has said."""
        number = int(address)
        for shift, table in self._tables[address.version]:
            region = table.get(number >> shift)
            if region is not None:
                return region
        return ""


def _read(word: str) -> tuple[IPv4Network | IPv6Network, str]:
    text, sign, region = word.partition("=")
    region = region.strip().lower()
    if not sign or len(region) > _LONGEST or not _REGION.match(region):
        raise ValueError(f"'{word[:80]}' is not a network and its region")
    try:
        return ip_network(text.strip()), region
    except ValueError:
        raise ValueError(f"'{text.strip()[:80]}' is not a network") from None
