"""Who may do what: the one rule as asked about a thing, and the same rule as a filter of rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from accounts.domain.actors import ANONYMOUS, Actor, Method, TokenScope
from accounts.domain.verbs import ALL_VERBS, NO_VERBS, Verb, granted
from accounts.models import User
from indexapp import permissions
from indexapp.models import File, Index, Project, Release
from tests.factories.cast import Cast
from tests.factories.people import make_team, make_user
from tests.factories.publishing import give, make_file, make_index, make_project, make_release
from tpi_site.kit.errors import Forbidden, Unauthenticated

pytestmark = [pytest.mark.database, pytest.mark.django_db]

R, U, Y, D, P, A = Verb
PRIVATE, OPEN = "private", "open"


@dataclass
class Landscape:
    """Two indexes with two projects each, and people who hold rights in every way that there is."""

    indexes: dict[str, Index]
    projects: dict[tuple[str, str], Project]
    people: dict[str, User]


@pytest.fixture
def land(db: None) -> Landscape:
    indexes = {PRIVATE: make_index(PRIVATE), OPEN: make_index(OPEN, anonymous_read=True)}
    projects = {
        (index.name, name): make_project(index, name) for index in indexes.values() for name in ("acme", "beta")
    }
    for project in projects.values():
        make_file(make_release(project))
    names = ("nobody-special", "boss", "by-index", "by-project", "by-team", "by-team-on-project", "by-both", "admin")
    people = {name: make_user(name, is_superuser=name == "boss") for name in names}
    private, acme = indexes[PRIVATE], projects[PRIVATE, "acme"]
    give(people["by-index"], [U], private)
    give(people["by-project"], [Y], private, acme)
    give(make_team("all", people["by-team"]), [R, D], private)
    give(make_team("one", people["by-team-on-project"]), [P], private, acme)
    give(people["by-both"], [R], private)
    give(make_team("both", people["by-both"]), [U, Y], private, acme)
    give(people["admin"], [A], private, acme)
    return Landscape(indexes, projects, people)


HELD: list[tuple[str, str | None, frozenset[Verb]]] = [
    ("nobody-special", None, NO_VERBS),
    ("nobody-special", "acme", NO_VERBS),
    ("boss", None, ALL_VERBS),
    ("boss", "acme", ALL_VERBS),
    ("by-index", None, frozenset({R, U})),
    ("by-index", "beta", frozenset({R, U})),
    ("by-project", None, NO_VERBS),
    ("by-project", "acme", frozenset({R, Y})),
    ("by-project", "beta", NO_VERBS),
    ("by-team", None, frozenset({R, D})),
    ("by-team", "acme", frozenset({R, D})),
    ("by-team-on-project", None, NO_VERBS),
    ("by-team-on-project", "acme", frozenset({R, P})),
    ("by-team-on-project", "beta", NO_VERBS),
    ("by-both", None, frozenset({R})),
    ("by-both", "acme", frozenset({R, U, Y})),
    ("by-both", "beta", frozenset({R})),
    ("admin", None, NO_VERBS),
    ("admin", "acme", ALL_VERBS),
    ("admin", "beta", NO_VERBS),
]

SCOPES: list[dict[str, Any]] = [
    {"verbs": ALL_VERBS},
    {"verbs": {R}},
    {"verbs": {U, Y}},
    {"verbs": ALL_VERBS, "indexes": {PRIVATE}},
    {"verbs": ALL_VERBS, "indexes": {OPEN}},
    {"verbs": ALL_VERBS, "projects": {"acme"}},
    {"verbs": {R, Y}, "indexes": {PRIVATE}, "projects": {"beta"}},
    {"verbs": {R, A}, "indexes": {PRIVATE, OPEN}, "projects": {"acme", "beta"}},
]


def actor(user: User | None, scope: dict[str, Any] | None = None) -> Actor:
    if user is None:
        return ANONYMOUS
    token = None
    if scope is not None:
        token = TokenScope("k" * 12, "ci", **{name: frozenset(value) for name, value in scope.items()})
    return Actor(user.pk, user.username, user.is_superuser, token, Method.TOKEN if token else Method.SESSION)


def everybody(land: Landscape) -> Iterable[tuple[Actor, Actor]]:
    """Each person, and some of them with each credential that narrows what they may."""
    yield ANONYMOUS, ANONYMOUS
    for name, user in land.people.items():
        yield actor(user), actor(user)
        for scope in SCOPES if name in ("boss", "by-both", "admin") else ():
            yield actor(user), actor(user, scope)


@pytest.mark.parametrize(("who", "project", "held"), HELD)
def test_what_roles_give(land: Landscape, who: str, project: str | None, held: frozenset[Verb]) -> None:
    target = land.projects[PRIVATE, project] if project else None
    assert permissions.verbs_on(actor(land.people[who]), land.indexes[PRIVATE], target) == held


def test_a_right_in_one_index_is_none_in_another(land: Landscape) -> None:
    for who in ("by-index", "by-team", "admin", "nobody-special"):
        target = land.projects[OPEN, "acme"]
        assert permissions.verbs_on(actor(land.people[who]), land.indexes[OPEN], target) == {R}


def test_everybody_reads_an_open_index_and_does_nothing_more(land: Landscape) -> None:
    assert permissions.verbs_on(ANONYMOUS, land.indexes[OPEN]) == {R}
    assert permissions.verbs_on(ANONYMOUS, land.indexes[PRIVATE]) == NO_VERBS


def test_no_credential_gives_more_than_its_owner_holds(land: Landscape) -> None:
    for owner, credential in everybody(land):
        for index in land.indexes.values():
            for name in (None, "acme", "beta"):
                project = land.projects[index.name, name] if name else None
                held = permissions.verbs_on(owner, index, project)
                assert permissions.verbs_on(credential, index, project) <= held


def test_rows_are_let_through_exactly_where_the_verb_is_held(land: Landscape) -> None:
    for _, credential in everybody(land):
        for verb in Verb:
            expected = {
                (index, name)
                for (index, name), project in land.projects.items()
                if verb in permissions.verbs_on(credential, land.indexes[index], project)
            }
            found = {
                (project.index.name, project.name)
                for project in Project.objects.permitting(credential, verb).select_related("index")
            }
            assert found == expected, (credential, verb)
            of_files = File.objects.permitting(credential, verb).values_list("index__name", "project__name")
            of_releases = Release.objects.permitting(credential, verb).values_list(
                "project__index__name", "project__name"
            )
            assert sorted(of_files) == sorted(expected), (credential, verb)
            assert sorted(of_releases) == sorted(expected), (credential, verb)


def test_an_index_is_let_through_where_the_verb_is_held_on_it_and_seen_where_anything_in_it_is(
    land: Landscape,
) -> None:
    for _, credential in everybody(land):
        for verb in set(Verb) - {R}:
            expected = {name for name, index in land.indexes.items() if verb in permissions.verbs_on(credential, index)}
            found = Index.objects.permitting(credential, verb).values_list("name", flat=True)
            assert set(found) == expected, (credential, verb)
        seen = {index for index, _ in Project.objects.visible_to(credential).values_list("index__name", "name")}
        found = set(Index.objects.visible_to(credential).values_list("name", flat=True))
        assert found >= seen
        if credential.token is None:
            assert found == seen


def test_no_row_comes_twice(land: Landscape) -> None:
    person = land.people["by-both"]
    give(make_team("again", person), [R, U], land.indexes[PRIVATE])
    names = Project.objects.visible_to(actor(person)).filter(index=land.indexes[PRIVATE]).values_list("name", flat=True)
    assert sorted(names) == ["acme", "beta"]


def test_holding_a_verb_somewhere_is_holding_it_on_the_index_or_one_of_its_projects(land: Landscape) -> None:
    for owner, credential in everybody(land):
        for index in land.indexes.values():
            projects = [None, *(project for (name, _), project in land.projects.items() if name == index.name)]
            for verb in Verb:
                held = any(verb in permissions.verbs_on(owner, index, project) for project in projects)
                scope = credential.token
                let_through = scope is None or (
                    verb in scope.verbs and (not scope.indexes or index.name in scope.indexes)
                )
                assert permissions.holds_somewhere(credential, verb, index) is (held and let_through)


def test_a_name_that_does_not_exist_yet_is_judged_by_the_index_and_the_token(land: Landscape) -> None:
    private, person = land.indexes[PRIVATE], land.people["by-index"]
    scope = {"verbs": ALL_VERBS, "projects": {"gamma"}}
    assert permissions.verbs_on(actor(person), private, name="gamma") == {R, U}
    assert permissions.verbs_on(actor(person, scope), private, name="gamma") == {R, U}
    assert permissions.verbs_on(actor(person, scope), private, name="delta") == NO_VERBS


def test_the_refusal_is_the_same_whether_or_not_the_thing_exists(land: Landscape) -> None:
    private = land.indexes[PRIVATE]
    stranger = actor(land.people["nobody-special"])
    said = []
    for target in ({"project": land.projects[PRIVATE, "acme"]}, {"name": "acme"}):
        with pytest.raises(Forbidden) as caught:
            permissions.require(stranger, Verb.READ, private, **target)  # type: ignore[arg-type]
        said.append((caught.value.code, caught.value.detail))
    assert said[0] == said[1]
    assert "'nobody-special' isn't allowed to read the project 'acme'" in said[0][1]


def test_nobody_is_asked_to_sign_in(land: Landscape) -> None:
    with pytest.raises(Unauthenticated):
        permissions.require(ANONYMOUS, Verb.READ, land.indexes[PRIVATE])


def test_a_refusal_names_the_token(land: Landscape) -> None:
    person = actor(land.people["boss"], {"verbs": {R}})
    with pytest.raises(Forbidden, match="with the token 'ci'"):
        permissions.require(person, Verb.UPLOAD, land.indexes[PRIVATE])


def test_an_index_that_does_not_exist_gives_nobody_anything_but_an_administrator(land: Landscape) -> None:
    nowhere = Index(name="nowhere")
    assert permissions.verbs_on(actor(land.people["by-index"]), nowhere) == NO_VERBS
    assert permissions.verbs_on(actor(land.people["boss"]), nowhere) == ALL_VERBS


def test_asking_costs_one_query_and_none_for_administrators(land: Landscape, django_assert_num_queries: Any) -> None:
    project = land.projects[PRIVATE, "acme"]
    with django_assert_num_queries(1):
        permissions.verbs_on(actor(land.people["by-both"]), land.indexes[PRIVATE], project)
    with django_assert_num_queries(0):
        permissions.verbs_on(actor(land.people["boss"]), land.indexes[PRIVATE], project)
    with django_assert_num_queries(0):
        permissions.verbs_on(ANONYMOUS, land.indexes[PRIVATE], project)


def test_the_cast_holds_what_its_names_say(cast: Cast) -> None:
    held = {role: permissions.verbs_on(cast.actor(role), cast.index) for role in ("reader", "uploader", "team_admin")}
    assert held == {"reader": granted([R]), "uploader": granted([U]), "team_admin": ALL_VERBS}
