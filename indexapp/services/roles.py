"""Granting and withdrawing verbs on indexes and projects, and reserving prefixes of names."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb, as_words, from_mask, granted, to_mask
from accounts.models import Team, User
from accounts.services import audit, generations
from indexapp import permissions
from indexapp.domain import names
from indexapp.models import Index, Project, ReservedPrefix, Role
from indexapp.services import prefix_rules
from indexapp.services.team_rights import team_behind
from tpi_site.kit.errors import Conflict, Forbidden, Invalid, NotFound


def grant(
    *,
    actor: Actor,
    index: Index,
    holder: User | Team,
    verbs: Iterable[Verb],
    project: Project | None = None,
) -> Role:
    """Give ``holder`` these verbs on the index, or on ``project`` of it, instead of what they held there before."""
    permissions.require(actor, Verb.ADMINISTER, index, project)
    if project is not None and project.index_id != index.pk:
        raise Invalid(f"The project '{project.name}' is not in the index '{index.name}'.", code="project-elsewhere")
    given = granted(verbs)
    if not given:
        raise Invalid("Name at least one verb; to take all away, delete the role.", code="role-empty")
    _require_held_by_token(actor, given, index, project)
    mask = to_mask(given)
    who = {"user": holder} if isinstance(holder, User) else {"team": holder}
    with transaction.atomic():
        role, _ = Role.objects.update_or_create(
            index=index,
            project=project,
            **who,
            defaults={"verbs": mask, "through_id": team_behind(actor, index, project, holder)},
        )
        audit.record(
            actor=actor,
            action="role.grant",
            subject=role,
            holder=str(holder),
            index=index.name,
            project=project.normalized_name if project else None,
            verbs=as_words(from_mask(mask)),
        )
        generations.bump_access()
    return role


def _require_held_by_token(actor: Actor, verbs: frozenset[Verb], index: Index, project: Project | None) -> None:
    """A role outlives the token that grants it, so it holds nothing that the token does not."""
    if actor.token is None:
        return
    name = project.normalized_name if project else None
    missing = verbs - actor.token.narrow(verbs, index.name, name)
    if missing:
        raise Forbidden(
            f"The token '{actor.token.name}' is not good for {', '.join(as_words(missing))} there, so it cannot give that to "
            "anybody; use one that is, or your password.",
            code="token-scope",
        )


def revoke(*, actor: Actor, role: Role) -> None:
    """Take a role away; it ends at once."""
    permissions.require(actor, Verb.ADMINISTER, role.index, role.project)
    with transaction.atomic():
        audit.record(
            actor=actor,
            action="role.revoke",
            subject=role,
            holder=str(role.user or role.team),
            index=role.index.name,
            project=role.project.normalized_name if role.project else None,
        )
        if not Role.objects.filter(pk=role.pk).delete()[0]:
            raise NotFound("The role was taken away in the meantime.")
        generations.bump_access()


def reserve_prefix(*, actor: Actor, team: Team, prefix: str, index: Index | None = None) -> ReservedPrefix:
    """Keep new names that begin with ``prefix`` for ``team``, on one index or everywhere.

    :mod:`.prefix_rules` says who may.
    """
    names.require_valid_name(prefix)
    normalized = names.normalize_name(prefix)
    prefix_rules.require_may_reserve(actor, team, index, normalized)
    with transaction.atomic():
        if ReservedPrefix.objects.filter(prefix=normalized, index=index).exists():
            raise Conflict(f"The prefix '{normalized}' is reserved already.", code="prefix-reserved")
        row = ReservedPrefix.objects.create(prefix=normalized, team=team, index=index)
        audit.record(actor=actor, action="prefix.reserve", subject=row, team=team.name)
        generations.bump_access()  # mirrors are never asked for these names
    return row


def release_prefix(*, actor: Actor, reserved: ReservedPrefix) -> None:
    """Give a prefix free again."""
    prefix_rules.require_may_release(actor, reserved)
    with transaction.atomic():
        audit.record(actor=actor, action="prefix.release", subject=reserved, team=reserved.team.name)
        reserved.delete()
        generations.bump_access()
