"""Asking for a backup between the scheduled ones; console and REST API call it, and the job is the schedule's own."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.permissions import require_operator
from accounts.services import audit
from indexapp.models import Backup
from tpi_site.kit import queue
from tpi_site.kit.errors import Conflict

_JOB = "indexapp.tasks.back_up"


def ask_backup(*, actor: Actor) -> str:
    """Let a node begin a backup to ``TPI_BACKUP_URL`` as the schedule does; answers the job's name.

    The list of backups shows how it goes.  Of two that are asked for at the same moment the second waits for the first.
    """
    require_operator(actor, "make backups")
    if not settings.TPI_BACKUP_URL:
        raise Conflict(
            "There is no place for backups; set TPI_BACKUP_URL, or run 'manage.py backup PLACE'.",
            code="backup-no-place",
        )
    under_way = Backup.objects.filter(state=Backup.State.RUNNING, lease_until__gt=timezone.now()).first()
    if under_way is not None:
        raise Conflict(
            f"The backup {under_way.name} is under way; ask again when it has ended.", code="backup-under-way"
        )
    with transaction.atomic():
        audit.record(actor=actor, action="backup.ask", object_type="backup", object_name="the next backup")
        return queue.enqueue(_JOB, name="back up")
