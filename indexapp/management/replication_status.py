"""``manage.py replication status``: how this site stands as a replica, and how its own replicas do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from indexapp.management import promotion
from indexapp.management.commands import _replication_bytes
from indexapp.models import Replica
from indexapp.services.replication import overview, standing
from indexapp.services.replication.standing import Standing
from tpi_site.kit import sizes


def add_to(deeds: Any) -> None:
    """The subcommand."""
    parser = deeds.add_parser(
        "status", help="how it stands; leaves with 1 while the primary cannot be followed, or nothing follows it"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=_status)


def _status(command: BaseCommand, options: dict[str, Any]) -> None:
    found = standing.standing()
    if options["json"]:
        command.stdout.write(json.dumps(overview.told() | promotion.told(), indent=2))
    else:
        for line in _lines(found):
            command.stdout.write(line)
    if found is not None and (found.failing_since is not None or found.trouble):
        sys.exit(1)


def _lines(found: Standing | None) -> Iterator[str]:
    if found is None:
        yield "This installation follows nobody."
    else:
        yield sentence(found)
        if found.trouble:
            yield found.trouble
        yield from _replication_bytes.held()
        yield from _replication_bytes.limited()
    rows = list(overview.replicas())
    if found is None and not rows:
        yield "No site follows this one; 'manage.py replication invite' lets one."
    yield from map(_of_replica, rows)
    yield from promotion.sentences()


def sentence(found: Standing) -> str:
    """Of this site as a replica: both lags, the last contact, and why it fails."""
    contact = "never" if found.contact_age is None else f"{found.contact_age:.0f} s ago"
    paused = " Paused." if found.is_paused else ""
    failure = f" Failing since {found.failing_since:%Y-%m-%d %H:%M}: {found.failure}" if found.failing_since else ""
    return (
        f"Replica of {found.primary}: at serial {found.serial}, {found.serials_behind} behind; {found.missing_blobs} contents "
        f"of {found.missing_bytes} bytes missing; last contact {contact}.{paused}{failure}"
    )


def _of_replica(row: Replica) -> str:
    if row.revoked_at is not None:
        return f"{row.name}: revoked."
    heir = f" It may take over, at {row.url}." if row.may_take_over else ""
    if row.seen_at is None:
        return f"{row.name}: invited; has not come yet.{heir}"
    seen = max(0.0, (timezone.now() - row.seen_at).total_seconds())
    return (
        f"{row.name}: {overview.replica_state(row).value}; at serial {row.serial}, {overview.serials_behind(row)} behind; "
        f"{row.missing_blobs} contents of {sizes.rounded(row.missing_bytes)} missing; last contact {seen:.0f} s ago."
        f"{heir}"
    )
