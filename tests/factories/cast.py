"""The people that tests are played with, and what each holds on one index."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

from accounts.domain.actors import ANONYMOUS, Actor
from accounts.domain.verbs import ALL_VERBS, Verb
from accounts.models import Team, User
from accounts.services import tokens
from indexapp.models import Index
from tests.factories.people import PASSWORD, actor_of, make_team, make_token, make_user
from tests.factories.publishing import give
from tests.wsgi_client import basic, bearer

ROLES = ("anonymous", "outsider", "reader", "uploader", "member", "team_admin", "administrator")
"""From the least to the most."""


class Cast:
    """Made as they are asked for.

    - ``administrator`` of the instance;
    - ``team_admin``: admin of the team 'tools', and administers the index;
    - ``member`` of 'tools', which reads and uploads;
    - ``uploader`` and ``reader`` hold their rights themselves;
    - ``outsider`` can sign in and holds nothing.
    """

    def __init__(self, index: Index) -> None:
        self.index = index

    @cached_property
    def administrator(self) -> User:
        """May do everything everywhere."""
        return make_user("administrator", is_superuser=True)

    @cached_property
    def team(self) -> Team:
        """The team 'tools'."""
        user = make_user("team_admin")
        give(user, [Verb.ADMINISTER], self.index)
        team = make_team("tools", make_user("member"), admins=[user])
        give(team, [Verb.READ, Verb.UPLOAD], self.index)
        return team

    @cached_property
    def team_admin(self) -> User:
        """Admin of the team; administers the index."""
        return self.team.members.get(username="team_admin")

    @cached_property
    def member(self) -> User:
        """Reads and uploads because the team does."""
        return self.team.members.get(username="member")

    @cached_property
    def uploader(self) -> User:
        """Reads and uploads."""
        user = make_user("uploader")
        give(user, [Verb.UPLOAD], self.index)
        return user

    @cached_property
    def reader(self) -> User:
        """Reads."""
        user = make_user("reader")
        give(user, [Verb.READ], self.index)
        return user

    @cached_property
    def outsider(self) -> User:
        """Holds no role."""
        return make_user("outsider")

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
        """The text of a new token of this person."""
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
