"""The secrets of upstreams: what they are sealed for, and opening them again.

They are bound to the place that they are shown to: who may write to the database and has no key could else let another server
have them, by changing an address.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import NamedTuple

from accounts.services.keys.sealed_columns import SealedColumn
from indexapp.models import Upstream
from tpi_site.kit import sealing


class _Binding(NamedTuple):
    words: str
    bound_to: tuple[str, ...]


_PLACE = ("index_id", "url", "ca_certificates")
BINDINGS = {
    "password": _Binding("passwords of upstreams", _PLACE),
    "client_key": _Binding("keys of client certificates for upstreams", (*_PLACE, "client_certificate")),
    "proxy_password": _Binding("passwords of upstreams' proxies", ("index_id", "proxy_url")),
}
"""The columns that hold them, and the fields that say where each one goes."""
NAMES = frozenset(BINDINGS)


def opened(upstream: Upstream) -> dict[str, str]:
    """Each secret in clear, by its field; empty where there is none."""
    return {name: sealing.unseal(getattr(upstream, name), purpose(upstream, name)) for name in BINDINGS}


def purpose(upstream: Upstream, name: str) -> str:
    """What the secret ``name`` is sealed for, as the row says now."""
    return _purpose_of(name)(*(getattr(upstream, field) for field in BINDINGS[name].bound_to))


def _purpose_of(name: str) -> Callable[..., str]:
    def purpose_of(number: int, *where: object) -> str:
        return f"upstream:{name}:{number}:{hashlib.sha256(json.dumps(where).encode()).hexdigest()}"

    return purpose_of


SEALED = tuple(
    SealedColumn(binding.words, Upstream, name, binding.bound_to, _purpose_of(name))
    for name, binding in BINDINGS.items()
)
"""For rotations, backups and the counts of the console."""
