"""Bytes of a replica that the scrub, fsck or a reader found to be damaged come from the primary again.

What is to be healed is found by looking at what is held back, so that it does not matter who found it, and when.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.domain.actors import internal
from indexapp.models import Blob, File, WantedBlob
from indexapp.services.integrity import quarantine, repair
from indexapp.storage import Spool
from tpi_site.kit import locking

_ACTOR = internal("replication")
_LOCK = "replication-blobs"
_AT_ONCE = 200


def want_damaged() -> int:
    """Put what is held back on the list of what is fetched; returns how many are new there.

    An index over damaged rows alone answers where there are none.
    """
    damaged = Blob.objects.filter(damaged_at__isnull=False).exclude(sha256__in=WantedBlob.objects.values("sha256"))
    rows = list(damaged.order_by("pk")[:_AT_ONCE])
    if not rows:
        return 0
    with transaction.atomic():
        locking.hold(_LOCK)
        wanted = [
            WantedBlob(sha256=blob.sha256, size=blob.size, files=_files_of(blob), next_at=timezone.now())
            for blob in rows
        ]
        WantedBlob.objects.bulk_create(wanted, ignore_conflicts=True)
    return len(rows)


def _files_of(blob: Blob) -> list[int]:
    files = File.objects.filter(Q(blob=blob) | Q(metadata_blob=blob)).order_by("pk")
    return list(files.values_list("pk", flat=True))


def heal(wanted: WantedBlob, spool: Spool) -> bool:
    """Put the proved bytes in the place of damaged ones, which are served again; whether there were such."""
    blob = Blob.objects.filter(sha256=wanted.sha256, damaged_at__isnull=False).first()
    if blob is None:
        return False
    repair.put_anew(actor=_ACTOR, blob=blob, spool=spool)
    WantedBlob.objects.filter(pk=wanted.pk).delete()
    quarantine.ring()
    return True
