"""How replication stands here: two lags and the age of the last contact, because a green light alone tells nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Sum
from django.utils import timezone

from indexapp.models import Following, Replica, WantedBlob
from indexapp.services.replication import contact, epochs


@dataclass(frozen=True)
class Standing:
    """As of a replica; moments are None for what has not been."""

    primary: str
    is_paused: bool
    epoch: str
    serial: int
    primary_serial: int
    missing_blobs: int
    missing_bytes: int
    contact_at: datetime | None
    failing_since: datetime | None
    failure_code: str
    failure: str
    behind_since: datetime | None = None
    incomplete_since: datetime | None = None
    trouble: str = ""
    """A sentence where no process follows, or one hears nothing."""

    @property
    def serials_behind(self) -> int:
        """Serials of the primary that are not here, as far as it has told."""
        return max(0, self.primary_serial - self.serial)

    @property
    def contact_age(self) -> float | None:
        """Seconds since the primary last answered."""
        return None if self.contact_at is None else (timezone.now() - self.contact_at).total_seconds()

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        names = ("contact_at", "failing_since", "behind_since", "incomplete_since")
        moments = {name: getattr(self, name) for name in names}
        told = {name: value.isoformat() if value else None for name, value in moments.items()}
        return asdict(self) | told | {"serials_behind": self.serials_behind, "contact_age": self.contact_age}


def primary() -> str | None:
    """Whose replica this site is."""
    return Following.objects.values_list("primary_url", flat=True).first()


def missing() -> tuple[int, int]:
    """How many contents are still to be fetched, and their bytes."""
    found = WantedBlob.objects.aggregate(number=Count("pk"), size=Sum("size"))
    return found["number"], found["size"] or 0


def standing() -> Standing | None:
    """How far this replica is; None where this site is none."""
    row = Following.objects.first()
    if row is None:
        return None
    number, size = missing()
    return Standing(
        row.primary_url,
        row.is_paused,
        str(row.epoch),
        row.cursor,
        row.primary_serial,
        number,
        size,
        row.contact_at,
        row.failing_since,
        row.failure_code,
        row.failure,
        row.behind_since,
        row.incomplete_since,
        contact.trouble(row),
    )


def replicas() -> list[dict[str, Any]]:
    """Who follows this site, and what each has told last."""
    newest = epochs.newest_serial()
    return [
        {
            "name": row.name,
            "site": str(row.site) if row.site else None,
            "seen_at": row.seen_at.isoformat() if row.seen_at else None,
            "serial": row.serial,
            "serials_behind": max(0, newest - row.serial),
            "missing_blobs": row.missing_blobs,
            "missing_bytes": row.missing_bytes,
        }
        for row in Replica.objects.all()
    ]
