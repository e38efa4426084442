"""Files of mirrors that stay here whatever room there is: set by who prefetches them, until somebody lets go of them."""

from __future__ import annotations

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.services import audit
from indexapp import permissions
from indexapp.models import Index, MirroredFile
from indexapp.services.mirrors import settings


def pin(file_id: int) -> None:
    """Keep the file; who asks for it was refused, or not, when the prefetch began."""
    MirroredFile.objects.filter(pk=file_id, is_pinned=False).update(is_pinned=True)


def unpin_all(*, actor: Actor, index: Index) -> int:
    """Let all pinned files of a mirror go by their last use, as the others; returns how many that are."""
    permissions.require(actor, Verb.ADMINISTER, index)
    settings.require_mirror(index)
    with transaction.atomic():
        count = MirroredFile.objects.filter(file__index=index, is_pinned=True).update(is_pinned=False)
        audit.record(actor=actor, action="mirror.unpin", subject=index, files=count)
    return count
