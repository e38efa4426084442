"""Indexes and projects on which a person who goes holds roles of their own."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from accounts.domain.verbs import Verb, as_words, from_mask
from accounts.models import Membership, User
from accounts.services.left_behind import LeftBehind
from indexapp.models import Role

_Place = tuple[int, int | None]


def roles(user: User) -> list[LeftBehind]:
    """First the places where nobody else administers, then the others, each by name."""
    held = list(Role.objects.filter(user=user).select_related("index", "project"))
    kept = _administered_by_others(user, held)
    alone = {role.pk for role in held if _administers(role) and not _is_kept(role, kept)}
    held.sort(key=lambda role: (role.pk not in alone, _name(role)))
    return [_told(role, is_alone=role.pk in alone) for role in held]


def _administers(role: Role) -> bool:
    return bool(role.verbs & Verb.ADMINISTER.bit)


def _is_kept(role: Role, kept: set[_Place]) -> bool:
    return (role.index_id, None) in kept or (role.index_id, role.project_id) in kept


def _administered_by_others(user: User, held: Iterable[Role]) -> set[_Place]:
    """Where somebody else who can sign in, alone or in a team, administers; one query."""
    wanted = [role for role in held if _administers(role)]
    teams = Membership.objects.filter(user__is_active=True).exclude(user=user).values("team")
    others = Role.objects.annotate_verb(Verb.ADMINISTER).filter(
        Q(project=None) | Q(project__in=[role.project_id for role in wanted if role.project_id is not None]),
        Q(user__is_active=True) & ~Q(user=user) | Q(team__in=teams),
        index__in={role.index_id for role in wanted},
    )
    return set(others.values_list("index_id", "project_id"))


def _name(role: Role) -> str:
    return f"{role.index.name}/{role.project.normalized_name}" if role.project else role.index.name


def _told(role: Role, *, is_alone: bool) -> LeftBehind:
    kind = "project" if role.project else "index"
    if is_alone:
        sentence = f"Nobody else administers this {kind}; give somebody the right."
    else:
        sentence = f"The account may {', '.join(as_words(from_mask(role.verbs)))} here; others administer it."
        if not _administers(role):
            sentence = f"The account may {', '.join(as_words(from_mask(role.verbs)))} here."
    return LeftBehind(kind, _name(role), sentence)
