"""Files under whose name the upstream has other bytes than we have: a person decides which of them it is."""

from __future__ import annotations

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.services import audit
from indexapp import permissions
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import File, MirroredFile, MirroredProject
from indexapp.services import changes, projects, summaries
from tpi_site.kit.errors import Conflict, Forbidden


def keep_ours(*, actor: Actor, file: File) -> None:
    """Our bytes stay what the name stands for; it is told again when the upstream changes them once more."""
    if not actor.may_secure:
        permissions.require(actor, Verb.ADMINISTER, file.index, file.project)
    with transaction.atomic():
        beside = _contested(file)
        MirroredFile.objects.filter(pk=beside.pk).update(conflict_at=None)
        audit.record(actor=actor, action="mirror.keep-ours", subject=file, sha256=file.sha256, conflict=beside.conflict)


def take_theirs(*, actor: Actor, file: File) -> None:
    """Drop our bytes of the file; with the next question to the upstream it comes back as what the upstream has.

    Whoever has the old digest in a lock file cannot install it from here any more.
    """
    if not actor.may_secure:
        raise Forbidden(
            "Only a security officer or an administrator of the instance may let other bytes take a name's place.",
            code="security-officer-needed",
        )
    with transaction.atomic():
        project = projects.lock(file.project)
        beside = _contested(file)
        audit.record(
            actor=actor, action="mirror.take-theirs", subject=file, sha256=file.sha256, conflict=beside.conflict
        )
        version = file.release.version
        File.objects.filter(pk=file.pk).delete()
        MirroredProject.objects.filter(project=project).update(etag="", last_modified="", fresh_until=None)
        summaries.refresh(project)
        changes.record(
            actor=actor,
            kind=ChangeKind.FILE_DELETED,
            index=file.index,
            project=project,
            version=version,
            filename=file.filename,
            sha256=file.sha256,
        )


def _contested(file: File) -> MirroredFile:
    """What is beside the file, locked."""
    found = MirroredFile.objects.select_for_update().filter(pk=file.pk).exclude(conflict="").first()
    if found is None:
        raise Conflict(
            f"The upstream's bytes of '{file.filename}' do not contradict ours (any more).", code="no-conflict"
        )
    return found
