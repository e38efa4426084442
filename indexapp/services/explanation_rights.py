"""Who may be told why somebody may, or may not, do a thing here, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import Membership, Team, User
from accounts.permissions import managed_teams, teams_visible_to
from indexapp import permissions
from indexapp.models import Index, Project, Role
from tpi_site.kit.errors import Forbidden

_PLACES = (Membership.Place.MAINTAINER, Membership.Place.ADMIN)


@dataclass(frozen=True)
class Sight:
    """What an asker may be told: all, or what comes through ``teams`` (keys), roles ``on_project``, those of a program."""

    is_whole: bool
    teams: frozenset[int] = frozenset()
    on_project: bool = False
    is_program: bool = False

    def reaches(self, role: Role) -> bool:
        """Whether a role may be named."""
        if self.is_whole or (self.on_project and role.project_id is not None):
            return True
        return self.is_program if role.team_id is None else role.team_id in self.teams


WHOLE = Sight(is_whole=True)


def sight_of(asker: Actor, *, username: str, index: Index, project: Project | None) -> Sight:
    """How much ``asker`` is told about the account there; refuses, in the same words for all, who is told nothing.

    Everybody asks about themselves, who administers the index or the project about anybody there, who reads everything about
    all.  A team's maintainers and admins ask about its people and service accounts, where they may read themselves or one of
    their teams holds a role.  Of what comes from elsewhere they are told that it does, and not from where.
    """
    if asker.token is not None and not asker.token.is_unbounded:
        raise Forbidden(
            "A token that is bound to indexes or projects explains no rights; use one without bounds.",
            code="token-scope",
        )
    if asker.reads_everything or username == asker.username:
        return WHOLE
    if Verb.ADMINISTER in permissions.verbs_on(asker, index):
        return WHOLE
    teams = frozenset(teams_visible_to(asker).values_list("pk", flat=True))
    held = permissions.verbs_on(asker, index, project)
    if Verb.ADMINISTER in held:
        return Sight(is_whole=False, teams=teams, on_project=True)
    own = managed_teams(asker, *_PLACES)
    person = User.objects.filter(Q(memberships__team__in=own) | Q(service_team__in=own), username=username).first()
    if person is not None and (Verb.READ in held or _holds_a_role(own, index, project)):
        return Sight(is_whole=False, teams=teams, is_program=person.kind == User.Kind.SERVICE)
    raise Forbidden(
        f"You may ask about yourself; about others on the index '{index.name}' only who administers it may, and who looks "
        "after a team about its people, where the team holds something.",
        code="right-missing",
    )


def _holds_a_role(teams: QuerySet[Team], index: Index, project: Project | None) -> bool:
    """Whether one of the teams, or one above it, holds something there."""
    place = Q(project=None) | Q(project=project) if project else Q(project=None)
    holders = Q(team__in=teams.values("pk")) | Q(team__below__descendant__in=teams.values("pk"))
    return Role.objects.filter(place, holders, index=index.pk).exists()
