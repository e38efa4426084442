"""What is written into a database that was just restored.

Whoever followed the change log may have seen serials that the backup has not.  So the next serial is far beyond, each index and
each project has a change of the kind ``installation-restored``, and a row says so: no serial is ever given to two changes, and
none that was ever shown decreases.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.models import VerifiedPassword
from accounts.services import audit, generations
from indexapp.domain.backup_manifest import Manifest
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Backup, Change, Drill, Epoch, Restoration
from indexapp.services import serial_jumps
from indexapp.services.backups.places import Place
from indexapp.services.replication import epochs
from tpi_site.kit import locking, read_only


def record(*, actor: Actor, place: Place, manifest: Manifest) -> int:
    """Note the restore, pass over serials, and forget what must not outlive it; returns the first serial afterwards."""
    with read_only.passing_fence(), transaction.atomic():
        VerifiedPassword.objects.all().delete()
        generations.bump_access()
        Backup.objects.filter(state=Backup.State.RUNNING).update(
            state=Backup.State.DONE, finished_at=manifest.made_at, lease_until=None, sentence="Restored from this one"
        )
        Drill.objects.filter(report_sha256="").delete()  # those that went on there are nobody's here
        locking.hold("changes")
        last = Change.objects.order_by("-serial").values_list("serial", flat=True).first() or 0
        following = serial_jumps.tell_anew(
            actor=actor, kind=ChangeKind.INSTALLATION_RESTORED, last=last, backup=manifest.name, last_serial=last
        )
        row = Restoration.objects.create(
            backup_name=manifest.name,
            place=place.address[:400],
            made_at=manifest.made_at,
            restored_at=timezone.now(),
            last_serial=last,
            next_serial=following,
        )
        epochs.begin(Epoch.Reason.RESTORED, began_after=last)
        audit.record(
            actor=actor,
            action="backup.restore",
            subject=row,
            backup=manifest.name,
            place=row.place,
            last_serial=last,
            next_serial=following,
        )
    return following
