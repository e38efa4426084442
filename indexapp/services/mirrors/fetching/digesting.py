"""Holding what came against what the upstream had said."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from indexapp.domain.digests import MultiDigest

_COMPUTED_ANYWAY = frozenset({"sha256", "md5"})
_FIXED_LENGTH = hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}


class Mismatch(Exception):
    """The bytes are not those that were announced; the sentence says in what."""


class Proof:
    """The digests of the bytes so far: those that are kept of every file, and whatever else was announced."""

    def __init__(self, announced: Mapping[str, str]) -> None:
        self.ours = MultiDigest()
        self._announced = {name: digest for name, digest in announced.items() if name in _FIXED_LENGTH}
        self._others = {
            name: hashlib.new(name, usedforsecurity=False) for name in self._announced.keys() - _COMPUTED_ANYWAY
        }

    def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.ours.update(piece)
        for digest in self._others.values():
            digest.update(piece)

    def require(self, size: int | None) -> None:
        """Raises :class:`Mismatch` unless size and digests are those that were announced."""
        if size is not None and self.ours.size != size:
            raise Mismatch(f"it has {self.ours.size} bytes where {size} were announced")
        found = {"sha256": self.ours.sha256, "md5": self.ours.md5}
        found |= {name: digest.hexdigest() for name, digest in self._others.items()}
        for name, digest in sorted(self._announced.items()):
            if found[name] != digest:
                raise Mismatch(f"its {name} is {found[name]} where {digest} was announced")
