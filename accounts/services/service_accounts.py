"""Accounts of programs: they belong to a team, have no password, and sign in with tokens alone.

A team's admins make, change, disable and delete them; its maintainers issue and revoke their tokens too.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.service_names import is_service_name
from accounts.models import Membership, Team, User
from accounts.permissions import holds_place, service_accounts_visible_to
from accounts.services import account_ends, audit, generations, unseen_names
from tpi_site.kit.errors import Conflict, Forbidden, Invalid

EDITABLE = frozenset({"description", "is_active"})
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
    """Make an account for a program of ``team``, such as a build job; it is a member of the team and no more.

    Its name begins with ``svc-``, as no person's does, so that nobody learns here who there is.
    """
    _require_admin(actor, team)
    unseen_names.require_patience(actor)
    if not is_service_name(name):
        raise Invalid(
            "Name the service account 'svc-' and lower-case letters, digits and hyphens, at most 64 characters in all, "
            "for example svc-build.",
            code="name-invalid",
        )
    _require_free(actor, name)
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


def _require_free(actor: Actor, name: str) -> None:
    """Asked before the transaction too, which would take along what is written of the attempt."""
    found = User.named(name).first()
    if found is None or service_accounts_visible_to(actor).filter(pk=found.pk).exists():
        return
    raise unseen_names.taken(actor, "service-account.create", object_type="user")


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
        ended = audit.listed("tokens_revoked", account_ends.end_credentials(user))
        audit.record(
            actor=actor, object_type="user", action="service-account.delete", subject=user, team=team.name, **ended
        )
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
