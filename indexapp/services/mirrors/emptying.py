"""Taking away what a mirror holds, so that the index can be deleted."""

from __future__ import annotations

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.services import audit, generations
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import File, Index, MirroredProject, Project, RetiredFilename, Upstream
from indexapp.services import changes, search

_BATCH = 100
"""Projects that go in one transaction: some have thousands of files."""


def empty(actor: Actor, index: Index) -> None:
    """Stop asking the upstream, and remove all rows of its projects in short transactions; the bytes are swept later.

    When it is broken off, what is left serves on, and the next call goes on with it.
    """
    held = Project.objects.filter(index=index).order_by("pk")
    if not held.exists():
        return
    with transaction.atomic():
        Upstream.objects.filter(index=index).update(is_offline=True)
        audit.record(actor=actor, action="mirror.empty", subject=index)
        generations.bump_access()
        changes.record(actor=actor, kind=ChangeKind.INDEX_CHANGED, index=index, fields=["is_offline"])
    while batch := list(held[:_BATCH]):
        with transaction.atomic():
            for project in batch:
                search.remove(project)
            keys = [project.pk for project in batch]
            File.objects.filter(project__in=keys).delete()
            Project.objects.filter(pk__in=keys).delete()
    MirroredProject.objects.filter(index=index).delete()
    RetiredFilename.objects.filter(index=index).delete()
