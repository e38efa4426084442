"""An operator's choice of what this replica holds, and of how fast and when it fetches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.permissions import require_administrator
from accounts.services import audit
from indexapp.domain.locks.targets import PLATFORMS, targets_of
from indexapp.domain.replication.holding import Hold
from indexapp.domain.replication.windows import window
from indexapp.models import FetchLimit, Holding
from indexapp.services.replication import applying
from tpi_site.kit import locking
from tpi_site.kit.errors import Invalid

DEED = "choose what this replica holds and when it fetches"
_PATTERN = re.compile(r"[A-Za-z0-9._*?\[\]!-]{1,100}\Z")
_MOST, _MOST_NUMBER, _MOST_BYTES = 10_000, 10_000, 2**62
SLOWEST = 16 * 1024
"""Bytes a second; with fewer the primary would take the replica for one that hangs."""
_MOST_WINDOWS = 24


def hold(*, actor: Actor, wanted: Hold, budget: int | None = None) -> None:
    """Hold these bytes from now on, and no others; ``budget`` is the most, in bytes.

    May be called before the installation joins.  What that means for the files that are here, :func:`holding.go_on` does.
    """
    require_administrator(actor, DEED)
    require_sound(wanted, budget)
    with transaction.atomic():
        locking.hold(applying.BLOBS)
        row = Holding.objects.first() or Holding()
        before: dict[str, Any] = row.filters | {"budget": row.budget}
        row.filters, row.budget, row.number, row.cursor = wanted.as_json(), budget, row.number + 1, 0
        row.save()
        after = row.filters | {"budget": budget}
        _record(
            actor,
            "replication.hold",
            {name: value for name, value in before.items() if after.get(name) != value},
            after,
        )


def hold_all(*, actor: Actor) -> None:
    """Hold all that the primary has."""
    hold(actor=actor, wanted=Hold())


def limit(*, actor: Actor, rate: int | None, windows: Sequence[str], zone: str) -> None:
    """Fetch no more than ``rate`` bytes a second, and only at these times of the day (``22:00-06:00``) in this time zone."""
    require_administrator(actor, DEED)
    if rate is not None and not SLOWEST <= rate <= _MOST_BYTES:
        raise Invalid(f"Give a rate of {SLOWEST} bytes a second or more, or none.", code="rate-invalid")
    if len(windows) > _MOST_WINDOWS:
        raise Invalid(f"Give no more than {_MOST_WINDOWS} times of the day.", code="window-invalid")
    values: dict[str, Any] = {
        "rate": rate,
        "windows": [str(window(each)) for each in windows],
        "zone": _zone(zone),
    }
    with transaction.atomic():
        before = dict(FetchLimit.objects.values("rate", "windows", "zone").first() or {})
        FetchLimit.objects.update_or_create(only=True, defaults=values)
        _record(actor, "replication.limit", before, values)


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"{name[:64]!a} is no time zone; write for example Europe/Berlin.", code="zone-unknown") from None


def _record(actor: Actor, action: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    audit.record(actor=actor, action=action, object_type="following", object_name="bytes", before=before, after=after)


def require_sound(wanted: Hold, budget: int | None) -> None:
    """Refuse filters that cannot be meant."""
    files = wanted.files
    for patterns in (wanted.indexes, wanted.without, files.include, files.exclude):
        if len(patterns) > _MOST or not all(_PATTERN.match(pattern) for pattern in patterns):
            raise Invalid("Name indexes and projects, or patterns of them such as 'acme-*'.", code="hold-invalid")
    for name, value, most in (
        ("newest", files.newest, _MOST_NUMBER),
        ("largest", files.max_file_size, _MOST_BYTES),
        ("budget", budget, _MOST_BYTES),
    ):
        if value is not None and not 0 < value <= most:
            raise Invalid(f"Give as {name} a number from 1 to {most}, or nothing.", code="hold-invalid")
    targets_of(list(files.pythons) or ["3.12"], list(files.platforms) or list(PLATFORMS))
