"""Telling operators that something needs a person, and ending it."""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import Count, F
from django.utils import timezone

from accounts.domain.actors import Actor, internal
from accounts.models import Alarm
from accounts.services import audit
from tpi_site.kit import locking
from tpi_site.kit.errors import Forbidden

log = logging.getLogger(__name__)


def ring(code: str, sentence: str, *, subject: str = "", actor: Actor | None = None) -> Alarm:
    """Open the alarm ``code`` about ``subject``, or count one more of it; written to the log and the audit log."""
    log.error("Alarm %s: %s", code, sentence)
    now = timezone.now()
    with transaction.atomic():
        locking.hold("alarms")
        alarm = Alarm.objects.filter(code=code, subject=subject, ended_at=None).first()
        if alarm is None:
            alarm = Alarm.objects.create(code=code, subject=subject, sentence=sentence[:500], last_at=now)
            audit.record(actor=actor or internal("alarms"), action="alarm.ring", subject=alarm, sentence=sentence[:500])
        else:
            Alarm.objects.filter(pk=alarm.pk).update(count=F("count") + 1, last_at=now, sentence=sentence[:500])
    return alarm


def ring_for_break_glass(username: str, way: str) -> None:
    """Every use of a break-glass account is to be seen to."""
    sentence = f"The break-glass account '{username}' was used {way}; make sure that this was meant."
    ring("break-glass-used", sentence, subject=username)


def settle(code: str, *, subject: str = "") -> None:
    """End the alarm because its cause is gone."""
    with transaction.atomic():
        for alarm in Alarm.objects.filter(code=code, subject=subject, ended_at=None):
            _end(internal("alarms"), alarm)


def end(*, actor: Actor, alarm: Alarm) -> None:
    """A person has seen to it."""
    if not (actor.may_operate or actor.may_secure):
        raise Forbidden(
            "Only an operator, a security officer or an administrator of the instance may end alarms.",
            code="right-missing",
        )
    with transaction.atomic():
        _end(actor, alarm)


def figures() -> dict[tuple[str, ...], float]:
    """For the metrics: how many are open, by code."""
    rows = Alarm.objects.filter(ended_at=None).order_by().values_list("code").annotate(Count("pk"))
    return {(code,): float(number) for code, number in rows}


def _end(actor: Actor, alarm: Alarm) -> None:
    ended = Alarm.objects.filter(pk=alarm.pk, ended_at=None).update(
        ended_at=timezone.now(), ended_by=actor.display_name
    )
    if ended:
        audit.record(actor=actor, action="alarm.end", subject=alarm)
