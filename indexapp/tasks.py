"""Jobs of the index, run by the job cluster; each may run twice, and each finds its work by looking."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from accounts.domain.actors import internal
from indexapp.services import garbage
from indexapp.services.integrity import checking
from tpi_site.kit.read_only import pauses


@pauses
def sweep_blobs() -> int:
    """Remove stored bytes that nothing refers to and that nobody put lately; returns how many."""
    return garbage.collect(older_than=timezone.now() - timedelta(hours=settings.TPI_ORPHAN_GRACE_HOURS))


def examine_blob(sha256: str) -> str:
    """Look closely at a content of which a reader saw something wrong; returns what is wrong with it."""
    fault = checking.check_one(actor=internal("fsck"), sha256=sha256)
    return str(fault or "")
