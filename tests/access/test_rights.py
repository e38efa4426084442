"""Every verb by every way to hold it in every place under every narrowing: what is expected, and that both askers agree.

A way to hold is a kind of holder, with a role on the whole index or on one project.  ``verbs_on`` is asked about one thing
and ``permitting`` for many; they are two pieces of code and one rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import pytest

from accounts.domain.actors import Actor, Method, TokenScope
from accounts.domain.instance_roles import InstanceRole
from accounts.domain.verbs import ALL_VERBS, NO_VERBS, Verb, granted
from accounts.models import Team, User
from indexapp import permissions
from indexapp.models import File, Index, Project, Release
from tests.factories.people import join, make_directory, make_service_account, make_team, make_user
from tests.factories.publishing import give, make_file, make_index, make_project, make_release

pytestmark = [pytest.mark.database, pytest.mark.django_db]

READ = frozenset({Verb.READ})


def _user() -> tuple[User, User | Team]:
    person = make_user()
    return person, person


def _team() -> tuple[User, User | Team]:
    person = make_user()
    return person, make_team("", person)


def _nested() -> tuple[User, User | Team]:
    person, top = make_user(), make_team()
    make_team("", person, parent=make_team(parent=top))
    return person, top


def _below() -> tuple[User, User | Team]:
    """A role of a team below one's own is none of one's own."""
    person = make_user()
    return person, make_team(parent=make_team("", person))


def _service_account() -> tuple[User, User | Team]:
    team = make_team()
    return make_service_account(team), team


def _service_account_itself() -> tuple[User, User | Team]:
    program = make_service_account(make_team())
    return program, program


def _by_directory() -> tuple[User, User | Team]:
    person, team = make_user(), make_team()
    join(person, team, directory=make_directory())
    return person, team


def _by_directory_nested() -> tuple[User, User | Team]:
    person, top = make_user(), make_team()
    join(person, make_team(parent=top), directory=make_directory())
    return person, top


def _by_both() -> tuple[User, User | Team]:
    person, team = _by_directory()
    assert isinstance(team, Team)
    join(person, team, role="admin")
    return person, team


def _stranger() -> tuple[User, User | Team]:
    return make_user(), make_team("", make_user())


HOLDERS: dict[str, Callable[[], tuple[User, User | Team]]] = {
    "user": _user,
    "team": _team,
    "nested team": _nested,
    "team below one's own": _below,
    "service account by its team": _service_account,
    "service account itself": _service_account_itself,
    "directory's group": _by_directory,
    "directory's group, nested": _by_directory_nested,
    "directory and here": _by_both,
    "somebody else's team": _stranger,
}
IN_VAIN = {"team below one's own", "somebody else's team"}

PARTS: dict[str, tuple[frozenset[Verb], frozenset[Verb]]] = {
    "": (NO_VERBS, ALL_VERBS),
    "operator": (NO_VERBS, ALL_VERBS),
    "billing": (NO_VERBS, ALL_VERBS),
    "security-officer": (READ, ALL_VERBS),
    "auditor": (READ, READ),
    "administrator": (ALL_VERBS, ALL_VERBS),
}
"""What a part gives everywhere, and what it leaves of everything."""

SCOPES: dict[str, TokenScope | None] = {
    "no token": None,
    "all": TokenScope("k", "t", ALL_VERBS),
    "reads": TokenScope("k", "t", READ),
    "uploads": TokenScope("k", "t", frozenset({Verb.UPLOAD})),
    "this index": TokenScope("k", "t", ALL_VERBS, frozenset({"here"})),
    "another index": TokenScope("k", "t", ALL_VERBS, frozenset({"there"})),
    "this project": TokenScope("k", "t", ALL_VERBS, frozenset(), frozenset({"acme"})),
    "another project": TokenScope("k", "t", ALL_VERBS, frozenset(), frozenset({"beta"})),
}


@dataclass
class Land:
    """Two private indexes with two projects each."""

    indexes: dict[str, Index]
    projects: dict[tuple[str, str], Project]

    def places(self) -> Iterator[tuple[str, str | None]]:
        """Each index and each project."""
        return product(self.indexes, (None, "acme", "beta"))


@pytest.fixture
def land(db: None) -> Land:
    indexes = {name: make_index(name) for name in ("here", "there")}
    projects = {(index, name): make_project(indexes[index], name) for index in indexes for name in ("acme", "beta")}
    for project in projects.values():
        make_file(make_release(project))
    return Land(indexes, projects)


def _actor(user: User, part: str, scope: TokenScope | None) -> Actor:
    roles = frozenset({InstanceRole(part)}) if part not in ("", "administrator") else frozenset()
    method = Method.SESSION if scope is None else Method.TOKEN
    return Actor(user.pk, user.username, part == "administrator", scope, method, roles=roles)


def _expected(
    held: frozenset[Verb], on: str | None, part: str, scope: TokenScope | None, place: tuple[str, str | None]
) -> frozenset[Verb]:
    """The rule, told once more in other words: given there or everywhere, then narrowed by part and by token."""
    index, project = place
    everywhere, leaves = PARTS[part]
    has = held if index == "here" and on in (None, project) else NO_VERBS
    found = (has | everywhere) & leaves
    if scope is None:
        return found
    if scope.indexes and index not in scope.indexes:
        return NO_VERBS
    if scope.projects and project is None:
        return found & scope.verbs & READ
    if scope.projects and project not in scope.projects:
        return NO_VERBS
    return found & scope.verbs


ON = pytest.mark.parametrize("on", [None, "acme"], ids=["whole index", "one project"])


def _wrong(land: Land, person: User, held: frozenset[Verb], on: str | None, parts: Iterable[str]) -> list[str]:
    """Where the answer is not the expected one."""
    found = []
    for part, (name, scope), place in product(parts, SCOPES.items(), land.places()):
        project = land.projects[place[0], place[1]] if place[1] else None
        answer = permissions.verbs_on(_actor(person, part, scope), land.indexes[place[0]], project)
        expected = _expected(held, on, part, scope, place)
        if answer != expected:
            found.append(f"{part or 'nobody special'} with {name} on {place}: {answer}, not {expected}")
    return found


@ON
@pytest.mark.parametrize("verb", Verb, ids=lambda verb: verb.value)
@pytest.mark.parametrize("holder", HOLDERS)
def test_what_is_granted_is_held_there_and_nowhere_else(land: Land, holder: str, verb: Verb, on: str | None) -> None:
    person, receiver = HOLDERS[holder]()
    give(receiver, [verb], land.indexes["here"], land.projects["here", on] if on else None)
    held = NO_VERBS if holder in IN_VAIN else granted([verb])
    assert _wrong(land, person, held, on, [""]) == []


@ON
@pytest.mark.parametrize("holder", HOLDERS)
def test_a_part_for_the_instance_gives_and_takes_the_same_whatever_is_granted(
    land: Land, holder: str, on: str | None
) -> None:
    person, receiver = HOLDERS[holder]()
    give(receiver, [Verb.ADMINISTER], land.indexes["here"], land.projects["here", on] if on else None)
    held = NO_VERBS if holder in IN_VAIN else ALL_VERBS
    assert _wrong(land, person, held, on, PARTS) == []


@ON
@pytest.mark.parametrize(("holder", "part"), [*product(HOLDERS, [""]), *product(("user", "nested team"), PARTS)])
def test_rows_are_let_through_exactly_where_the_verb_is_held(
    land: Land, part: str, holder: str, on: str | None
) -> None:
    person, receiver = HOLDERS[holder]()
    give(receiver, [Verb.YANK], land.indexes["here"], land.projects["here", on] if on else None)
    for scope, verb in product(SCOPES.values(), (Verb.READ, Verb.YANK)):
        actor = _actor(person, part, scope)
        may = {place: verb in permissions.verbs_on(actor, land.indexes[place[0]], row) for place, row in _all(land)}
        projects = Project.objects.permitting(actor, verb).values_list("index__name", "name")
        assert sorted(projects) == sorted(place for place in land.projects if may[place])
        for rows, path in ((Release.objects, "project__index__name"), (File.objects, "index__name")):
            assert sorted(rows.permitting(actor, verb).values_list(path, "project__name")) == sorted(projects)
        indexes = set(Index.objects.permitting(actor, verb).values_list("name", flat=True))
        whole = {name for name in land.indexes if may[name, None]}
        assert indexes == whole if verb is not Verb.READ else indexes >= whole | {index for index, _ in projects}


def _all(land: Land) -> Iterator[tuple[tuple[str, str | None], Project | None]]:
    for index, name in land.places():
        yield (index, name), land.projects[index, name] if name else None


def test_the_question_is_one_query_whatever_the_way(
    land: Land, django_assert_num_queries: Callable[[int], object]
) -> None:
    for make in HOLDERS.values():
        person, receiver = make()
        give(receiver, [Verb.READ], land.indexes["here"])
        with django_assert_num_queries(1):  # type: ignore[attr-defined]  # a context manager
            permissions.verbs_on(_actor(person, "", None), land.indexes["here"], land.projects["here", "acme"])
