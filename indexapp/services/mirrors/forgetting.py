"""Forgetting names that an upstream does not have: anybody may ask for any number of them, and each has left a row."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from indexapp.models import MirroredProject

_KEPT = timedelta(days=1)
_BATCH = 1000


def run() -> int:
    """Delete, in batches, the rows without a project that nobody asked about again for a day; how many."""
    deleted = 0
    while batch := list(_forgettable().values_list("pk", flat=True)[:_BATCH]):
        # Once more what makes one forgettable: somebody may be asking by now.
        number, _ = _forgettable().filter(pk__in=batch).delete()
        deleted += number
        if not number:
            break
    return deleted


def _forgettable() -> QuerySet[MirroredProject]:
    """Neither those that are held, which they still are when they come back, nor one that was made a moment ago."""
    then = timezone.now() - _KEPT
    is_young = Q(fresh_until__gte=then) | Q(checked_at__gte=then) | Q(failed_at__gte=then) | Q(asked_until__gte=then)
    is_new = Q(fresh_until=None, checked_at=None, failed_at=None, asked_until=None)
    return MirroredProject.objects.filter(project=None, is_held=False).exclude(is_young).exclude(is_new).order_by()
