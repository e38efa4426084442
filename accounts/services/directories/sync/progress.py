"""The row of a sync: begun, moved on, ended; one at a time for each directory."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from accounts.models import Directory, DirectorySync
from accounts.services.directories.sync import staging
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict

_SILENT = timedelta(minutes=10)
"""After so long without a sign of life a sync on another machine is taken for dead."""
_MOST_DIFFERENCES = 1000
PASSED_OVER = "passed_over"
"""In the sync's cursor: how many entries could not be read."""
READ_AT = "read_at"
"""In the sync's cursor: when the reading of groups began, in seconds."""


def begin(directory: Directory, *, dry_run: bool) -> DirectorySync:
    """A new sync, or the one that was interrupted; refuses while one is under way."""
    with transaction.atomic():
        locking.hold(f"directory-sync:{directory.pk}")
        running = require_none_under_way(directory)
        now = timezone.now()
        if running is not None and running.dry_run != dry_run:
            end(running, DirectorySync.State.FAILED, "Interrupted.")
            running = None
        sync = running or DirectorySync(directory=directory, dry_run=dry_run, cursor={})
        sync.moved_at = now
        sync.found = 0
        sync.cursor["owner"] = _owner()
        sync.save()
    return sync


def require_none_under_way(directory: Directory) -> DirectorySync | None:
    """Refuse while a sync runs; answers the one that was interrupted, if there is one."""
    running = DirectorySync.objects.filter(directory=directory, state=DirectorySync.State.RUNNING).first()
    if running is not None and _is_alive(running):
        raise Conflict(
            f"A sync of '{directory.name}' has been running since {running.started_at:%H:%M} UTC; wait for its end.",
            code="sync-running",
        )
    return running


def _owner() -> str:
    return f"{socket.gethostname()} {os.getpid()} {_born(os.getpid())}"


def _born(pid: int) -> str:
    """When the process began, so that its number is not taken for it later; empty for one that is not there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _is_alive(sync: DirectorySync) -> bool:
    host, pid, born = (*str(sync.cursor.get("owner", "")).split(" "), "", "")[:3]
    if host == socket.gethostname() and pid.isdigit():
        return _born(int(pid)) == born != ""
    return timezone.now() - sync.moved_at < _SILENT


def read_at(sync: DirectorySync) -> datetime:
    """When it began to read what it goes by; who has signed in since is known better than by it."""
    began = sync.cursor.get(READ_AT)
    return sync.started_at if began is None else datetime.fromtimestamp(float(began), UTC)


def move(sync: DirectorySync, *fields: str) -> None:
    """Write how far it came; call it in the transaction of what was done."""
    sync.moved_at = timezone.now()
    sync.save(update_fields=["moved_at", *fields])


def tell(sync: DirectorySync, person: str, did: list[str]) -> None:
    """Add a line to the report, which is cut at a thousand."""
    if did and len(sync.differences) < _MOST_DIFFERENCES:
        sync.differences.append({"person": person, "did": did})


def end(sync: DirectorySync, state: str, sentence: str) -> None:
    """It is over."""
    sync.state, sync.sentence, sync.ended_at = state, sentence[:500], timezone.now()
    sync.cursor = {}
    sync.save()
    staging.clear(sync)
