"""Exceptions to ownership: a group serves the upstream's files of a name of ours too, because a security officer says so."""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.services import audit, generations, nodes
from indexapp.domain import names
from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.reasons import clean_reason
from indexapp.models import Index, Merge
from indexapp.services import changes
from indexapp.services.serving import index_map, watermarks
from tpi_site.kit.errors import Conflict, Forbidden, Invalid, NotFound

log = logging.getLogger(__name__)


def create(*, actor: Actor, group: Index, name: str, reason: str) -> Merge:
    """From now on ``group`` asks its mirrors for the name too and serves their files beside ours, which go before them."""
    require_may_merge(actor)
    names.require_valid_name(name)
    normalized, reason = names.normalize_name(name), clean_reason(reason)
    if not reason:
        raise Invalid("Say why the name is merged; people look for it later.", code="reason-missing")
    _require_mirrors(group)
    nodes.require_all_know("indexapp", "0013_mirrors")
    with transaction.atomic():
        if Merge.objects.filter(group=group, normalized_name=normalized, revoked_at=None).exists():
            raise Conflict(f"The group '{group.name}' merges '{normalized}' already.", code="merge-exists")
        row = Merge.objects.create(
            group=group, normalized_name=normalized, reason=reason, created_by=actor.display_name
        )
        _record(actor, row, "merge.create")
    log.warning("The group %s merges %s with its upstreams: %s.", group.name, normalized, actor.display_name)
    return row


def revoke(*, actor: Actor, merge: Merge) -> None:
    """The name is ours alone again."""
    require_may_merge(actor)
    with transaction.atomic():
        values = {"revoked_at": timezone.now(), "revoked_by": actor.display_name}
        if not Merge.objects.filter(pk=merge.pk, revoked_at=None).update(**values):
            raise NotFound("The merge was revoked in the meantime.")
        _record(actor, merge, "merge.revoke")


def visible_to(actor: Actor) -> QuerySet[Merge]:
    """All for who reads everything; for others those of groups that they administer."""
    if actor.reads_everything:
        return Merge.objects.all()
    return Merge.objects.filter(group__in=Index.objects.permitting(actor, Verb.ADMINISTER))


def require_may_merge(actor: Actor) -> None:
    """Refuse who may not let strangers' files in under a name of ours."""
    if not actor.may_secure:
        raise Forbidden(
            "Only a security officer or an administrator of the instance may merge a name of ours with an upstream's.",
            code="security-officer-needed",
        )


def _require_mirrors(group: Index) -> None:
    served = index_map.read(watermarks.read()).by_pk.get(group.pk)
    if group.kind != Index.Kind.GROUP or served is None or not served.mirrors:
        raise Invalid(
            f"'{group.name}' is no group with a mirror in it; there is nothing to merge a name with.",
            code="group-without-mirror",
        )


def _record(actor: Actor, row: Merge, action: str) -> None:
    audit.record(actor=actor, action=action, subject=row, group=row.group.name, reason=row.reason)
    generations.bump_access()
    changes.record(actor=actor, kind=ChangeKind.INDEX_CHANGED, index=row.group, fields=["merges"])
