"""Names that a mirror beside the index serves: one of ours takes such a name from everybody (:mod:`.serving.ownership`)."""

from __future__ import annotations

from django.db.models import Q

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from indexapp import permissions
from indexapp.models import Index, MirroredProject
from indexapp.services.serving import index_map, ownership, watermarks
from tpi_site.kit.errors import Forbidden


def require_may_take(actor: Actor, index: Index, normalized: str) -> None:
    """Refuse a new project of a public name to who neither administers the index nor is a security officer."""
    if actor.may_secure or not _is_served_beside(index, Q(normalized_name=normalized)):
        return
    if Verb.ADMINISTER not in permissions.verbs_on(actor, index, name=normalized):
        raise Forbidden(
            f"'{normalized}' is a public name: a mirror beside the index '{index.name}' serves it, and a project here would "
            "take it from everybody; choose another name, or ask who administers the index or a security officer.",
            code="name-public",
        )


def require_may_fence(actor: Actor, index: Index, prefix: str) -> None:
    """The same for a prefix that a team wants for itself."""
    below = Q(normalized_name=prefix) | Q(normalized_name__startswith=f"{prefix}-")
    if not actor.may_secure and _is_served_beside(index, below):
        raise Forbidden(
            f"A mirror beside the index '{index.name}' serves public names that are, or begin with, '{prefix}', and the prefix "
            "would take them from everybody; choose a longer one, or ask who administers the index.",
            code="name-public",
        )


def _is_served_beside(index: Index, named: Q) -> bool:
    """Whether a mirror that is found through one group with ``index`` has such a name, and it is not ours already."""
    rows = MirroredProject.objects.filter(named, project__isnull=False, is_gone=False)
    found = list(rows.order_by().values_list("index_id", "normalized_name"))
    if not found:
        return False
    terms = {
        place.pk: place.terms
        for place in index_map.read(watermarks.read()).by_pk.values()
        if place.terms and index.pk in {place.pk, *place.terms.owners, *place.terms.groups}
    }
    return any(mirror in terms and not ownership.is_ours(terms[mirror], name) for mirror, name in found)
