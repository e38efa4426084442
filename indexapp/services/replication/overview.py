"""What people and programs are told of replication here: one word for how it stands, both lags, and who follows."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from indexapp.models import Change, Replica, Takeover
from indexapp.services.replication import epochs, fences, holding, pacing, promoting, room, standing
from indexapp.services.replication.standing import Standing


class State(StrEnum):
    """How a replica stands, the worst first."""

    INVITED = "invited"
    PAUSED = "paused"
    FAILING = "failing"
    SILENT = "out of contact"
    LAGGING = "lagging"
    INCOMPLETE = "incomplete"
    CATCHING_UP = "catching up"
    IN_STEP = "in step"


class Signs(NamedTuple):
    """What the word is chosen by; moments are since when."""

    contact_at: datetime | None
    behind: int
    behind_since: datetime | None
    missing: int
    incomplete_since: datetime | None


def is_longer(since: datetime | None, minutes: int) -> bool:
    """Whether it has lasted for as many minutes; 0 minutes are never over."""
    return bool(minutes) and since is not None and timezone.now() - since > timedelta(minutes=minutes)


def state_by(signs: Signs) -> State:
    """The word for what is known."""
    if is_longer(signs.contact_at, settings.TPI_REPLICA_CONTACT_MINUTES):
        return State.SILENT
    if signs.behind and is_longer(signs.behind_since, settings.TPI_REPLICA_LAG_MINUTES):
        return State.LAGGING
    if signs.missing and is_longer(signs.incomplete_since, settings.TPI_REPLICA_INCOMPLETE_MINUTES):
        return State.INCOMPLETE
    return State.CATCHING_UP if signs.behind or signs.missing else State.IN_STEP


def own_state(found: Standing) -> State:
    """Of this site, which is a replica."""
    if found.is_paused:
        return State.PAUSED
    if found.failing_since is not None:
        return State.FAILING
    return state_by(
        Signs(
            found.contact_at,
            found.serials_behind,
            found.behind_since,
            found.missing_blobs,
            found.incomplete_since,
        )
    )


def replicas() -> QuerySet[Replica]:
    """Who may follow this site; ``newest`` and ``behind_since`` (when what it lacks was made) stand on each row."""
    lacking = Change.objects.filter(serial__gt=OuterRef("serial")).order_by("serial")
    newest = Change.objects.order_by("-serial")
    return Replica.objects.annotate(
        behind_since=Subquery(lacking.values("at")[:1]), newest=Subquery(newest.values("serial")[:1])
    )


def serials_behind(row: Replica) -> int:
    """Of a row of :func:`replicas`."""
    return max(0, (getattr(row, "newest", None) or 0) - row.serial)


def behind_since(row: Replica) -> datetime | None:
    """Of a row of :func:`replicas`: when the first change was made that it has not taken; None where it has all."""
    found: datetime | None = getattr(row, "behind_since", None)
    return found


def replica_state(row: Replica) -> State:
    """Of a row of :func:`replicas`."""
    if row.seen_at is None:
        return State.INVITED
    behind = serials_behind(row)
    return state_by(Signs(row.seen_at, behind, behind_since(row), row.missing_blobs, row.incomplete_since))


def told() -> dict[str, Any]:
    """All of it, for programs."""
    found, epoch, fence = standing.standing(), epochs.current(), fences.present()
    return {
        "role": "replica" if found else "primary",
        "site": str(epochs.site()),
        "serial": epochs.newest_serial(),
        "epoch": {"uuid": str(epoch.uuid), "number": epoch.number, "reason": epoch.reason},
        "replica_of": found.as_json() | {"state": own_state(found).value} if found else None,
        "replicas": standing.replicas(),
        "fence": fence and {"state": fence.state, "primary": fence.primary_url, "epoch": str(fence.epoch or "")},
        "took_over": promoting.told(Takeover.objects.first()),
        "holding": holding.told() if found else None,
        "fetching": pacing.told() | {"waits": pacing.waits() or room.waits()} if found else None,
    }
