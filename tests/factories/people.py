"""Users, teams and tokens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import count

from django.contrib.auth.hashers import make_password

from accounts.domain.actors import Actor, Method, internal
from accounts.domain.verbs import ALL_VERBS, Verb
from accounts.models import Directory, Membership, Team, Token, User
from accounts.services import nesting, service_accounts, tokens

PASSWORD = "correct horse battery staple"
SYSTEM = internal("test")
_numbers = count(1)


def make_user(
    username: str = "", *, is_superuser: bool = False, is_active: bool = True, password: str = PASSWORD
) -> User:
    """A person; without a name a new one is found."""
    username = username or f"person-{next(_numbers)}"
    return User.objects.create(
        username=username,
        email=f"{username}@tpi.example",
        password=make_password(password),
        is_superuser=is_superuser,
        is_staff=is_superuser,
        is_active=is_active,
    )


def make_team(name: str = "", *members: User, admins: Iterable[User] = (), parent: Team | None = None) -> Team:
    """A team with its people, below ``parent`` where one is given."""
    team = Team.objects.create(name=name or f"team-{next(_numbers)}", parent=parent)
    nesting.put(team, parent)
    for place, people in ((Membership.Place.MEMBER, members), (Membership.Place.ADMIN, admins)):
        for user in people:
            Membership.objects.create(team=team, user=user, role=place)
    return team


def make_service_account(team: Team, name: str = "") -> User:
    """A program's account in ``team``."""
    return service_accounts.create(actor=SYSTEM, team=team, name=name or f"svc-{next(_numbers)}")


def make_directory(name: str = "") -> Directory:
    """A directory that nothing asks."""
    return Directory.objects.create(
        name=name or f"directory-{next(_numbers)}", hosts="ldaps://directory.tpi.example", user_base="dc=tpi,dc=example"
    )


def join(user: User, team: Team, *, role: str = "member", directory: Directory | None = None) -> Membership:
    """Put ``user`` into ``team``, perhaps as a directory's group does."""
    return Membership.objects.create(user=user, team=team, role=role, directory=directory)


def make_token(
    owner: User,
    verbs: Iterable[Verb] = ALL_VERBS,
    *,
    indexes: Iterable[str] = (),
    projects: Iterable[str] = (),
    networks: Iterable[str] = (),
    expires_at: datetime | None = None,
    name: str = "test",
) -> tuple[Token, str]:
    """A token of ``owner`` and its text."""
    return tokens.issue(
        actor=SYSTEM,
        owner=owner,
        name=name,
        verbs=verbs,
        indexes=indexes,
        projects=projects,
        networks=networks,
        expires_at=expires_at,
    )


def actor_of(user: User) -> Actor:
    """The user, signed in by browser."""
    return user.actor(Method.SESSION)
