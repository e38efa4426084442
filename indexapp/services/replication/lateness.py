"""A look at replication by the clock, which rings for what lasts too long and ends what is over.

A replica that is always some serials behind because its primary is busy is not late.  So what is timed is how long it takes to
get as far as the primary was at some moment: that place and the moment stand in the row until it has come there.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from accounts.models import Alarm
from accounts.services import alarms
from indexapp.models import Following, Replica, WantedBlob
from indexapp.services.replication import contact, overview
from indexapp.services.replication.overview import is_longer

LAGGING = "replica-lagging"
INCOMPLETE = "replica-incomplete"
SILENT = "replica-out-of-contact"
PEPPER = "replica-pepper-differs"
CODES = (LAGGING, INCOMPLETE, SILENT, PEPPER)


class Trouble(NamedTuple):
    """An alarm that is due; ``subject`` is a replica's name, or empty for this site as a replica."""

    code: str
    subject: str
    sentence: str


def look() -> int:
    """Note how far this site has come, ring for what is late and settle what is not any more; returns how much is late."""
    _note_progress()
    due = [*_own_troubles(), *_troubles_of_replicas()]
    late = {(trouble.code, trouble.subject) for trouble in due}
    open_ones = set(Alarm.objects.filter(code__in=CODES, ended_at=None).values_list("code", "subject"))
    for code, subject in open_ones - late:
        alarms.settle(code, subject=subject)
    for trouble in due:
        if (trouble.code, trouble.subject) not in open_ones:
            alarms.ring(trouble.code, trouble.sentence, subject=trouble.subject)
    return len(due)


def _note_progress() -> None:
    """Begin to time what is missing now, or begin anew where the last goal was reached."""
    row = Following.objects.first()
    if row is None:
        return
    now = timezone.now()
    values: dict[str, Any] = {}
    if row.cursor >= row.primary_serial:
        values |= {"behind_since": None}
    elif row.behind_since is None or row.cursor >= row.awaited_serial:
        values |= {"behind_since": now, "awaited_serial": row.primary_serial}
    if row.incomplete_since is None or not WantedBlob.objects.filter(pk__lte=row.awaited_blob).exists():
        last = WantedBlob.objects.aggregate(last=Max("pk"))["last"]
        values |= {"incomplete_since": now if last else None, "awaited_blob": last or 0}
    if any(getattr(row, name) != value for name, value in values.items()):
        Following.objects.filter(pk=row.pk).update(**values)


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _own_troubles() -> list[Trouble]:
    row = Following.objects.first()
    if row is None or row.is_paused:
        return []
    found = []
    if row.failure_code == contact.PEPPER:
        found.append(Trouble(PEPPER, "", row.failure))
    seen = row.contact_at or row.joined_at
    why = f" The last try failed: {row.failure}" if row.failure else ""
    if is_longer(seen, settings.TPI_REPLICA_CONTACT_MINUTES):
        sentence = (
            f"The primary {row.primary_url} was reached last at {_at(seen)}.{why} Look whether it serves, whether this site "
            "reaches it, and whether the job cluster runs here."
        )
        found.append(Trouble(SILENT, "", sentence))
    if row.behind_since and is_longer(row.behind_since, settings.TPI_REPLICA_LAG_MINUTES):
        sentence = (
            f"What {row.primary_url} had at {_at(row.behind_since)} (serial {row.awaited_serial}) is not here yet; this site "
            f"is at {row.cursor}.{why} See 'manage.py replication status'."
        )
        found.append(Trouble(LAGGING, "", sentence))
    if row.incomplete_since and is_longer(row.incomplete_since, settings.TPI_REPLICA_INCOMPLETE_MINUTES):
        number = WantedBlob.objects.count()
        sentence = (
            f"Contents that were wanted at {_at(row.incomplete_since)} are not here yet, {number} in all are missing. See "
            "which fail, and why, under Replication in the console."
        )
        found.append(Trouble(INCOMPLETE, "", sentence))
    return found


def _troubles_of_replicas() -> list[Trouble]:
    found = []
    for row in overview.replicas():
        if row.seen_at is not None:
            found += _troubles_of(row, row.seen_at)
    return found


def _troubles_of(row: Replica, seen: datetime) -> list[Trouble]:
    found = []
    if is_longer(seen, settings.TPI_REPLICA_CONTACT_MINUTES):
        sentence = (
            f"The replica '{row.name}' asked last at {_at(seen)}. Look at 'manage.py replication status' there; revoke it if "
            "it is gone for good."
        )
        found.append(Trouble(SILENT, row.name, sentence))
    since = overview.behind_since(row)
    if since and is_longer(since, settings.TPI_REPLICA_LAG_MINUTES):
        sentence = (
            f"The replica '{row.name}' is at serial {row.serial} and has not taken what was done here at {_at(since)}. Look at "
            "'manage.py replication status' there."
        )
        found.append(Trouble(LAGGING, row.name, sentence))
    if row.incomplete_since and is_longer(row.incomplete_since, settings.TPI_REPLICA_INCOMPLETE_MINUTES):
        sentence = (
            f"The replica '{row.name}' lacks contents since {_at(row.incomplete_since)}: {row.missing_blobs} of "
            f"{row.missing_bytes} bytes. Its own console says which, and why."
        )
        found.append(Trouble(INCOMPLETE, row.name, sentence))
    return found
