"""What a primary has signed of its audit log, kept at its replicas: against these, a log that was cut or written anew shows.

They are rows of their own beside this site's audit log and its checkpoints, and stay when this site takes over.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.domain.checkpoints import Checkpoint, CheckpointBroken, opened, public_keys
from accounts.models import AuditCheckpoint
from accounts.services import alarms, audit_keys
from indexapp.models import Following, PrimaryCheckpoint
from tpi_site.kit.errors import Unavailable

log = logging.getLogger(__name__)
ALARM = "primary-audit-log-differs"
_MOST = 2000
"""Characters of a note, and of a key, of which both have some hundreds."""


def newest() -> dict[str, Any]:
    """What replicas are told of this site's audit log with the news; nothing while nothing is signed."""
    note = AuditCheckpoint.objects.order_by("-size").values_list("note", flat=True).first()
    if note is None:
        return {}
    try:
        return {"audit": {"note": note, "key": str(audit_keys.public_key())}}
    except Unavailable:  # which is told where somebody needs the key
        return {}


def keep(row: Following, said: Mapping[str, Any]) -> None:
    """Keep what the primary told, and ring where it cannot be of the log that it signed before."""
    told = said.get("audit")
    if not isinstance(told, dict):
        return
    note, key = str(told.get("note", ""))[:_MOST], str(told.get("key", ""))[:_MOST]
    if PrimaryCheckpoint.objects.filter(site=row.primary_site, note=note).exists():
        return
    try:
        stated = opened(note, public_keys(key))
    except CheckpointBroken as broken:
        log.warning("The primary's audit checkpoint is not kept: %s.", broken)
        return
    with transaction.atomic():
        differs = _differs(row, stated)
        _, is_new = PrimaryCheckpoint.objects.get_or_create(
            site=row.primary_site, size=stated.size, head=stated.head.hex(), defaults={"note": note, "key": key}
        )
        if differs and is_new:
            alarms.ring(ALARM, differs, subject=str(row.primary_site))


def _differs(row: Following, stated: Checkpoint) -> str:
    kept = PrimaryCheckpoint.objects.filter(site=row.primary_site).order_by("-size", "-pk").first()
    if kept is None or stated.size > kept.size or (stated.size, stated.head.hex()) == (kept.size, kept.head):
        return ""
    return (
        f"{row.primary_url} signs that its audit log has {stated.size} entries, and signed {kept.size} before: it was restored "
        "from a backup, or its end was cut and written anew. Hold the log there against what is kept here ('manage.py "
        "replication checkpoints --out')."
    )


def export(folder: Path) -> int:
    """Write each into a file of the new ``folder``, as ``verify_audit`` takes it, and the keys; how many there are.

    Raises OSError.
    """
    folder.mkdir(mode=0o700)
    keys: dict[str, None] = {}
    number = 0
    for number, row in enumerate(PrimaryCheckpoint.objects.order_by("pk").iterator(), start=1):  # noqa: B007
        (folder / f"{row.site}-{row.size:012}-{row.pk}.txt").write_text(row.note, encoding="utf-8")
        keys[row.key] = None
    (folder / "keys").write_text("".join(f"{key}\n" for key in keys), encoding="utf-8")
    return number
