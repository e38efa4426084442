"""Asking an upstream for a project now, because somebody wants to know."""

from __future__ import annotations

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.services import audit
from indexapp import permissions
from indexapp.domain.names import normalize_name, require_valid_name
from indexapp.models import Index, MirroredProject
from indexapp.services.mirrors import asking, recording, settings
from indexapp.services.serving import index_map, ownership, watermarks
from tpi_site.kit.errors import Conflict


def refresh(*, actor: Actor, index: Index, name: str) -> MirroredProject:
    """What the mirror knows of the name after its upstream was asked; a failure stands in it.

    A name of ours that the actor may not know of is answered as if the upstream had no such project; nobody is asked.
    """
    if not (actor.may_operate or actor.may_secure):
        permissions.require(actor, Verb.ADMINISTER, index)
    settings.require_mirror(index)
    require_valid_name(name)
    normalized = normalize_name(name)
    is_secret = not _is_asked_for(actor, index, normalized)
    with transaction.atomic():
        audit.record(actor=actor, action="mirror.refresh", subject=index, project=normalized)
    return _absent(index, normalized) if is_secret else asking.ask_again(index.pk, normalized)


def _is_asked_for(actor: Actor, index: Index, normalized: str) -> bool:
    """Whether the upstream may be asked for the name; refuses where the actor may know why it is not."""
    served = index_map.read(watermarks.read()).by_pk
    terms = served[index.pk].terms
    if terms is None or not terms.is_asked:
        raise Conflict(
            f"The mirror '{index.name}' is offline or frozen; its upstream is not asked for pages.",
            code="mirror-not-asked",
        )
    is_merged = any(normalized in group.merged and served[index.pk] in group.mirrors for group in served.values())
    if is_merged or not ownership.is_ours(terms, normalized):
        return True
    if ownership.told_to(actor, [served[index.pk]], [normalized]):
        raise Conflict(f"The name '{normalized}' is one of ours; no upstream is asked for it.", code="name-is-ours")
    return False


def _absent(index: Index, normalized: str) -> MirroredProject:
    """The row of a name that the upstream does not have; one that it once had stays as it is."""
    row = MirroredProject.objects.get_or_create(index_id=index.pk, normalized_name=normalized)[0]
    if row.project_id is None:
        recording.take_absence(Index.objects.select_related("upstream").get(pk=index.pk), row)
        row.refresh_from_db()
    return row
