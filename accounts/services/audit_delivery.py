"""Delivering the audit log to its sinks: at least once, in the order of the chain, each from its own cursor.

Runs as a job, so a dead sink holds no request up; sinks that work are served before those that fail, so it holds no other
sink up either.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.utils import timezone

from accounts.models import AuditEntry, AuditLink, AuditSink
from accounts.services import alarms, audit_chain, audit_senders
from accounts.services.audit_entries import plain
from tpi_site.kit.errors import Refusal
from tpi_site.kit.outbound import OutboundFailed

ALARM = "audit-sink-failing"
_BATCH = 500
_TURN = 30.0  # seconds that one sink may take in one run
_LEASE = timedelta(minutes=5)
_PATIENCE = timedelta(hours=1)
_FIRST_PAUSE, _LONGEST_PAUSE = 30, 900  # seconds


def deliver_all(now: datetime | None = None) -> int:
    """Give every sink that is due what it lacks; returns how many entries were delivered."""
    now = now or timezone.now()
    audit_chain.link_all()
    is_due = (Q(next_try_at=None) | Q(next_try_at__lte=now)) & (Q(leased_until=None) | Q(leased_until__lt=now))
    due = AuditSink.objects.filter(is_due, enabled=True).order_by(F("failing_since").asc(nulls_first=True), "pk")
    return sum(_take_turn(sink, now) for sink in due)


def lag(sink: AuditSink) -> int:
    """How many positions of the chain the sink is behind."""
    return max(0, end_of_log() - sink.cursor)


def end_of_log() -> int:
    """The last position of the chain."""
    return audit_chain.head()[0]


def figures() -> dict[tuple[str, ...], float]:
    """For the metrics: how many positions each sink that is on is behind, by its name."""
    end = end_of_log()
    rows = AuditSink.objects.filter(enabled=True).values_list("name", "cursor")
    return {(name,): float(max(0, end - cursor)) for name, cursor in rows}


def _take_turn(sink: AuditSink, now: datetime) -> int:
    if not _lease(sink, now):
        return 0
    delivered = 0
    try:
        delivered = _drain(sink)
        _succeed(sink)
    except (OutboundFailed, Refusal) as failure:
        _fail(sink, str(failure), now)
    finally:
        AuditSink.objects.filter(pk=sink.pk).update(leased_until=None)
    return delivered


def _lease(sink: AuditSink, now: datetime) -> bool:
    """Whether this run, and no other, delivers to the sink now."""
    free = AuditSink.objects.filter(Q(leased_until=None) | Q(leased_until__lt=now), pk=sink.pk, cursor=sink.cursor)
    return bool(free.update(leased_until=timezone.now() + _LEASE))


def _drain(sink: AuditSink) -> int:
    delivered, until = 0, time.monotonic() + _TURN
    while time.monotonic() < until:
        links = list(AuditLink.objects.filter(position__gt=sink.cursor).order_by("position")[:_BATCH])
        if not links:
            break
        wanted = _wanted(sink, links)
        audit_senders.send(sink, wanted)
        delivered += len(wanted)
        moved = AuditSink.objects.filter(pk=sink.pk, cursor=sink.cursor).update(cursor=links[-1].position)
        if not moved:  # it was changed or deleted meanwhile
            break
        sink.cursor = links[-1].position
    return delivered


def _wanted(sink: AuditSink, links: list[AuditLink]) -> list[dict[str, object]]:
    entries = AuditEntry.objects.in_bulk([link.entry_id for link in links])
    prefixes = tuple(sink.action_prefixes)
    pairs = ((entries.get(link.entry_id), link) for link in links)
    return [
        plain(entry, link) for entry, link in pairs if entry and (not prefixes or entry.action.startswith(prefixes))
    ]


def _succeed(sink: AuditSink) -> None:
    AuditSink.objects.filter(pk=sink.pk).update(
        last_ok_at=timezone.now(), failing_since=None, failures=0, failure="", next_try_at=None
    )
    if sink.failing_since is not None:
        alarms.settle(ALARM, subject=sink.name)


def _fail(sink: AuditSink, sentence: str, now: datetime) -> None:
    since = sink.failing_since or now
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(sink.failures, 10))
    AuditSink.objects.filter(pk=sink.pk).update(
        failing_since=since,
        failures=F("failures") + 1,
        failure=sentence[:500],
        next_try_at=now + timedelta(seconds=pause),
    )
    if now - since >= _PATIENCE:
        alarms.ring(
            ALARM, f"The audit log has not reached '{sink.name}' for more than an hour: {sentence}", subject=sink.name
        )
