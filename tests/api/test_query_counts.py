"""A list costs the same number of queries for one row and for fifty; the numbers are the promise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.domain.verbs import Verb
from indexapp.models import Index, Project, Release, ReservedPrefix
from tests.api.conftest import AsPerson
from tests.api.rest import Rest
from tests.factories.cast import Cast
from tests.factories.people import make_team, make_token, make_user
from tests.factories.publishing import give, make_file, make_index, make_project, make_release
from tests.wsgi_client import WsgiClient

PROJECT = "indexes/main/projects/acme-tool/"
Grow = Callable[[Cast, int], None]


def _projects(cast: Cast, number: int) -> None:
    make_release(make_project(cast.index, f"more-{number}"))


def _releases(cast: Cast, number: int) -> None:
    make_release(Project.objects.get(name="Acme.Tool"), f"2.{number}")


def _files(cast: Cast, number: int) -> None:
    make_file(Release.objects.get(version="1.0"), f"acme_tool-1.0-{number + 1}-py3-none-any.whl")


def _roles(cast: Cast, number: int) -> None:
    give(make_user(), [Verb.READ], cast.index, make_project(cast.index, f"more-{number}"))
    give(make_team(), [Verb.READ], cast.index)


def _changes(cast: Cast, number: int) -> None:
    from accounts.domain.actors import internal
    from indexapp.domain.change_kinds import ChangeKind
    from indexapp.services import changes

    project = Project.objects.get(name="Acme.Tool")
    changes.record(actor=internal("test"), kind=ChangeKind.PROJECT_STATUS, index=cast.index, project=project)


def _groups(cast: Cast, number: int) -> None:
    from tests.factories.publishing import make_group

    make_group(f"group-{number}", make_index(f"member-{number}"), cast.index)


def _members(cast: Cast, number: int) -> None:
    cast.team.members.add(make_user())


def _prefixes(cast: Cast, number: int) -> None:
    ReservedPrefix.objects.create(prefix=f"more-{number}", team=cast.team, index=cast.index if number % 2 else None)


LISTS: list[tuple[str, Grow]] = [
    ("indexes/", _groups),
    ("indexes/main/projects/", _projects),
    ("indexes/main/projects/?q=more", _projects),
    (f"{PROJECT}releases/", _releases),
    (f"{PROJECT}releases/1.0/", _files),
    (f"{PROJECT}files/", _files),
    (f"{PROJECT}releases/1.0/files/", _files),
    ("roles/", _roles),
    ("prefixes/", _prefixes),
    ("changes/", _changes),
    ("users/", lambda cast, number: [make_user(), None][1]),
    ("teams/", lambda cast, number: [make_team(), None][1]),
    ("teams/tools/members/", _members),
    ("tokens/", lambda cast, number: [make_token(make_user()), None][1]),
    ("audit/", lambda cast, number: [make_token(make_user()), None][1]),
]


def _count(client: Rest, path: str) -> int:
    client.get(path)  # what is remembered per process is not what is counted
    with CaptureQueriesContext(connection, ) as queries:
        assert client.get(path).status == 200
    return len(queries)


@pytest.mark.parametrize("role", ["team_admin", "administrator"])
@pytest.mark.parametrize(("path", "grow"), LISTS)
def test_a_list_costs_the_same_for_one_row_and_for_fifty(
    rest: AsPerson, cast: Cast, acme: Index, path: str, grow: Grow, role: str
):
    if role == "team_admin" and path == "audit/":
        role = "administrator"
    assert cast.team
    client = rest(role)
    grow(cast, 0)
    few = _count(client, path)
    for number in range(1, 50):
        grow(cast, number)
    assert _count(client, path) == few
    assert few <= 12


def test_a_small_question_costs_little(rest: AsPerson, acme: Index):
    reader = rest("reader")
    assert _count(reader, "indexes/main/projects/acme-tool/") <= 8
    assert _count(reader, "indexes/main/projects/") <= 8


_ = WsgiClient
