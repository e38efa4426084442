"""Asking an upstream for a project now, because somebody wants to know."""

from __future__ import annotations

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.services import audit
from indexapp import permissions
from indexapp.domain.names import normalize_name, require_valid_name
from indexapp.models import Index, MirroredProject
from indexapp.services.mirrors import asking, settings
from indexapp.services.serving import index_map, ownership, watermarks
from tpi_site.kit.errors import Conflict


def refresh(*, actor: Actor, index: Index, name: str) -> MirroredProject:
    """What the mirror knows of the name after its upstream was asked; a failure stands in it."""
    if not (actor.may_operate or actor.may_secure):
        permissions.require(actor, Verb.ADMINISTER, index)
    settings.require_mirror(index)
    require_valid_name(name)
    normalized = normalize_name(name)
    _require_asked(index, normalized)
    with transaction.atomic():
        audit.record(actor=actor, action="mirror.refresh", subject=index, project=normalized)
    return asking.ask_again(index.pk, normalized)


def _require_asked(index: Index, normalized: str) -> None:
    served = index_map.read(watermarks.read()).by_pk
    terms = served[index.pk].terms
    if terms is None or not terms.is_asked:
        raise Conflict(
            f"The mirror '{index.name}' is offline or frozen; its upstream is not asked for pages.",
            code="mirror-not-asked",
        )
    is_merged = any(normalized in group.merged and served[index.pk] in group.mirrors for group in served.values())
    if not is_merged and ownership.is_ours(terms, normalized):
        raise Conflict(f"The name '{normalized}' is one of ours; no upstream is asked for it.", code="name-is-ours")
