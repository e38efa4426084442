from __future__ import annotations

import pytest
from django.db import connection

from accounts.domain.actors import Actor, Method
from accounts.domain.verbs import Verb, from_mask, to_mask
from accounts.models import Membership, Team, User
from indexapp.models import Index, Project, Role, held_verbs
from tests.factories.people import join, make_directory, make_team, make_user
from tests.factories.publishing import give, make_index, make_project

pytestmark = [pytest.mark.database, pytest.mark.django_db]

PEOPLE, TEAMS, PROJECTS = 2000, 200, 100


def _crowd() -> tuple[User, Index, Project]:
    """Enough of everything that a planner has something to lose; the person is in one of many."""
    index = make_index("main")
    Project.objects.bulk_create(
        Project(index=index, name=f"p-{number}", normalized_name=f"p-{number}", confusable_key=f"p-{number}")
        for number in range(PROJECTS)
    )
    projects = list(Project.objects.order_by("pk"))
    User.objects.bulk_create(User(username=f"u-{number}", password="!") for number in range(PEOPLE))
    Team.objects.bulk_create(Team(name=f"t-{number}") for number in range(TEAMS))
    users, teams = list(User.objects.order_by("pk")), list(Team.objects.order_by("pk"))
    Membership.objects.bulk_create(Membership(user=user, team=teams[place % TEAMS]) for place, user in enumerate(users))
    roles = [
        Role(index=index, project=projects[place % PROJECTS], user=user, verbs=1) for place, user in enumerate(users)
    ]
    roles += [Role(index=index, project=project, team=team, verbs=2) for team in teams for project in projects[:60]]
    Role.objects.bulk_create(roles)
    return users[7], index, projects[7]


def _plan(user: User, index: Index, project: Project) -> str:
    words = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE")
        cursor.execute(f"{words} {held_verbs.SQL}", [user.pk, index.pk, project.pk] * 3)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def test_no_row_of_others_is_read() -> None:
    user, index, project = _crowd()
    assert held_verbs.mask(user.pk, index.pk, project.pk) == 3
    assert held_verbs.mask(user.pk, index.pk, None) == 0
    plan = _plan(user, index, project)
    if connection.vendor == "sqlite":
        assert "SCAN" not in plan
        for name in ("role_of_user", "role_of_team", "membership_of_user"):
            assert f"COVERING INDEX {name}" in plan
    else:
        assert "Seq Scan on indexapp_role" not in plan
        assert "Seq Scan on accounts_membership" not in plan


def test_it_is_the_rule_that_rows_are_found_by() -> None:
    index, person = make_index("main"), make_user()
    acme, beta = make_project(index, "acme"), make_project(index, "beta")
    top = make_team()
    middle = make_team(parent=top)
    join(person, middle)
    join(person, middle, role="admin", directory=make_directory())
    give(person, [Verb.YANK], index, acme)
    give(top, [Verb.UPLOAD], index)
    give(middle, [Verb.DELETE], index, beta)
    give(make_team(parent=middle), [Verb.ADMINISTER], index)
    give(person, [Verb.PROMOTE], make_index("other"))
    actor = Actor(person.pk, method=Method.SESSION)
    for project in (None, acme, beta):
        rows = Role.objects.held_by(actor, index_id=index.pk)
        there = {row.verbs for row in rows if row.project_id in (None, project and project.pk)}
        expected = frozenset().union(*map(from_mask, there))
        assert from_mask(held_verbs.mask(person.pk, index.pk, project.pk if project else None)) == expected
    assert held_verbs.mask(person.pk, index.pk, acme.pk) == to_mask([Verb.READ, Verb.UPLOAD, Verb.YANK])


def test_who_is_not_there_holds_nothing() -> None:
    assert held_verbs.mask(0, 0, None) == 0
