"""Proofs with which a primary and its replica ask one another whether the replica took over.

Both hold the keyed digest of the replica's secret: the primary because it keeps nothing else of it, the replica because it can
compute it.  Whoever answers at an address without it is not believed.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from indexapp.domain.replication.rows import as_line

_LONGEST_URL = 500


def asking(digest: str, nonce: str) -> str:
    """What a primary shows of its knowledge of ``digest``; ``nonce`` is new for each question."""
    return _proof(digest, b"tpi replication: did you take over?", nonce.encode())


def answering(digest: str, nonce: str, said: Mapping[str, Any]) -> str:
    """What a replica shows with its answer ``said`` to the question with that nonce."""
    return _proof(digest, b"tpi replication: so it is", nonce.encode(), as_line(dict(said)))


def _proof(digest: str, *parts: bytes) -> str:
    return hmac.new(digest.encode(), b"\x1f".join(parts), sha256).hexdigest()


@dataclass(frozen=True)
class Claim:
    """That a site took over, or is about to: at ``url``, with ``epoch``, from whoever went on after ``began_after``."""

    site: UUID
    url: str
    epoch: UUID
    began_after: int
    is_final: bool = True

    def as_json(self) -> dict[str, Any]:
        """For the way."""
        return {
            "site": str(self.site),
            "url": self.url,
            "epoch": str(self.epoch),
            "began_after": self.began_after,
            "is_final": self.is_final,
        }

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Claim:
        """As it came; raises KeyError, TypeError, ValueError where it is none."""
        url = said["url"]
        if not isinstance(url, str) or not url.startswith(("http://", "https://")) or len(url) > _LONGEST_URL:
            raise ValueError("no address")
        if not isinstance(said["is_final"], bool) or isinstance(said["began_after"], bool):
            raise TypeError("is_final")
        return cls(UUID(str(said["site"])), url, UUID(str(said["epoch"])), int(said["began_after"]), said["is_final"])
