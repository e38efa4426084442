"""What an auditor asks about encryption at rest, without any key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from accounts import permissions
from accounts.domain.actors import Actor
from accounts.models import AuditEntry
from accounts.services.keys import contents, sealed_columns
from tpi_site.kit import key_ring
from tpi_site.kit.errors import Unavailable
from tpi_site.kit.key_ring import KeyRing

NOT_ENCRYPTED = (
    "names, versions and sizes of projects and files, and their metadata, in the database",
    "the search index",
    "accounts, rights, the audit log and the change log, in the database and its exports",
    "pages and files in the memory of the processes",
)
"""What lies open for who reads the database or the memory."""


@dataclass(frozen=True)
class Key:
    """A key of the ring, or one that the ring has not and that something is wrapped with."""

    id: str
    is_current: bool
    is_in_ring: bool
    created_at: datetime | None
    wraps: dict[str, int]
    """How many texts of each kind."""
    given_up_at: datetime | None = None
    """Since when others may know it; what was sealed before is to be sealed anew."""


@dataclass(frozen=True)
class Status:
    """``coverage`` is the percentage of blobs that lie sealed, of 0 to 100; 100 where there are none."""

    is_sealing: bool
    algorithms: dict[str, str]
    ring_source: str
    keys: list[Key]
    plain: dict[str, int]
    coverage: float
    last_rotation_at: datetime | None
    waiting: int
    """How many texts another key than the current one wraps: what a rotation has still to do."""
    source_fault: str
    """Why the source of the keys does not answer, or the ring cannot be read; empty where all is well."""
    source_answered_at: datetime | None
    """When a source outside answered last, as the answering process knows; None where none is asked."""
    not_encrypted: tuple[str, ...] = NOT_ENCRYPTED


_ALGORITHMS = {
    "data keys and secrets": "AES-256-GCM under a key of the key ring, with the purpose bound in",
    "object names": "HMAC-SHA256 of the content's SHA-256",
}


def status(*, actor: Actor) -> Status:
    """Keys, coverage and what is not encrypted; one grouped statement for each kind of sealed text."""
    permissions.require_reader_of_everything(actor, "read how the installation is encrypted")
    counts = {column.words: column.by_key() for column in sealed_columns.columns()}
    plain = {column.words: column.plain() for column in sealed_columns.columns() if column.is_all_sealed}
    total = sum(plain.values()) + sum(sum(counts[words].values()) for words in plain)
    last = AuditEntry.objects.filter(action="keys.rewrap").order_by("-pk").values_list("at", flat=True).first()
    coverage = 100.0 * (total - sum(plain.values())) / total if total else 100.0
    found, ring = key_ring.standing(), _ring()
    return Status(
        settings.TPI_ENCRYPT,
        contents.algorithms() | _ALGORITHMS,
        settings.TPI_KEYRING.partition(":")[0],
        _keys(ring, counts),
        plain,
        round(coverage, 2),
        last,
        _waiting(ring, counts),
        found.fault,
        _answered_at(found),
    )


def _ring() -> KeyRing:
    """The ring; one without keys where it cannot be opened now, of which the fault tells."""
    try:
        return key_ring.key_ring()
    except Unavailable:
        return KeyRing("", {})


def _waiting(ring: KeyRing, counts: dict[str, dict[str, int]]) -> int:
    if not ring.keys:
        return 0
    return sum(number for found in counts.values() for key_id, number in found.items() if key_id != ring.current)


def _answered_at(found: key_ring.Standing) -> datetime | None:
    if not found.is_outside or found.answered_ago is None:
        return None
    return timezone.now() - timedelta(seconds=round(found.answered_ago))


def _keys(ring: KeyRing, counts: dict[str, dict[str, int]]) -> list[Key]:
    ids = [*ring.keys, *sorted({key_id for found in counts.values() for key_id in found} - set(ring.keys))]
    return [
        Key(
            key_id,
            key_id == ring.current,
            key_id in ring.keys,
            ring.created.get(key_id),
            {words: found[key_id] for words, found in counts.items() if key_id in found},
            ring.given_up.get(key_id),
        )
        for key_id in ids
    ]
