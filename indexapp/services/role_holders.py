"""Who a role is for, found by name, without telling who there is."""

from __future__ import annotations

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import Team, User
from accounts.permissions import service_accounts_visible_to, teams_visible_to
from accounts.services import unseen_names
from indexapp import permissions
from indexapp.models import Index, Project
from tpi_site.kit.errors import Invalid


def named(
    *, actor: Actor, index: Index, project: Project | None = None, user: str | None = None, team: str | None = None
) -> User | Team:
    """The user or team of exactly this name, for who administers the place.

    Who reads everything is told what there is not.  Everybody else names people by their exact names, service accounts
    and teams that they see, and other teams where they administer the whole index; all that fails gets one answer, is
    written down and counted.
    """
    permissions.require(actor, Verb.ADMINISTER, index, project)
    unseen_names.require_patience(actor)
    found = _user(actor, user) if user is not None else _team(actor, index, team or "")
    if found is not None:
        return found
    if actor.reads_everything:
        raise Invalid(
            f"There is no {'account' if user is not None else 'team'} named '{user or team}'.",
            code="user-unknown" if user is not None else "team-unknown",
        )
    raise unseen_names.failed(
        actor,
        "role.grant",
        "There is no account or team of exactly this name that you could give a role to; ask how it is spelled, or let "
        "somebody grant it who administers the whole index.",
        code="holder-unknown",
        subject=project or index,
    )


def _user(actor: Actor, name: str) -> User | None:
    user = User.objects.filter(username=name).first()
    if user is None or actor.reads_everything or user.pk == actor.user_id:
        return user
    if user.kind == User.Kind.SERVICE:
        return service_accounts_visible_to(actor).filter(pk=user.pk).first()
    return user if user.is_active else None


def _team(actor: Actor, index: Index, name: str) -> Team | None:
    rows = Team.objects.all()
    if Verb.ADMINISTER not in permissions.verbs_on(actor, index):
        rows = teams_visible_to(actor)
    return rows.filter(name=name).first()
