"""Teams and who is in them."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import Membership, Team, User
from accounts.services import audit, generations
from tpi_site.kit.errors import Conflict, Forbidden, Invalid, NotFound


def may_manage(actor: Actor, team: Team) -> bool:
    """Whether ``actor`` may change the team's members: its admins and the instance's administrators."""
    if actor.may_administer_instance:
        return True
    if actor.user_id is None or (actor.token is not None and not _token_administers(actor)):
        return False
    return Membership.objects.filter(team=team, user_id=actor.user_id, role=Membership.Place.ADMIN).exists()


def _token_administers(actor: Actor) -> bool:
    return actor.token is not None and actor.token.is_unbounded and Verb.ADMINISTER in actor.token.verbs


def _require_manager(actor: Actor, team: Team) -> None:
    if not may_manage(actor, team):
        raise Forbidden(f"Only an admin of the team '{team.name}' may change it.", code="team-admin-needed")


def create(*, actor: Actor, name: str, title: str = "", description: str = "") -> Team:
    """Make a team; administrators of the instance do."""
    if not actor.may_administer_instance:
        raise Forbidden("Only an administrator of the instance may create teams.", code="administrator-needed")
    team = Team(name=name, title=title, description=description)
    _full_clean(team)
    with transaction.atomic():
        if Team.objects.filter(name=name).exists():
            raise Conflict(f"There is a team named '{name}' already.", code="team-exists")
        team.save()
        audit.record(actor=actor, action="team.create", subject=team)
    return team


def change(*, actor: Actor, team: Team, title: str | None = None, description: str | None = None) -> Team:
    """Change the team's title or description."""
    _require_manager(actor, team)
    before = {"title": team.title, "description": team.description}
    team.title = team.title if title is None else title
    team.description = team.description if description is None else description
    _full_clean(team)
    with transaction.atomic():
        team.save(update_fields=["title", "description"])
        after = {"title": team.title, "description": team.description}
        audit.record(actor=actor, action="team.change", subject=team, before=before, after=after)
    return team


def delete(*, actor: Actor, team: Team) -> None:
    """Remove a team with its memberships and roles."""
    if not actor.may_administer_instance:
        raise Forbidden("Only an administrator of the instance may delete teams.", code="administrator-needed")
    with transaction.atomic():
        members = list(team.memberships.values_list("user__username", flat=True))
        audit.record(actor=actor, action="team.delete", subject=team, members=members)
        team.delete()
        generations.bump_access()


def set_member(*, actor: Actor, team: Team, user: User, role: str) -> Membership:
    """Take ``user`` into the team or change their place in it."""
    _require_manager(actor, team)
    if role not in Membership.Place.values:
        raise Invalid(
            f"'{role}' is not a place in a team; use {', '.join(Membership.Place.values)}.", code="role-unknown"
        )
    with transaction.atomic():
        membership, _ = Membership.objects.update_or_create(
            team=team, user=user, directory=None, defaults={"role": role}
        )
        audit.record(actor=actor, action="team.set-member", subject=team, member=user.username, role=role)
        generations.bump_access()
    return membership


def remove_member(*, actor: Actor, team: Team, user: User) -> None:
    """Take ``user`` out of the team, which people may do for themselves; the rights that came with it end at once."""
    leaves = actor.user_id == user.pk and (actor.token is None or _token_administers(actor))
    if not leaves:
        _require_manager(actor, team)
    with transaction.atomic():
        deleted, _ = Membership.objects.filter(team=team, user=user, directory=None).delete()
        if not deleted:
            raise NotFound(f"'{user.username}' is not in the team '{team.name}'.")
        audit.record(actor=actor, action="team.remove-member", subject=team, member=user.username)
        generations.bump_access()


def _full_clean(team: Team) -> None:
    try:
        team.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        problems = "; ".join(f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())
        raise Invalid(problems, code="team-invalid") from None
