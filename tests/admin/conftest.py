"""Two teams that must not see each other in the console, and browsers in which their people have signed in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.domain.instance_roles import InstanceRole
from accounts.domain.verbs import Verb
from accounts.models import Membership, User
from accounts.services import audit
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Index
from indexapp.services import changes, roles
from tests.admin.screens import Side
from tests.factories.people import SYSTEM, make_team, make_token, make_user
from tests.factories.publishing import give, make_file, make_index, make_project, make_release

SignIn = Callable[[User], Client]


@pytest.fixture
def sign_in() -> SignIn:
    """A browser in which the person has signed in."""

    def browser(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return browser


@pytest.fixture
def administrator(db: None) -> User:
    """An administrator of the instance."""
    return make_user("root", is_superuser=True)


@pytest.fixture
def root(administrator: User, sign_in: SignIn) -> Client:
    """The browser of an administrator of the instance."""
    return sign_in(administrator)


@pytest.fixture
def operator(sign_in: SignIn) -> Client:
    """The browser of an operator."""
    person = make_user("operator")
    User.objects.filter(pk=person.pk).update(instance_roles=InstanceRole.OPERATOR.bit)
    return sign_in(User.objects.get(pk=person.pk))


@pytest.fixture
def red(main: Index) -> Side:
    """A team, what it administers, and what it did."""
    return make_side("red")


@pytest.fixture
def blue(main: Index) -> Side:
    """The other team."""
    return make_side("blue")


def make_side(name: str) -> Side:
    """One row of everything, in the hands of ``name``'s admin."""
    admin, member = make_user(f"{name}-admin"), make_user(f"{name}-member")
    team = make_team(f"{name}-team", member, admins=[admin])
    index = make_index(f"{name}-index")
    give(team, [Verb.ADMINISTER], index)
    project = make_project(index, f"{name}-project", summary=f"Summary of {name}")
    release = make_release(project, "1.0")
    file = make_file(release)
    role = give(member, [Verb.UPLOAD], index, project)
    prefix = roles.reserve_prefix(actor=SYSTEM, team=team, prefix=f"{name}-corp", index=index)
    token, _ = make_token(admin, [Verb.READ], name=f"{name}-token")
    changes.record(actor=SYSTEM, kind=ChangeKind.FILE_ADDED, index=index, project=project, filename=file.filename)
    audit.record(actor=SYSTEM, action="team.change", subject=team)
    return Side(
        admin=admin,
        member=member,
        team=team,
        index=index,
        project=project,
        release=release,
        file=file,
        role=role,
        prefix=prefix,
        token=token,
        membership=Membership.objects.get(team=team, user=member),
    )
