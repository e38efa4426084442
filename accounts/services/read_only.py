"""Switching read-only mode on and off; console, REST API and ``manage.py read_only`` call these."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.models import ReadOnlyPeriod
from accounts.permissions import require_operator
from accounts.services import audit
from tpi_site.kit import locking, read_only
from tpi_site.kit.errors import Conflict

_DEED = "switch read-only mode"


def present() -> ReadOnlyPeriod | None:
    """The period that goes on, if the mode was switched on."""
    return ReadOnlyPeriod.objects.filter(ended_at=None).first()


def ask() -> str | None:
    """Why the mode is on, perhaps in no words, or None."""
    return ReadOnlyPeriod.objects.filter(ended_at=None).values_list("reason", flat=True).first()


def turn_on(*, actor: Actor, reason: str = "") -> ReadOnlyPeriod:
    """From now on, and on all nodes within a second, nothing is changed any more; ``reason`` is shown to everybody.

    Where the mode is on already, the reason is another one from now on.
    """
    require_operator(actor, _DEED)
    with transaction.atomic():
        locking.hold("read-only")
        row = present() or ReadOnlyPeriod(started_by=actor.display_name)
        row.reason = reason.strip()[:200]
        row.save()
        audit.record(actor=actor, action="read-only.on", subject=row, reason_told=row.reason)
        transaction.on_commit(read_only.look)
    return row


def turn_off(*, actor: Actor, period: ReadOnlyPeriod | None = None) -> None:
    """Changes are taken again."""
    require_operator(actor, _DEED)
    if settings.TPI_READ_ONLY:
        raise Conflict(
            "The setting TPI_READ_ONLY is on; take it away on every node and restart them.", code="read-only-by-setting"
        )
    with transaction.atomic():
        locking.hold("read-only")
        row = present()
        if row is None or (period is not None and period.pk != row.pk):
            raise Conflict("The installation is not in read-only mode.", code="read-only-not")
        row.ended_at, row.ended_by = timezone.now(), actor.display_name
        row.save(update_fields=["ended_at", "ended_by"])
        audit.record(actor=actor, action="read-only.off", subject=row)
        transaction.on_commit(read_only.look)
