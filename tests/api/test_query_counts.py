"""A list costs the same number of queries for one row and for fifty; the numbers are the promise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.domain.verbs import Verb
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Index, MirrorPlan, PlannedName, PolicyHold, Project, Release, ReservedPrefix
from indexapp.services import changes
from indexapp.services.mirrors import copying
from tests.api.conftest import AsPerson
from tests.api.rest import Rest
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_team, make_token, make_user
from tests.factories.policies import make_exception, make_rule
from tests.factories.publishing import give, make_file, make_group, make_index, make_mirror, make_project, make_release
from tests.factories.vulnerabilities import affected, make_advisory

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
    project = Project.objects.get(name="Acme.Tool")
    changes.record(actor=SYSTEM, kind=ChangeKind.PROJECT_STATUS, index=cast.index, project=project)


def _groups(cast: Cast, number: int) -> None:
    make_group(f"group-{number}", make_index(f"member-{number}"), cast.index)


def _members(cast: Cast, number: int) -> None:
    cast.team.members.add(make_user())


def _prefixes(cast: Cast, number: int) -> None:
    ReservedPrefix.objects.create(prefix=f"more-{number}", team=cast.team, index=cast.index if number % 2 else None)


def _policy(cast: Cast, number: int) -> None:
    rule = make_rule(cast.index if number % 2 else None, name=f"rule-{number}", effect="hold", projects=["unrelated"])
    make_exception("unrelated", index=cast.index, rule=rule)
    PolicyHold.objects.create(index=cast.index, rule=rule, project="unrelated", version=f"{number}")


def _users(cast: Cast, number: int) -> None:
    make_user()


def _teams(cast: Cast, number: int) -> None:
    make_team()


def _tokens(cast: Cast, number: int) -> None:
    make_token(make_user())


def _advisories(cast: Cast, number: int) -> None:
    make_advisory(f"PYSEC-2026-{number}")


def _exposed(cast: Cast, number: int) -> None:
    make_release(make_project(cast.index, f"more-{number}"))
    make_advisory(f"PYSEC-2026-{number}", affected(f"more-{number}"))


def _given_up(cast: Cast, number: int) -> None:
    if not number:
        give(cast.team_admin, [Verb.ADMINISTER], make_mirror("outside", "https://upstream.example/simple/"))
    plan, _ = MirrorPlan.objects.get_or_create(index=Index.objects.get(name="outside"))
    PlannedName.objects.create(plan=plan, normalized_name=f"more-{number}", attempts=copying.MOST_ATTEMPTS)


LISTS: list[tuple[str, int, Grow]] = [
    ("indexes/", 6, _groups),
    ("indexes/main/projects/", 5, _projects),
    ("indexes/main/projects/?q=more", 5, _projects),
    (f"{PROJECT}releases/", 5, _releases),
    (f"{PROJECT}releases/1.0/", 6, _files),
    (f"{PROJECT}files/", 5, _files),
    (f"{PROJECT}releases/1.0/files/", 6, _files),
    ("roles/", 2, _roles),
    ("prefixes/", 2, _prefixes),
    ("policy-rules/", 2, _policy),
    ("policy-exceptions/", 2, _policy),
    ("policy-holds/", 2, _policy),
    ("changes/", 2, _changes),
    ("users/", 2, _users),
    ("teams/", 2, _teams),
    ("teams/tools/members/", 4, _members),
    ("tokens/", 2, _tokens),
    ("audit/", 2, _tokens),
    ("vulnerabilities/", 3, _advisories),
    ("vulnerabilities/exposed/", 4, _exposed),
]
"""Each list with its number of queries, one of them for the credentials, and what makes it longer."""


def _count(client: Rest, path: str) -> int:
    client.get(path)  # what is remembered per process is not what is counted
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status == 200
    return len(queries)


@pytest.mark.parametrize("role", ["team_admin", "administrator"])
@pytest.mark.parametrize(("path", "queries", "grow"), LISTS)
def test_a_list_costs_the_same_for_one_row_and_for_fifty(
    *, rest: AsPerson, cast: Cast, acme: Index, path: str, queries: int, grow: Grow, role: str
):
    assert cast.team
    client = rest("administrator" if path == "audit/" else role)
    grow(cast, 0)
    assert _count(client, path) == queries
    for number in range(1, 50):
        grow(cast, number)
    assert _count(client, path) == queries


def test_what_a_plan_gave_up_costs_the_same(rest: AsPerson, cast: Cast, acme: Index) -> None:
    client, path = rest("team_admin"), "indexes/outside/copy-plan/given-up/"
    for number in range(50):
        _given_up(cast, number)
        if number in (0, 49):
            assert _count(client, path) == 5


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("indexes/main/", 8),
        ("indexes/main/projects/acme-tool/", 5),
        (f"{PROJECT}files/acme_tool-1.0.tar.gz/", 5),  # the fifth: whether there is a policy
    ],
)
def test_a_small_question_costs_little(rest: AsPerson, acme: Index, path: str, queries: int):
    assert _count(rest("reader"), path) == queries
