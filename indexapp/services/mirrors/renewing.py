"""Asking an upstream for a page at once, however fresh what is known of it is: for jobs, which may wait."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from indexapp.models import MirroredProject
from indexapp.services.mirrors import asking, turns
from indexapp.services.serving.index_map import ServedIndex
from tpi_site.kit.errors import Unavailable

_JUST = timedelta(seconds=10)
"""What was asked for within that time is not asked for again."""


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
    if not turns.wait(row):
        raise Unavailable(
            f"Somebody else has been asking the upstream of '{mirror.name}' for '{name}' for too long; try again.",
            code="upstream-unavailable",
        )
    row.refresh_from_db()
    asking.ask_now(mirror.pk, name, row)
    row.refresh_from_db()
    if row.failure:
        raise Unavailable(
            f"The upstream of the index '{mirror.name}' did not answer for '{name}': {row.failure}",
            code="upstream-unavailable",
        )
    return row
