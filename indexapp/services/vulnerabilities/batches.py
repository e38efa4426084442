"""Writing records: what is new or newer replaces what was there, many records to a transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.services import generations
from indexapp.domain.osv.record import OsvRecord
from indexapp.models import Advisory, AdvisoryPackage

_WRITTEN = (
    *("aliases", "summary", "details", "severity", "score", "published", "modified", "withdrawn_at", "document"),
)
_AT_ONCE = 500


@dataclass(slots=True)
class Counts:
    """What an import did."""

    records: int = 0
    added: int = 0
    changed: int = 0
    withdrawn: int = 0
    refused: int = 0
    unusable: list[dict[str, str]] = field(default_factory=list)
    """The first of those that were refused: ``name`` and ``reason``."""
    ours: int = 0
    """Records that speak of PyPI, known ones included."""


def write(records: Collection[OsvRecord], counts: Counts) -> None:
    """Take the records in, as far as they say something new; one transaction."""
    newest = _newest(records)
    with transaction.atomic():
        known = _known(newest)
        news = [record for record in newest.values() if _is_news(record, known.get(record.osv_id))]
        if not news:
            return
        Advisory.objects.bulk_create(
            [_row(record) for record in news],
            batch_size=_AT_ONCE,
            update_conflicts=True,
            unique_fields=["osv_id"],
            update_fields=_WRITTEN,
        )
        _write_packages(news)
        generations.bump_policy()
    counts.added += sum(record.osv_id not in known for record in news)
    counts.changed += sum(record.osv_id in known for record in news)


def _newest(records: Collection[OsvRecord]) -> dict[str, OsvRecord]:
    found: dict[str, OsvRecord] = {}
    for record in records:
        other = found.get(record.osv_id)
        if other is None or record.modified >= other.modified:
            found[record.osv_id] = record
    return found


def _known(osv_ids: Collection[str]) -> dict[str, tuple[datetime, datetime | None]]:
    rows = Advisory.objects.filter(osv_id__in=osv_ids).values_list("osv_id", "modified", "withdrawn_at")
    return {osv_id: (modified, withdrawn_at) for osv_id, modified, withdrawn_at in rows}


def _is_news(record: OsvRecord, known: tuple[datetime, datetime | None] | None) -> bool:
    """An older record changes nothing; one of the same time does where the archive had lost it, and has it again.

    What speaks of other ecosystems alone is taken only where it spoke of ours before.
    """
    if known is None:
        return bool(record.affected)
    modified, withdrawn_at = known
    return record.modified > modified or (record.modified == modified and record.withdrawn != withdrawn_at)


def _row(record: OsvRecord) -> Advisory:
    return Advisory(
        osv_id=record.osv_id,
        aliases=list(record.aliases),
        summary=record.summary,
        details=record.details,
        severity=record.severity,
        score=record.score,
        published=record.published,
        modified=record.modified,
        withdrawn_at=record.withdrawn,
        document=dict(record.document),
    )


def _write_packages(records: Collection[OsvRecord]) -> None:
    ids = dict(Advisory.objects.filter(osv_id__in=[record.osv_id for record in records]).values_list("osv_id", "pk"))
    AdvisoryPackage.objects.filter(advisory__in=ids.values()).delete()
    AdvisoryPackage.objects.bulk_create(
        [
            AdvisoryPackage(
                advisory_id=ids[record.osv_id],
                normalized_name=one.name,
                ranges=[list(map(list, events)) for events in one.ranges],
                versions=list(one.versions),
                fixed=list(one.fixed),
            )
            for record in records
            for one in record.affected
        ],
        batch_size=_AT_ONCE,
    )


def missing(seen: Collection[str]) -> list[int]:
    """The advisories that hold still and that ``seen`` does not name."""
    rows = Advisory.objects.filter(withdrawn_at=None).values_list("pk", "osv_id").iterator()
    return [pk for pk, osv_id in rows if osv_id not in seen]


def withdraw(lost: list[int], counts: Counts) -> None:
    """Note of these advisories that they are withdrawn, as of now; a transaction for every few hundred."""
    for start in range(0, len(lost), _AT_ONCE):
        with transaction.atomic():
            rows = Advisory.objects.filter(pk__in=lost[start : start + _AT_ONCE], withdrawn_at=None)
            counts.withdrawn += rows.update(withdrawn_at=timezone.now())
            generations.bump_policy()
