"""Letting something through for a time: with a reason, an end, and an entry in the audit log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.services import alarms, audit
from indexapp.domain.names import normalize_name, require_valid_name
from indexapp.domain.policy.version_ranges import parse_range
from indexapp.domain.reasons import clean_reason
from indexapp.models import Index, PolicyException, PolicyRule
from indexapp.services.policies import rights
from indexapp.services.policies.recording import conclude
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict, Invalid

MAX_DAYS = 366
BREAK_GLASS_HOURS = 24
ALARM = "policy-break-glass"
_MOST_REASON = 500


def grant(
    *,
    actor: Actor,
    index: Index | None,
    project: str,
    reason: str,
    expires_at: datetime,
    versions: str = "",
    rule: PolicyRule | None = None,
) -> PolicyException:
    """Let versions of a project through until ``expires_at``: in spite of ``rule``, or of every rule where that is None.

    From its own rules who administers an index grants them; from rules of all indexes, and from every rule, security
    officers do.
    """
    if rule is not None and rule.index is not None:
        if index is not None and index.pk != rule.index.pk:
            raise Invalid("The rule is one of another index; name that index, or none.", code="rule-elsewhere")
        index = rule.index
        rights.require_decides(actor, index, "grant exceptions on all indexes")
    else:
        rights.require_officer(actor, "grant exceptions from rules of all indexes, or from every rule")
    row = _made(actor, index, project, reason, versions)
    row.rule, row.expires_at = rule, expires_at
    if not timezone.now() < expires_at <= timezone.now() + timedelta(days=MAX_DAYS):
        raise Invalid(f"An exception ends in the future, within {MAX_DAYS} days.", code="expiry-invalid")
    with transaction.atomic():
        row.save()
        audit.record(actor=actor, action="policy-exception.grant", subject=row, **_told(row))
        conclude(actor, index, deed="exception")
    return row


def break_glass(
    *,
    actor: Actor,
    index: Index | None,
    project: str,
    reason: str,
    versions: str = "",
    hours: float = BREAK_GLASS_HOURS,
) -> PolicyException:
    """Let versions of a project through at once and for some hours, whatever rule holds; an alarm rings.

    On an index who administers it may, in spite of rules of all indexes too; on all indexes security officers, and a second
    time within a day as well: what goes on for longer is an exception, that somebody else has looked at.
    """
    rights.require_decides(actor, index, "break the glass on all indexes")
    row = _made(actor, index, project, reason, versions)
    if not 0 < hours <= BREAK_GLASS_HOURS:
        raise Invalid(f"Breaking the glass lasts up to {BREAK_GLASS_HOURS} hours.", code="expiry-invalid")
    row.expires_at, row.is_break_glass = timezone.now() + timedelta(hours=hours), True
    where = f"the index '{index.name}'" if index else "all indexes"
    sentence = (
        f"'{actor.display_name}' broke the glass of the policy on {where} for {row} until "
        f"{row.expires_at:%Y-%m-%d %H:%M} UTC: {row.reason}"
    )
    with transaction.atomic():
        locking.hold("policy")
        if _was_broken(actor, row):
            rights.require_officer(actor, f"break the glass for one project twice within {BREAK_GLASS_HOURS} hours")
        row.save()
        audit.record(actor=actor, action="policy-exception.break-glass", subject=row, **_told(row))
        alarms.ring(ALARM, sentence, subject=row.project, actor=actor)
        conclude(actor, index, deed="break-glass")
    return row


def _was_broken(actor: Actor, row: PolicyException) -> bool:
    """Whether it was broken lately for the project, on that index or by the same person."""
    since = timezone.now() - timedelta(hours=BREAK_GLASS_HOURS)
    lately = PolicyException.objects.filter(project=row.project, is_break_glass=True, created_at__gt=since)
    return lately.filter(Q(index=row.index) | Q(created_by=actor.display_name)).exists()


def revoke(*, actor: Actor, exception: PolicyException) -> PolicyException:
    """End an exception before its time; from a rule that allows, it is the rule that then lets more through."""
    rights.require_decides(actor, exception.index, "revoke exceptions on all indexes")
    if exception.rule is not None and exception.rule.effect == PolicyRule.Effect.ALLOW:
        rights.require_officer(actor, "revoke exceptions from rules that allow")
    with transaction.atomic():
        now = timezone.now()
        still = PolicyException.objects.filter(pk=exception.pk, revoked_at=None, expires_at__gt=now)
        if not still.update(revoked_at=now, revoked_by=actor.display_name):
            raise Conflict("The exception has ended already.", code="exception-ended")
        exception.revoked_at, exception.revoked_by = now, actor.display_name
        audit.record(actor=actor, action="policy-exception.revoke", subject=exception, **_told(exception))
        conclude(actor, exception.index, deed="revoke")
    return exception


def _made(actor: Actor, index: Index | None, project: str, reason: str, versions: str) -> PolicyException:
    reason = clean_reason(reason)
    if not reason or len(reason) > _MOST_REASON:
        raise Invalid("Say in up to 500 characters why; it is kept in the audit log.", code="reason-needed")
    return PolicyException(
        index=index,
        project=normalize_name(require_valid_name(project)),
        versions=parse_range(versions).text,
        reason=reason,
        created_by=actor.display_name,
    )


def _told(row: PolicyException) -> dict[str, Any]:
    return {
        "index": row.index.name if row.index else "",
        "project": row.project,
        "versions": row.versions,
        "rule": row.rule.name if row.rule else "",
        "reason": row.reason,
        "expires_at": row.expires_at.isoformat(),
    }
