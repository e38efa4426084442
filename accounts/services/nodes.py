"""Which nodes serve, and of which release; an older one keeps a newer one from taking away what it still uses.

Moments are told and compared by the clock of the database, which all nodes share.
"""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.models import Q
from django.db.models.functions import Now
from packaging.version import Version

from accounts.models import Node
from tpi_site.kit import leaving
from tpi_site.kit.errors import Conflict, Unavailable
from tpi_site.kit.key_ring import key_ring
from tpi_site.kit.release import RELEASE

BEAT = 10.0
"""Seconds between two signs of life."""
SILENT = timedelta(seconds=60)
"""Who was not heard of for so long has ended without a word."""
_KEPT = timedelta(days=30)
_TOLERANCE = timedelta(seconds=1)
_IS_LIVING = Q(seen_at__gt=Now() - SILENT, left_at=None)


def our_name() -> str:
    """What this node is called: its machine's name, its address there, and what tells it from another called so."""
    return f"{_place()} ({_our_id(Path(settings.TPI_DATA_DIR))})"


def _place() -> str:
    return f"{socket.gethostname()} {settings.TPI_BIND}"[:180]


@cache
def _our_id(folder: Path) -> str:
    """The node's own, which stays what it is as long as its data folder; it is no secret."""
    path = folder / "node-id"
    if not path.exists():
        new = folder / f".node-id-{secrets.token_hex(8)}"
        new.write_text(secrets.token_hex(3), encoding="ascii")
        new.chmod(0o644)  # also for the service's account where root has asked first
        with suppress(FileExistsError):
            path.hardlink_to(new)
        new.unlink()
    return path.read_text(encoding="ascii").strip()[:16]


@cache
def our_migrations() -> dict[str, str]:
    """The last migration of each app that the code has."""
    return dict(sorted(MigrationLoader(None).graph.leaf_nodes()))


def begin() -> None:
    """Say that this node is about to serve; who has been silent for a month is forgotten."""
    Node.objects.filter(seen_at__lt=Now() - _KEPT).delete()
    begun = _present() | {"started_at": Now(), "seen_at": Now(), "left_at": None}
    Node.objects.update_or_create(name=our_name(), defaults=begun)


def beat() -> bool:
    """Say that this node lives, or is leaving; whether it was written, which one of its processes does every ten seconds."""
    is_leaving = leaving.has_begun()
    rows = Node.objects.filter(name=our_name())
    is_due = Q(seen_at__lte=Now() - (timedelta(seconds=BEAT) - _TOLERANCE))
    rows = rows.filter(left_at=None) if is_leaving else rows.filter(is_due | Q(left_at__isnull=False))
    return bool(rows.update(**_present(), seen_at=Now(), left_at=Now() if is_leaving else None))


def _present() -> dict[str, object]:
    return {"release": RELEASE, "migrations": our_migrations(), "ring": _our_ring()}


def _our_ring() -> dict[str, object] | None:
    """What others are told of the key ring, which is no key; nothing while it cannot be read."""
    try:
        ring = key_ring()
    except Unavailable:
        return None
    return {"current": ring.current, "keys": sorted(ring.keys)}


def living() -> list[Node]:
    """The nodes that serve now, this one among them."""
    return list(Node.objects.filter(_IS_LIVING))


def is_living(node: Node) -> bool:
    """Whether it is one of them; asks the database, by whose clock they go."""
    return Node.objects.filter(_IS_LIVING, pk=node.pk).exists()


def knows(node: Node, migration: Migration) -> bool:
    """Whether the node's code has the migration; their names begin with their numbers."""
    return bool(node.migrations.get(migration.app_label, "") >= migration.name)


def require_all_know(app: str, migration: str) -> None:
    """Refuse what other serving nodes would not respect, because their code is from before ``migration`` of ``app``.

    Such a node of the release before looks at the same database: it takes a mirror for an index of a kind that it does not
    know, and gives out what a rule blocks.
    """
    behind = [node for node in others() if node.migrations.get(app, "") < migration]
    if behind:
        named = ", ".join(f"{node.name} ({node.release})" for node in behind)
        raise Conflict(
            f"These nodes are of a release that knows nothing of it, and would not keep to it: {named}. Upgrade or stop them "
            f"first; one that was killed counts for {SILENT.seconds} seconds more.",
            code="nodes-behind",
        )


def others() -> list[Node]:
    """The other nodes that serve now."""
    return [node for node in living() if node.name != our_name()]


def namesakes() -> list[Node]:
    """Other nodes that serve now and are called as this one is, but for what tells them apart."""
    return [node for node in others() if node.name.rpartition(" (")[0] == _place()]


def without_key(key_id: str) -> list[str]:
    """The names of the other serving nodes that have not told that they have this key."""
    return [node.name for node in others() if not node.ring or key_id not in node.ring["keys"]]


def wrapping_with(key_id: str) -> list[str]:
    """The names of the other serving nodes whose current key this is."""
    return [node.name for node in others() if node.ring and node.ring["current"] == key_id]


def has_newer() -> bool:
    """Whether another node serves that is of a newer release, by name or by migrations: this one knows not its schedules."""
    ours = our_migrations()
    return any(
        Version(node.release) > Version(RELEASE)
        or any(name > ours.get(app, "") for app, name in node.migrations.items())
        for node in others()
    )
