"""Teams, how they are nested, and who is in them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError

from accounts.domain.actors import Actor
from accounts.models import Membership, Team, User
from accounts.permissions import holds_place, reaches_people, teams_visible_to
from accounts.services import account_ends, audit, generations, nesting, second_factors, token_lineage, unseen_names
from tpi_site.kit.errors import Conflict, Forbidden, Invalid, NotFound

EDITABLE = frozenset({"title", "description", "parent"})
Place = Membership.Place


def may_manage(actor: Actor, team: Team) -> bool:
    """Whether ``actor`` may change the team's members: its admins, those of teams above it, and administrators."""
    return holds_place(actor, team.pk, Place.ADMIN)


def _require_manager(actor: Actor, team: Team) -> None:
    if not may_manage(actor, team):
        raise Forbidden(f"Only an admin of the team '{team.name}' may change it.", code="team-admin-needed")


def create(*, actor: Actor, name: str, title: str = "", description: str = "", parent: Team | None = None) -> Team:
    """Make a team; administrators of the instance do, and below a team its admins."""
    if not actor.may_administer_instance and (parent is None or not may_manage(actor, parent)):
        raise Forbidden(
            "Only an administrator of the instance may create teams, and an admin of a team others below it.",
            code="administrator-needed",
        )
    team = Team(name=name, title=title, description=description, parent=parent)
    _full_clean(team)
    unseen_names.require_patience(actor)
    if Team.objects.filter(name=name).exists() and not teams_visible_to(actor).filter(name=name).exists():
        raise unseen_names.taken(actor, "team.create", object_type="team")
    with transaction.atomic():
        nesting.lock()
        if Team.objects.filter(name=name).exists():
            raise Conflict(f"There is a team named '{name}' already.", code="team-exists")
        nesting.check(team, parent)
        team.save()
        nesting.put(team, parent)
        audit.record(actor=actor, action="team.create", subject=team, parent=parent.name if parent else None)
        generations.bump_access()
    return team


def change(*, actor: Actor, team: Team, **values: Any) -> Team:
    """Change the team's title or description, or put it below another ``parent`` (None: below none).

    Who moves a team must be its admin and that of the teams that it leaves and comes to, because its people lose the
    roles of the one and receive those of the other.
    """
    _require_manager(actor, team)
    if unknown := set(values) - EDITABLE:
        raise Invalid(f"These fields of a team cannot be changed: {', '.join(sorted(unknown))}.", code="field-fixed")
    with transaction.atomic():
        if "parent" in values:
            token_lineage.hold()
        nesting.lock()
        moves = "parent" in values and values["parent"] != Team.objects.get(pk=team.pk).parent
        ended = _move(actor, team, values["parent"]) if moves else []
        before = {name: _plain(getattr(team, name)) for name in values}
        for name, value in values.items():
            setattr(team, name, value)
        _full_clean(team)
        team.save(update_fields=list(values))
        after = {name: _plain(value) for name, value in values.items()}
        detail = audit.listed("tokens_revoked", ended) if ended else {}
        audit.record(actor=actor, action="team.change", subject=team, before=before, after=after, **detail)
        if moves:
            generations.bump_access()
    return team


def _plain(value: Any) -> Any:
    return value.name if isinstance(value, Team) else value


def _move(actor: Actor, team: Team, parent: Team | None) -> list[str]:
    """Put the team there; gives the key ids of ended tokens that people of the teams it leaves have lent its programs."""
    for other in (Team.objects.get(pk=team.pk).parent, parent):
        if other is not None:
            _require_manager(actor, other)
    nesting.check(team, parent)
    above = Membership.objects.filter(team__below__descendant=team, role__in=[Place.MAINTAINER, Place.ADMIN])
    people = list(
        User.objects.filter(pk__in=above.order_by().values("user"), tokens__children__isnull=False).distinct()
    )
    nesting.put(team, parent)
    return [key_id for person in people for key_id in account_ends.end_lent_tokens(person)]


def delete(*, actor: Actor, team: Team) -> None:
    """Remove a team with its memberships and roles; one with service accounts or teams below it is refused."""
    if not actor.may_administer_instance:
        raise Forbidden("Only an administrator of the instance may delete teams.", code="administrator-needed")
    with transaction.atomic():
        nesting.lock()
        members = team.memberships.order_by("pk").values_list("user__username", flat=True)
        audit.record(actor=actor, action="team.delete", subject=team, **audit.listed("members", members))
        name = team.name
        try:
            team.delete()
        except ProtectedError:
            raise Conflict(
                f"The team '{name}' has service accounts or teams below it; delete or move those first.",
                code="team-in-use",
            ) from None
        generations.bump_access()


def set_member(*, actor: Actor, team: Team, user: User, role: str) -> Membership:
    """Take ``user`` into the team or change their place in it.

    A team's admin gives no place for which the person would need a second factor that they have not, because such a
    place needs nobody's consent and would end their sessions.
    """
    _require_manager(actor, team)
    if role not in Place.values:
        raise Invalid(f"'{role}' is not a place in a team; use {', '.join(Place.values)}.", code="role-unknown")
    _require_person(user)
    if not actor.may_administer_instance and second_factors.would_shut_out(user, role):
        raise Conflict(
            f"Ask '{user.username}' to set up a second factor first; whoever is admin of a team must have one here.",
            code="second-factor-missing",
        )
    with transaction.atomic():
        token_lineage.hold()
        membership, _ = Membership.objects.update_or_create(
            team=team, user=user, directory=None, defaults={"role": role}
        )
        detail = _ended(user)
        audit.record(actor=actor, action="team.set-member", subject=team, member=user.username, role=role, **detail)
        generations.bump_access()
    return membership


def _require_person(user: User) -> None:
    """Another team's maintainers issue a service account's tokens, so it must not carry this one's rights."""
    if user.kind == User.Kind.SERVICE:
        raise Conflict(
            f"'{user.username}' is a service account, which is a member of its own team and nothing else.",
            code="service-account-fixed",
        )


def invite(*, actor: Actor, team: Team, username: str, role: str) -> Membership:
    """Take in the person of exactly that user name; who may not see all accounts is told no more of a name that fails.

    An unknown name, a disabled account and a service account get one answer, and the attempt is written down.
    """
    _require_manager(actor, team)
    return set_member(actor=actor, team=team, user=person_named(actor=actor, team=team, username=username), role=role)


def person_named(*, actor: Actor, team: Team, username: str) -> User:
    """Who of exactly that user name could be taken into ``team``, which may be still to make; as :func:`invite` says.

    For who may change the team.  Call it outside transactions that a refusal undoes.
    """
    is_new = team.pk is None
    if not is_new:
        _require_manager(actor, team)
    unseen_names.require_patience(actor)
    user = User.objects.filter(username=username).first()
    if user is not None and (actor.reads_everything or (user.is_active and user.kind == User.Kind.PERSON)):
        return user
    raise unseen_names.failed(
        actor,
        "team.set-member",
        "There is no account of exactly this user name that could be taken in; ask the person how it is spelled.",
        code="user-unknown",
        subject=None if is_new else team,
        object_type="team" if is_new else "",
    )


def remove_member(*, actor: Actor, team: Team, user: User) -> None:
    """Take ``user`` out of the team, which people may do for themselves; the rights that came with it end at once.

    So do the tokens that theirs have made for service accounts which they look after no more.
    What a directory gives stays until the directory takes it; where there is nothing else the call is refused.
    """
    leaves = actor.user_id == user.pk and reaches_people(actor)
    if not leaves:
        _require_manager(actor, team)
    if user.kind == User.Kind.SERVICE:
        _require_person(user)
    with transaction.atomic():
        token_lineage.hold()
        if not Membership.objects.filter(team=team, user=user, directory=None).delete()[0]:
            _refuse_removal(team, user)
        audit.record(actor=actor, action="team.remove-member", subject=team, member=user.username, **_ended(user))
        generations.bump_access()


def _ended(user: User) -> dict[str, Any]:
    """For the audit entry: which tokens ended with the place, if any did."""
    ended = account_ends.end_lent_tokens(user)
    return audit.listed("tokens_revoked", ended) if ended else {}


def _refuse_removal(team: Team, user: User) -> None:
    given = Membership.objects.filter(team=team, user=user).select_related("directory").first()
    if given is None or given.directory is None:
        raise NotFound(f"'{user.username}' is not in the team '{team.name}'.")
    raise Conflict(
        f"'{user.username}' is in the team '{team.name}' by a group of the directory '{given.directory.name}'; take them "
        "out of the group there.",
        code="membership-of-directory",
    )


def _full_clean(team: Team) -> None:
    try:
        team.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        problems = "; ".join(f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())
        raise Invalid(problems, code="team-invalid") from None
