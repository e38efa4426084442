"""Which nodes serve, and of which release; an older one keeps a newer one from taking away what it still uses."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from datetime import timedelta
from functools import cache

from django.conf import settings
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.models import Q
from django.utils import timezone
from packaging.version import Version

from accounts.models import Node
from tpi_site.kit import leaving
from tpi_site.kit.errors import Conflict
from tpi_site.kit.release import RELEASE

BEAT = 10.0
"""Seconds between two signs of life."""
SILENT = timedelta(seconds=60)
"""Who was not heard of for so long has ended without a word."""
_KEPT = timedelta(days=30)
_TOLERANCE = timedelta(seconds=1)


def our_name() -> str:
    """What this node is called: its machine's name and its address there."""
    return f"{socket.gethostname()} {settings.TPI_BIND}"[:200]


@cache
def _our_migrations() -> dict[str, str]:
    """The last migration of each app that the code has."""
    return dict(sorted(MigrationLoader(None).graph.leaf_nodes()))


def begin() -> None:
    """Say that this node is about to serve; who has been silent for a month is forgotten."""
    now = timezone.now()
    Node.objects.filter(seen_at__lt=now - _KEPT).delete()
    begun = _present() | {"started_at": now, "seen_at": now, "left_at": None}
    Node.objects.update_or_create(name=our_name(), defaults=begun)


def beat() -> bool:
    """Say that this node lives, or is leaving; whether it was written, which one of its processes does every ten seconds."""
    now, is_leaving = timezone.now(), leaving.has_begun()
    rows = Node.objects.filter(name=our_name())
    is_due = Q(seen_at__lte=now - timedelta(seconds=BEAT) + _TOLERANCE)
    rows = rows.filter(left_at=None) if is_leaving else rows.filter(is_due | Q(left_at__isnull=False))
    return bool(rows.update(**_present(), seen_at=now, left_at=now if is_leaving else None))


def _present() -> dict[str, object]:
    return {"release": RELEASE, "migrations": _our_migrations()}


def others() -> list[Node]:
    """The other nodes that serve now."""
    return list(Node.objects.filter(seen_at__gt=timezone.now() - SILENT, left_at=None).exclude(name=our_name()))


def has_newer() -> bool:
    """Whether a node of a newer release serves, whose schedules this one does not know."""
    return any(Version(node.release) > Version(RELEASE) for node in others())


def require_no_older(plan: Iterable[tuple[Migration, bool]]) -> None:
    """Refuse migrations that take something away while nodes of an older release serve, which may still use it.

    ``plan`` is Django's: migrations that are about to be applied, or taken back where the second is true.
    """
    contracting = [migration for migration, _ in plan if getattr(migration, "contracts", False)]
    if not contracting or Node._meta.db_table not in connection.introspection.table_names():
        return
    older = [node for node in others() if Version(node.release) < Version(RELEASE)]
    if older:
        named = ", ".join(f"{node.name} ({node.release})" for node in older)
        raise Conflict(
            f"The migration {contracting[0]} takes away what nodes of an older release still use: {named}. Upgrade or stop "
            f"them first; one that was killed counts for {SILENT.seconds} seconds more.",
            code="older-nodes",
        )
