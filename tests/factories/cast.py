"""The people that tests are played with, and what each holds on one index."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from accounts.domain.actors import ANONYMOUS, Actor
from accounts.domain.instance_roles import InstanceRole
from accounts.domain.verbs import ALL_VERBS, Verb
from accounts.models import Membership, Team, User
from accounts.services import tokens
from indexapp.models import Index
from tests.factories.people import PASSWORD, actor_of, make_team, make_token, make_user
from tests.factories.publishing import give
from tests.wsgi_client import basic, bearer

ROLES = (
    "anonymous",
    "outsider",
    "reader",
    "uploader",
    "member",
    "maintainer",
    "team_admin",
    "auditor",
    "operator",
    "security_officer",
    "administrator",
)
"""From the least to the most, the parts for the instance before its administrator."""
PARTS = {
    "auditor": InstanceRole.AUDITOR,
    "operator": InstanceRole.OPERATOR,
    "security_officer": InstanceRole.SECURITY_OFFICER,
}


class Cast:
    """Ten people, one team and their roles on ``index``.

    - ``administrator`` of the instance;
    - ``team_admin``: admin of the team 'tools', and administers the index;
    - ``maintainer`` and ``member`` of 'tools', which reads and uploads;
    - ``uploader`` and ``reader`` hold their rights themselves;
    - ``outsider`` can sign in and holds nothing;
    - ``operator``, ``security_officer`` and ``auditor`` play that part for the instance and hold nothing else.
    """

    administrator: User
    security_officer: User
    operator: User
    auditor: User
    team_admin: User
    maintainer: User
    member: User
    uploader: User
    reader: User
    outsider: User

    def __init__(self, index: Index) -> None:
        self.index = index
        for role in ROLES[1:]:
            setattr(self, role, make_user(role, is_superuser=role == "administrator"))
        for role, part in PARTS.items():
            self.user(role).instance_roles = part.bit
            self.user(role).save(update_fields=["instance_roles"])
        self.team: Team = make_team("tools", self.member, admins=[self.team_admin])
        Membership.objects.create(team=self.team, user=self.maintainer, role=Membership.Place.MAINTAINER)
        give(self.team, [Verb.READ, Verb.UPLOAD], index)
        give(self.team_admin, [Verb.ADMINISTER], index)
        give(self.uploader, [Verb.UPLOAD], index)
        give(self.reader, [Verb.READ], index)

    def user(self, role: str) -> User:
        """The person of this name."""
        found = getattr(self, role)
        assert isinstance(found, User)
        return found

    def actor(self, role: str) -> Actor:
        """The person as services know them after signing in by browser; ``anonymous`` is nobody."""
        return ANONYMOUS if role == "anonymous" else actor_of(self.user(role))

    def token(
        self,
        role: str,
        verbs: Iterable[Verb] = ALL_VERBS,
        *,
        indexes: Iterable[str] = (),
        projects: Iterable[str] = (),
        expires_at: datetime | None = None,
    ) -> str:
        """The text of a new token of this person; an auditor's only reads, whatever is asked for."""
        verbs = [Verb.READ] if role == "auditor" else verbs
        return make_token(self.user(role), verbs, indexes=indexes, projects=projects, expires_at=expires_at)[1]

    def token_actor(
        self, role: str, verbs: Iterable[Verb] = ALL_VERBS, *, indexes: Iterable[str] = (), projects: Iterable[str] = ()
    ) -> Actor:
        """The person as services know them by a token."""
        actor = tokens.recognise(self.token(role, verbs, indexes=indexes, projects=projects))
        assert actor is not None
        return actor

    def bearer(self, role: str) -> dict[str, str]:
        """The header of an unbounded token of this person; none for ``anonymous``."""
        return {} if role == "anonymous" else bearer(self.token(role))

    def basic(self, role: str) -> dict[str, str]:
        """The header of this person's password; none for ``anonymous``."""
        return {} if role == "anonymous" else basic(role, PASSWORD)
