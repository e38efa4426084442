"""Accounts of programs: they belong to a team, have no password, and sign in with tokens alone.

A team's admins make, change, disable and delete them; its maintainers issue and revoke their tokens too.
"""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.models import Membership, Team, User
from accounts.permissions import holds_place
from accounts.services import audit, generations
from tpi_site.kit.errors import Conflict, Forbidden, Invalid

EDITABLE = frozenset({"description", "is_active"})
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_MOST = 150
Place = Membership.Place


def may_manage_service_account(actor: Actor, user: User) -> bool:
    """Whether ``actor`` may issue and revoke tokens of ``user``, a service account of a team that they look after.

    False for every other account.  The team's maintainers and admins may, those of the teams above it, and administrators
    of the instance.
    """
    if user.kind != User.Kind.SERVICE or user.service_team_id is None:
        return False
    return holds_place(actor, user.service_team_id, Place.MAINTAINER, Place.ADMIN)


def _require_admin(actor: Actor, team: Team) -> None:
    if not holds_place(actor, team.pk, Place.ADMIN):
        raise Forbidden(
            f"Only an admin of the team '{team.name}' may change its service accounts.", code="team-admin-needed"
        )


def create(*, actor: Actor, team: Team, name: str, description: str = "") -> User:
    """Make an account for a program of ``team``, such as a build job; it is a member of the team and no more."""
    _require_admin(actor, team)
    if _NAME.fullmatch(name) is None:
        raise Invalid(
            "Name the service account with at most 64 lower-case letters, digits and hyphens, for example svc-build.",
            code="name-invalid",
        )
    user = User(username=name, first_name=_checked(description), kind=User.Kind.SERVICE, service_team=team)
    user.set_unusable_password()
    with transaction.atomic():
        if User.named(name).exists():
            raise Conflict(f"The name '{name}' is taken; choose another one.", code="user-exists")
        user.save()
        Membership.objects.create(team=team, user=user, role=Place.MEMBER)
        audit.record(actor=actor, object_type="user", action="service-account.create", subject=user, team=team.name)
        generations.bump_access()
    return user


def change(*, actor: Actor, user: User, **values: Any) -> User:
    """Change the ``description``, or disable and enable it by ``is_active``; disabling ends its tokens' use at once."""
    _require_admin(actor, _team_of(user))
    if unknown := set(values) - EDITABLE:
        raise Invalid(f"These fields cannot be changed: {', '.join(sorted(unknown))}.", code="field-fixed")
    fields = {"first_name" if name == "description" else name: value for name, value in values.items()}
    if "first_name" in fields:
        fields["first_name"] = _checked(fields["first_name"])
    if "is_active" in fields:
        fields["ended_by"] = User.Ended.NOT if fields["is_active"] else User.Ended.ADMINISTRATOR
    before = {name: getattr(user, name) for name in fields}
    with transaction.atomic():
        for name, value in fields.items():
            setattr(user, name, value)
        user.save(update_fields=list(fields))
        audit.record(
            actor=actor, object_type="user", action="service-account.change", subject=user, before=before, after=fields
        )
        generations.bump_access()
    return user


def delete(*, actor: Actor, user: User) -> None:
    """Remove the account with its tokens and roles; what it published stays."""
    team = _team_of(user)
    _require_admin(actor, team)
    with transaction.atomic():
        audit.record(actor=actor, object_type="user", action="service-account.delete", subject=user, team=team.name)
        user.delete()
        generations.bump_access()


def _team_of(user: User) -> Team:
    if user.kind != User.Kind.SERVICE or user.service_team is None:
        raise Forbidden(
            f"'{user.username}' is a person's account, not a service account.", code="not-a-service-account"
        )
    return user.service_team


def _checked(description: str) -> str:
    if len(description) > _MOST or not (description.isprintable() or not description):
        raise Invalid(f"Describe it in at most {_MOST} characters, in one line.", code="description-invalid")
    return description
