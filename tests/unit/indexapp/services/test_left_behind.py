"""What an account leaves behind: indexes and projects on which it holds roles."""

from __future__ import annotations

import pytest

from accounts.domain.verbs import Verb
from accounts.models import User
from accounts.services import left_behind as registry
from indexapp.services import left_behind
from tests.factories.people import make_team, make_user
from tests.factories.publishing import give, make_index, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(db: None) -> User:
    return make_user("ann")


def _alone(user: User) -> list[tuple[str, str]]:
    return [(thing.kind, thing.name) for thing in left_behind.roles(user) if thing.sentence.startswith("Nobody else")]


def test_those_that_nobody_else_administers_come_first(ann: User) -> None:
    aaa, zzz = make_index("aaa"), make_index("zzz")
    give(ann, [Verb.READ], aaa)
    give(ann, [Verb.ADMINISTER], zzz)
    found = left_behind.roles(ann)
    assert [(thing.kind, thing.name) for thing in found] == [("index", "zzz"), ("index", "aaa")]
    assert found[0].sentence == "Nobody else administers this index; give somebody the right."
    assert found[1].sentence == "The account may read here."
    assert found == [thing for thing in registry.report(ann) if thing.kind in ("index", "project")]


def test_another_person_or_a_team_with_people_keeps_an_index(ann: User) -> None:
    ben = make_user("ben")
    by_person, by_team, by_ghosts, by_own_team = map(make_index, ("person", "team", "ghosts", "own-team"))
    for index in (by_person, by_team, by_ghosts, by_own_team):
        give(ann, [Verb.ADMINISTER], index)
    give(ben, [Verb.ADMINISTER], by_person)
    give(make_team("people", ben), [Verb.ADMINISTER], by_team)
    give(make_team("ghosts", make_user("gone", is_active=False)), [Verb.ADMINISTER], by_ghosts)
    give(make_team("anns", ann), [Verb.ADMINISTER], by_own_team)
    assert _alone(ann) == [("index", "ghosts"), ("index", "own-team")]
    User.objects.filter(username="ben").update(is_active=False)
    assert len(_alone(ann)) == 4


def test_who_administers_the_index_keeps_its_projects_and_not_the_other_way_round(ann: User) -> None:
    kept, lone = make_index("kept"), make_index("lone")
    one, two = make_project(kept, "one"), make_project(lone, "two")
    give(ann, [Verb.ADMINISTER], kept, one)
    give(ann, [Verb.ADMINISTER], lone)
    give(make_user(), [Verb.ADMINISTER], kept)
    give(make_user(), [Verb.ADMINISTER], lone, two)
    give(make_user(), [Verb.UPLOAD], lone)
    assert _alone(ann) == [("index", "lone")]


def test_projects_are_named_with_their_index(ann: User) -> None:
    index = make_index("main-2")
    give(ann, [Verb.ADMINISTER], index, make_project(index, "Acme.Tool"))
    assert _alone(ann) == [("project", "main-2/acme-tool")]


def test_it_costs_the_same_for_few_and_for_many(ann: User, django_assert_num_queries: object) -> None:
    index = make_index()
    for _ in range(20):
        give(ann, [Verb.ADMINISTER], index, make_project(index))
    with django_assert_num_queries(2):  # type: ignore[operator]  # a fixture that is a function
        assert len(left_behind.roles(ann)) == 20
