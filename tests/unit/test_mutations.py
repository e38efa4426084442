"""What holds for every service that changes something; the table is :mod:`tests.mutations`."""

from __future__ import annotations

import pytest

from accounts.domain.verbs import Verb
from tests import evidence
from tests.factories.cast import ROLES, Cast
from tests.mutations import MUTATIONS, Mutation, World
from tpi_site.kit.errors import Kind, Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db]

every_mutation = pytest.mark.parametrize("mutation", [pytest.param(row, id=name) for name, row in MUTATIONS.items()])
PUBLISHING = [pytest.param(row, id=name) for name, row in MUTATIONS.items() if row.kinds]


@pytest.fixture
def world(cast: Cast) -> World:
    return World(cast)


@every_mutation
def test_one_audit_entry_and_the_changes_are_written(world: World, mutation: Mutation) -> None:
    actor = world.cast.actor("administrator")
    found = evidence.collecting()

    mutation.act(world, actor)

    assert found.actions == [mutation.action]
    assert found.kinds == list(mutation.kinds)
    [entry] = found.audit
    assert (entry.actor_id, entry.actor_name, entry.outcome) == (actor.user_id, "administrator", "done")
    assert entry.object_name
    assert all(change.actor_name == "administrator" for change in found.changes)


@every_mutation
def test_nothing_is_written_where_the_audit_entry_cannot_be(world: World, mutation: Mutation) -> None:
    actor = world.cast.actor("administrator")
    before = evidence.state()

    with evidence.failing_insert("accounts_auditentry"), pytest.raises(evidence.Sabotage):
        mutation.act(world, actor)

    assert evidence.state() == before


@pytest.mark.parametrize("mutation", PUBLISHING)
def test_nothing_is_written_where_the_change_cannot_be(world: World, mutation: Mutation) -> None:
    actor = world.cast.actor("administrator")
    before = evidence.state()

    with evidence.failing_insert("indexapp_change"), pytest.raises(evidence.Sabotage):
        mutation.act(world, actor)

    assert evidence.state() == before


@pytest.mark.parametrize(
    ("mutation", "role"),
    [
        pytest.param(row, role, id=f"{name}-{role}")
        for name, row in MUTATIONS.items()
        for role in ROLES
        if role in row.allowed.split()
    ],
)
def test_who_may_can(world: World, mutation: Mutation, role: str) -> None:
    actor = world.cast.actor(role)
    found = evidence.collecting()
    mutation.act(world, actor)
    assert found.actions == [mutation.action]


@every_mutation
def test_nobody_else_can(world: World, mutation: Mutation) -> None:
    """One world for all of them: each has to leave it as it was, which is looked at after each."""
    before = evidence.state()
    for role in [role for role in ROLES if role not in mutation.allowed.split()]:
        with pytest.raises(Refusal) as refusal:
            mutation.act(world, world.cast.actor(role))
        assert refusal.value.kind in (Kind.FORBIDDEN, Kind.UNAUTHENTICATED, Kind.NOT_FOUND), role
        assert evidence.state() == before, role


@pytest.mark.parametrize(
    "mutation", [pytest.param(row, id=name) for name, row in MUTATIONS.items() if not row.is_about_own_tokens]
)
def test_a_token_that_only_reads_changes_nothing(world: World, mutation: Mutation) -> None:
    actor = world.cast.token_actor("administrator", [Verb.READ])
    before = evidence.state()

    with pytest.raises(Refusal):
        mutation.act(world, actor)

    assert evidence.state() == before
