"""Jobs of the index, run by the job cluster; each may run twice, and each finds its work by looking."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from indexapp.services import blobs


def sweep_blobs() -> int:
    """Remove stored bytes that nothing refers to and that nobody put lately; returns how many."""
    return blobs.sweep(older_than=timezone.now() - timedelta(hours=settings.TPI_ORPHAN_GRACE_HOURS))
