"""People, teams and what they hold."""

from __future__ import annotations

from typing import Any


def token(user: str = "admin", verbs: list[str] | None = None, **scope: Any) -> str:
    """A new token of ``user``; ``scope`` are ``indexes`` and ``projects``."""
    from accounts.domain.actors import internal
    from accounts.domain.verbs import parse_verbs
    from accounts.models import User
    from accounts.services import tokens

    owner = User.objects.get(username=user)
    _, text = tokens.issue(
        actor=internal("test"), owner=owner, name="test", verbs=parse_verbs(verbs or ["read", "upload"]), **scope
    )
    return text


def user(name: str, password: str) -> None:
    """A user without any right."""
    from accounts.domain.actors import internal
    from accounts.services import users

    users.create(actor=internal("test"), username=name, password=password)


def set_password(name: str, password: str) -> None:
    """Another password for a user."""
    from accounts.domain.actors import internal
    from accounts.models import User
    from accounts.services import users

    users.set_password(actor=internal("test"), user=User.objects.get(username=name), password=password)


def disable(name: str) -> None:
    """Shut a user out."""
    from accounts.domain.actors import internal
    from accounts.models import User
    from accounts.services import users

    users.change(actor=internal("test"), user=User.objects.get(username=name), is_active=False)


def grant(user: str, index: str, verbs: list[str]) -> None:
    """Give a user verbs on an index."""
    from accounts.domain.actors import internal
    from accounts.domain.verbs import parse_verbs
    from accounts.models import User
    from indexapp.models import Index
    from indexapp.services import roles

    holder = User.objects.get(username=user)
    index_row = Index.objects.get(name=index)
    roles.grant(actor=internal("test"), index=index_row, holder=holder, verbs=parse_verbs(verbs))


def revoke(user: str, index: str) -> None:
    """Take from a user what they were given on an index."""
    from accounts.domain.actors import internal
    from indexapp.models import Role
    from indexapp.services import roles

    for role in Role.objects.filter(user__username=user, index__name=index):
        roles.revoke(actor=internal("test"), role=role)


def team(name: str, members: list[str], title: str = "") -> None:
    """A new team with members and a service account."""
    from accounts.domain.actors import internal
    from accounts.models import User
    from accounts.services import service_accounts, teams

    actor = internal("test")
    row = teams.create(actor=actor, name=name, title=title)
    for username in members:
        teams.set_member(actor=actor, team=row, user=User.objects.get(username=username), role="maintainer")
    service_accounts.create(actor=actor, team=row, name=f"svc-{name}")


def map_group(directory: str, group_dn: str, team: str, verbs: list[str], index: str = "main") -> None:
    """A new team of the group's members, which holds verbs on an index."""
    from accounts.domain.actors import internal
    from accounts.domain.verbs import parse_verbs
    from accounts.models import Directory
    from accounts.services import teams
    from accounts.services.directories import settings
    from indexapp.models import Index
    from indexapp.services import roles

    actor = internal("test")
    row = teams.create(actor=actor, name=team)
    roles.grant(actor=actor, index=Index.objects.get(name=index), holder=row, verbs=parse_verbs(verbs))
    settings.map_group(actor=actor, directory=Directory.objects.get(name=directory), group_dn=group_dn, team=row)


def map_groups(directory: str, groups: dict[str, str]) -> None:
    """New teams by the groups whose members they are of."""
    from accounts.domain.actors import internal
    from accounts.models import Directory
    from accounts.services import teams
    from accounts.services.directories import settings

    actor, row = internal("test"), Directory.objects.get(name=directory)
    for group_dn, team in groups.items():
        settings.map_group(actor=actor, directory=row, group_dn=group_dn, team=teams.create(actor=actor, name=team))


def issue_to(users: list[str]) -> None:
    """A token for each."""
    for name in users:
        token(name, ["read"])


def sync_directories() -> list[str]:
    """What the scheduled job does; returns what each sync says."""
    from accounts import tasks
    from accounts.models import DirectorySync

    tasks.sync_directories()
    return [str(row.sentence) for row in DirectorySync.objects.all()]


def requests_of(name: str) -> int:
    """How many REST requests of a user all processes have written down."""
    from accounts.models import User
    from accounts.services import attempts

    counter = f"requests:actor:{User.objects.get(username=name).pk}"
    return attempts.count([counter])[counter]
