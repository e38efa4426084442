"""Half-states that the database itself makes impossible, whatever the code above it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Membership, Token, User
from indexapp.models import GroupMember, Index, Project, Release, ReservedPrefix, RetiredFilename, Role
from indexapp.models.indexes import RESERVED_INDEX_NAMES
from tests.factories.cast import Cast
from tests.factories.publishing import make_file, make_group, make_index, make_project, make_release

pytestmark = [pytest.mark.database, pytest.mark.django_db]

Act = Callable[[Cast], Any]

IMPOSSIBLE: dict[str, Act] = {
    "two default indexes": lambda cast: make_index("other", is_default=True),
    "two indexes of a name": lambda cast: make_index("main"),
    "an index of no kind": lambda cast: make_index("other", kind="cupboard"),
    "an index of no profile": lambda cast: make_index("other", profile="lax"),
    "a limit of nothing": lambda cast: make_index("other", max_file_size=0),
    "a project limit of nothing": lambda cast: make_index("other", max_project_size=-1),
    "a group inside itself": lambda cast: GroupMember.objects.create(group=cast.index, member=cast.index, position=0),
    "a member twice": lambda cast: make_group("all", cast.index, cast.index),
    "two members in one place": lambda cast: [
        GroupMember.objects.create(group=cast.index, member=make_index(name), position=0) for name in ("a", "b")
    ],
    "a name twice in an index": lambda cast: [make_project(cast.index, "acme"), make_project(cast.index, "Acme")],
    "a project of no status": lambda cast: make_project(cast.index, "acme", status="haunted"),
    "a version twice": lambda cast: [
        make_release(project, version) for project in [make_project(cast.index)] for version in ("1.0", "1.0.0")
    ],
    "a file name twice in an index": lambda cast: [
        make_file(make_release(make_project(cast.index)), "same-1.0.tar.gz") for _ in range(2)
    ],
    "a file of no kind": lambda cast: make_file(make_release(make_project(cast.index)), kind="bdist_egg"),
    "a retired name twice": lambda cast: [
        RetiredFilename.objects.create(index=cast.index, filename="same") for _ in range(2)
    ],
    "a role of nobody": lambda cast: Role.objects.create(index=cast.index, verbs=1),
    "a role of two": lambda cast: Role.objects.create(index=cast.index, verbs=1, user=cast.outsider, team=cast.team),
    "a role without verbs": lambda cast: Role.objects.create(index=cast.index, verbs=0, user=cast.outsider),
    "two roles of one on an index": lambda cast: Role.objects.create(index=cast.index, verbs=1, user=cast.reader),
    "two roles of a team on a project": lambda cast: [
        Role.objects.create(index=cast.index, project=project, verbs=1, team=cast.team)
        for project in [make_project(cast.index)] * 2
    ],
    "a prefix twice": lambda cast: [
        ReservedPrefix.objects.create(prefix="acme", team=cast.team, index=cast.index) for _ in range(2)
    ],
    "a prefix twice everywhere": lambda cast: [
        ReservedPrefix.objects.create(prefix="acme", team=cast.team) for _ in range(2)
    ],
    "a token without verbs": lambda cast: Token.objects.create(
        user=cast.reader, key_id="k" * 12, digest="d" * 64, verbs=0, name="t"
    ),
    "a token with a digest that is none": lambda cast: Token.objects.create(
        user=cast.reader, key_id="k" * 12, digest="secret", verbs=1, name="t"
    ),
    "a place in the team that is none": lambda cast: Membership.objects.create(
        team=cast.team, user=cast.reader, role="king"
    ),
    "a person twice in a team": lambda cast: Membership.objects.create(team=cast.team, user=cast.member),
    "names that differ by case alone": lambda cast: User.objects.create(username="READER"),
    "an index that takes its projects along": lambda cast: [
        make_project(cast.index),
        Index.objects.filter(pk=cast.index.pk)._raw_delete("default"),  # type: ignore[attr-defined]
    ],
    "a file without its bytes": lambda cast: [
        file.blob._meta.model._base_manager.filter(pk=file.blob_id)._raw_delete("default")
        for file in [make_file(make_release(make_project(cast.index)))]
    ],
}


@pytest.mark.parametrize("act", [pytest.param(act, id=name) for name, act in IMPOSSIBLE.items()])
def test_impossible(cast: Cast, act: Act) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        act(cast)
        connection.check_constraints()


def test_possible(cast: Cast) -> None:
    """What looks like the impossible and is not."""
    project, other = make_project(cast.index, "acme"), make_index("other")
    make_project(other, "acme")
    Role.objects.create(index=cast.index, project=project, verbs=1, user=cast.reader)
    Role.objects.create(index=other, verbs=1, user=cast.reader)
    ReservedPrefix.objects.create(prefix="acme", team=cast.team)
    ReservedPrefix.objects.create(prefix="acme", team=cast.team, index=cast.index)
    ReservedPrefix.objects.create(prefix="acme", team=cast.team, index=other)
    make_file(make_release(project), "same-1.0.tar.gz")
    make_file(make_release(Project.objects.get(index=other)), "same-1.0.tar.gz")
    connection.check_constraints()


def test_rows_say_what_they_are_in_logs_and_lists(cast: Cast) -> None:
    release = make_release(make_project(cast.index, "Acme"), "1.0")
    file = make_file(release, "acme-1.0.tar.gz")
    group = make_group("all", cast.index)
    shown = [cast.index, release, file, group.group_members.get(), Role.objects.get(user=cast.reader), cast.team]
    assert [str(row) for row in shown] == [
        "main",
        "Acme 1.0",
        "acme-1.0.tar.gz",
        "all: 0. main",
        "reader on main",
        "tools",
    ]


def test_the_sites_own_addresses_are_no_index_names() -> None:
    from django.urls import get_resolver

    firsts = {str(pattern.pattern).lstrip("^").split("/")[0] for pattern in get_resolver().url_patterns}
    firsts = {first for first in firsts if first.isidentifier()}
    inner = {
        str(pattern.pattern).lstrip("^").partition("/")[0]
        for resolver in get_resolver().url_patterns
        for pattern in getattr(resolver, "url_patterns", [])
        if not str(resolver.pattern)
    }
    firsts |= {first for first in inner if first.isidentifier()}
    assert {first for first in firsts if first == first.lower()} <= RESERVED_INDEX_NAMES  # no index has other letters
    assert Release is not None
