"""Whether this replica is looked after: a process follows, it has heard of its primary of late, and both have one pepper.

A replica stands still without a failure when nothing runs that could fail; so what is looked at is who follows, and when.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from indexapp.domain.replication.transport import fingerprint
from indexapp.models import Following
from tpi_site.kit import locking

LOCK = "replication-follower"
"""Held by the one process, of all nodes, that follows; it ends with the process, however that ends."""
PEPPER = "pepper-differs"
OTHER_PEPPER = (
    "The processes of this site have another TPI_TOKEN_PEPPER than the primary, with which no token and no password is known "
    "here. Set the primary's where the service reads its settings, run 'manage.py accept_secret TPI_TOKEN_PEPPER' with it, and "
    "restart the service."
)
_SOON = timedelta(seconds=15)
"""Within which a follower begins after this site became a replica."""
_FRESH = 10.0


def is_followed() -> bool:
    """Whether a process of any node follows at this moment."""
    return not locking.is_free(LOCK)


def trouble(row: Following) -> str:
    """A sentence where nobody follows, or the primary was not heard of for long; else empty."""
    now = timezone.now()
    told = f"last contact {ago(row)}"
    if not is_followed():
        if now - row.joined_at < _SOON:
            return ""
        return (
            f"No process follows the primary, {told}: start the service of this site with its job cluster, or run "
            "'manage.py replication follow'."
        )
    minutes = settings.TPI_REPLICA_CONTACT_MINUTES
    is_old = minutes and now - (row.contact_at or row.joined_at) > timedelta(minutes=minutes)
    if row.is_paused or row.failing_since or not is_old:
        return ""
    return f"A process follows and hears nothing, {told}: restart the service of this site, and look at its log."


def ago(row: Following) -> str:
    """When the primary answered last, for people."""
    if row.contact_at is None:
        return "never"
    return f"{max(0.0, (timezone.now() - row.contact_at).total_seconds()):.0f} s ago"


def heard(row: Following, said: Mapping[str, Any], secret: str) -> dict[str, Any]:
    """Columns of the row after an answer of the primary, which tells the mark of its pepper for the holder of ``secret``.

    Rows are taken all the same: what is copied is not the worse for it, and nobody can sign in until it is mended.
    """
    now, mark = timezone.now(), said.get("pepper")
    is_other = isinstance(mark, str) and not hmac.compare_digest(
        mark.encode(), fingerprint(settings.TPI_TOKEN_PEPPER, secret).encode()
    )
    if not is_other:
        return {"contact_at": now, "failing_since": None, "failure": "", "failure_code": ""}
    since = row.failing_since if row.failure_code == PEPPER else None
    return {"contact_at": now, "failing_since": since or now, "failure": OTHER_PEPPER, "failure_code": PEPPER}


def note_success() -> None:
    """What failed before does not any more; another pepper stays one."""
    Following.objects.exclude(failure_code__in=("", PEPPER)).update(failing_since=None, failure="", failure_code="")


class Hearing:
    """Notes while a long answer comes that the primary is there, every few seconds; for any thread."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._made_in = threading.get_ident()

    def __call__(self) -> None:
        """A piece has come."""
        now = time.monotonic()
        if now - self._last < _FRESH:
            return
        self._last = now
        with suppress(DatabaseError):  # the next piece tells it as well
            Following.objects.update(contact_at=timezone.now())
        if threading.get_ident() != self._made_in:
            connection.close()
