"""Who may reserve a prefix where, and what a team may take for itself without asking."""

from __future__ import annotations

from typing import NoReturn

from django.db.models import Exists, OuterRef, Q

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import Membership, Team
from accounts.permissions import holds_place
from indexapp import permissions
from indexapp.domain import names
from indexapp.models import Index, Project, ReservedPrefix, Role
from indexapp.services import public_names
from tpi_site.kit.errors import Conflict, Forbidden, Invalid

SHORTEST = 3
"""Characters of a prefix that a team takes for itself; a shorter one would fence off too much."""
_PLACES = (Membership.Place.MAINTAINER, Membership.Place.ADMIN)


def require_may_reserve(actor: Actor, team: Team, index: Index | None, normalized: str) -> None:
    """Refuse who may not keep ``normalized`` for ``team`` on ``index``, or everywhere where that is None.

    Everywhere: administrators.  On an index: who administers it; and a team's maintainers and admins for the team, where it
    holds upload on the whole index and nobody else's project or prefix is touched.
    """
    if _decides(actor, index):
        _require_not_taken_everywhere(actor, team.name, normalized)
        return
    if index is None or not _acts_for(actor, team):
        _refuse(actor, index)
    _require_upload(team, index)
    if len(normalized) < SHORTEST:
        raise Invalid(f"A team reserves prefixes of at least {SHORTEST} characters.", code="prefix-short")
    _require_free_of_projects(team, index, normalized)
    _require_free_of_prefixes(team, index, normalized)
    public_names.require_may_fence(actor, index, normalized)


def may_release(actor: Actor, reserved: ReservedPrefix) -> bool:
    """Whether ``actor`` may give it free: who decides where it holds, and on an index the team that has it."""
    return _decides(actor, reserved.index) or (reserved.index is not None and _acts_for(actor, reserved.team))


def require_may_release(actor: Actor, reserved: ReservedPrefix) -> None:
    """Refuse all but those of :func:`may_release`."""
    if not may_release(actor, reserved):
        _refuse(actor, reserved.index)


def _decides(actor: Actor, index: Index | None) -> bool:
    if index is None:
        return actor.may_administer_instance
    return Verb.ADMINISTER in permissions.verbs_on(actor, index)


def _acts_for(actor: Actor, team: Team) -> bool:
    return holds_place(actor, team.pk, *_PLACES)


def _refuse(actor: Actor, index: Index | None) -> NoReturn:
    if index is not None:
        permissions.require(actor, Verb.ADMINISTER, index)
    raise Forbidden(
        "Only an administrator of the instance may reserve prefixes everywhere, or give those free.",
        code="administrator-needed",
    )


def _lineage(team: Team) -> Q:
    """The team and those above it, whose roles it holds."""
    return Q(team=team) | Q(team__below__descendant=team)


def _require_upload(team: Team, index: Index) -> None:
    held = Role.objects.annotate_verb(Verb.UPLOAD).filter(_lineage(team), index=index, project=None)
    if not held.exists():
        raise Forbidden(
            f"The team '{team.name}' does not hold upload on the index '{index.name}'; ask who administers it.",
            code="right-missing",
        )


def _require_free_of_projects(team: Team, index: Index, normalized: str) -> None:
    """A project is the team's own where it, or one of its people, holds a role on that very project."""
    own = Role.objects.filter(project=OuterRef("pk")).filter(
        Q(team=team) | Q(team__above__ancestor=team) | Q(user__memberships__team=team)
    )
    begun = Project.objects.filter(index=index).filter(
        Q(normalized_name=normalized) | Q(normalized_name__startswith=f"{normalized}-")
    )
    if begun.filter(~Exists(own)).exists():
        raise Conflict(
            f"The index has projects of others that begin with '{normalized}'; ask who administers it.",
            code="prefix-covers-projects",
        )


def _require_free_of_prefixes(team: Team, index: Index, normalized: str) -> None:
    for row in ReservedPrefix.objects.filter(Q(index=None) | Q(index=index)).exclude(team=team):
        if names.matches_prefix(normalized, row.prefix) or names.matches_prefix(row.prefix, normalized):
            raise Conflict(
                f"'{normalized}' meets a prefix that is reserved for another team; choose another one.",
                code="prefix-taken",
            )


def require_free_here(actor: Actor, team: str, index: Index | None, normalized: str) -> None:
    """Refuse a prefix that is reserved in this place, or everywhere for a team of another name; who may is not asked."""
    if ReservedPrefix.objects.filter(prefix=normalized, index=index).exists():
        raise Conflict(f"The prefix '{normalized}' is reserved already.", code="prefix-reserved")
    _require_not_taken_everywhere(actor, team, normalized)


def _require_not_taken_everywhere(actor: Actor, team: str, normalized: str) -> None:
    """An index's own prefix goes before those that hold everywhere, so only administrators may put one over another's."""
    if actor.may_administer_instance:
        return
    everywhere = ReservedPrefix.objects.filter(index=None).exclude(team__name=team)
    for row in everywhere:
        if names.matches_prefix(normalized, row.prefix):
            raise Forbidden(
                f"The prefix '{row.prefix}' is reserved everywhere for another team; ask an administrator of the instance "
                "for an exception.",
                code="prefix-taken-everywhere",
            )
