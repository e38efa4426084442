"""Asking an upstream for a page at once, however fresh what is known of it is: for jobs, which may wait."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from indexapp.models import MirroredProject
from indexapp.services.mirrors import asking
from indexapp.services.serving.index_map import ServedIndex
from tpi_site.kit.errors import Unavailable

_JUST = timedelta(seconds=10)
"""What was asked for within that time is not asked for again."""
_LOOK_AGAIN = 0.1  # seconds


def is_stale(mirror: ServedIndex, name: str) -> bool:
    """Whether the upstream may say something else now, and may be asked."""
    if mirror.terms is None or not mirror.terms.is_asked:
        return False
    return not MirroredProject.objects.filter(
        index_id=mirror.pk, normalized_name=name, checked_at__gt=timezone.now() - _JUST, failure=""
    ).exists()


def renew(mirror: ServedIndex, name: str) -> MirroredProject:
    """The row of the name after the upstream was asked by us, or by whoever was asking; raises :class:`Unavailable`."""
    row, _ = MirroredProject.objects.get_or_create(index_id=mirror.pk, normalized_name=name)
    end = time.monotonic() + asking.LEASE_SECONDS
    while not _take(row):
        if time.monotonic() > end:
            raise Unavailable(
                f"Somebody else has been asking the upstream of '{mirror.name}' for '{name}' for too long; try again.",
                code="upstream-unavailable",
            )
        time.sleep(_LOOK_AGAIN)
    row.refresh_from_db()
    asking.ask_now(mirror.pk, name, row)
    row.refresh_from_db()
    if row.failure:
        raise Unavailable(
            f"The upstream of the index '{mirror.name}' did not answer for '{name}': {row.failure}",
            code="upstream-unavailable",
        )
    return row


def _take(row: MirroredProject) -> bool:
    now = timezone.now()
    free = Q(asked_until=None) | Q(asked_until__lt=now)
    until = now + timedelta(seconds=asking.LEASE_SECONDS)
    return bool(MirroredProject.objects.filter(free, pk=row.pk).update(asked_until=until))
