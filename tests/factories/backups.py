"""Rows that speak of backups."""

from __future__ import annotations

import secrets
from typing import Any

from django.utils import timezone

from indexapp.models import Backup, Drill


def make_backup(**values: Any) -> Backup:
    """One that went well, just now."""
    defaults = {
        "name": f"{timezone.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        "place": "file:///backups",
        "kind": Backup.Kind.FULL,
        "state": Backup.State.DONE,
        "started_at": timezone.now(),
        "finished_at": timezone.now(),
        "sentence": "1 contents, of which 1 were copied now",
    }
    return Backup.objects.create(**(defaults | values))


def make_drill(**values: Any) -> Drill:
    """One that went well, just now."""
    defaults = {
        "backup_name": "20261123T030133Z-c36d15",
        "place": "file:///backups",
        "started_at": timezone.now(),
        "seconds": 4.0,
        "is_good": True,
        "sentence": "Restored.",
        "report": {"wrong": []},
        "report_sha256": "0" * 64,
    }
    return Drill.objects.create(**(defaults | values))
