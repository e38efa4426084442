"""Jobs of the index, run by the job cluster; each may run twice, and each finds its work by looking."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from accounts.domain.actors import internal
from indexapp.services import garbage, resealing
from indexapp.services.integrity import checking

_SEAL_SECONDS = 30.0
"""Other jobs wait no longer than that, and for the content that is begun last."""


def sweep_blobs() -> int:
    """Remove stored bytes that nothing refers to and that nobody put lately; returns how many."""
    return garbage.collect(older_than=timezone.now() - timedelta(hours=settings.TPI_ORPHAN_GRACE_HOURS))


def seal_plain_blobs() -> int:
    """Seal contents that lie plain, for half a minute; returns how many."""
    if not settings.TPI_ENCRYPT or not resealing.plain().exists():
        return 0
    return resealing.seal_plain(actor=internal("encryption"), seconds=_SEAL_SECONDS).done


def examine_blob(sha256: str) -> str:
    """Look closely at a content of which a reader saw something wrong; returns what is wrong with it."""
    fault = checking.check_one(actor=internal("fsck"), sha256=sha256)
    return str(fault or "")
