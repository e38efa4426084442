"""What may be done with a token: nothing beyond its own bounds, and not what needs a person who is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts.domain.actors import Actor
from accounts.domain.instance_roles import InstanceRole
from accounts.domain.verbs import ALL_VERBS, Verb, from_mask
from accounts.models import AuditEntry, Directory, Membership, User
from accounts.services import authenticators, service_accounts, sessions, teams, tokens, users
from accounts.services.directories import settings as directories
from indexapp.models import Role
from indexapp.services import indexes, roles
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.directories import silent_directory
from tests.factories.factors import with_factor
from tests.factories.people import PASSWORD, SYSTEM, actor_of, make_service_account, make_token, make_user
from tests.factories.publishing import give, make_index, make_project

pytestmark = pytest.mark.django_db

A, D, R, U = Verb.ADMINISTER, Verb.DELETE, Verb.READ, Verb.UPLOAD


def _directory() -> Directory:
    return Directory.objects.first() or silent_directory()


def short_lived(owner: User, verbs: list[Verb]) -> Actor:
    text = tokens.issue(actor=SYSTEM, owner=owner, name="job", verbs=verbs, lifetime=timedelta(minutes=5))[1]
    actor = tokens.recognise(text)
    assert actor is not None
    return actor


@pytest.mark.parametrize("verbs", [[D], [U, D], [A], list(ALL_VERBS)])
@pytest.mark.parametrize("role", ["team_admin", "administrator"])
def test_a_token_grants_no_verb_that_it_does_not_hold(cast: Cast, role: str, verbs: list[Verb]) -> None:
    for actor in (cast.token_actor(role, [A, R, U]), short_lived(cast.user(role), [A, R, U])):
        with refused("token-scope"):
            roles.grant(actor=actor, index=cast.index, holder=cast.outsider, verbs=verbs)
    assert not Role.objects.filter(user=cast.outsider).exists()


def test_a_token_grants_what_it_holds_where_it_holds_it_and_it_is_written_down(cast: Cast) -> None:
    actor = short_lived(cast.team_admin, [A, R, U])
    role = roles.grant(actor=actor, index=cast.index, holder=cast.outsider, verbs=[U])
    assert from_mask(role.verbs) == {R, U}
    entry = AuditEntry.objects.get(action="role.grant")
    assert actor.token is not None
    assert (entry.actor_name, entry.token_key_id) == ("team_admin", actor.token.key_id)


def test_what_comes_with_a_verb_needs_to_be_in_the_token_too(cast: Cast) -> None:
    actor = cast.token_actor("team_admin", [A, U])
    with refused("token-scope"):
        roles.grant(actor=actor, index=cast.index, holder=cast.outsider, verbs=[U])


@pytest.mark.parametrize("bounds", [{"indexes": ["other"]}, {"projects": ["beta"]}, {"projects": ["acme"]}])
def test_a_bound_token_grants_nothing_elsewhere(cast: Cast, bounds: dict[str, Any]) -> None:
    acme = make_project(cast.index, "acme")
    actor = cast.token_actor("administrator", **bounds)
    with refused("right-missing"):
        roles.grant(actor=actor, index=cast.index, holder=cast.outsider, verbs=[R])
    if bounds != {"projects": ["acme"]}:
        with refused("right-missing"):
            roles.grant(actor=actor, index=cast.index, project=acme, holder=cast.outsider, verbs=[R])
        return
    assert roles.grant(actor=actor, index=cast.index, project=acme, holder=cast.outsider, verbs=[R]).project == acme


PERSONS_OWN: dict[str, Callable[[Cast, Actor], Any]] = {
    "administrator made": lambda cast, actor: users.create(actor=actor, username="boss", is_superuser=True),
    "administrator promoted": lambda cast, actor: users.change(actor=actor, user=cast.reader, is_superuser=True),
    "administrator demoted": lambda cast, actor: users.change(actor=actor, user=cast.reader, is_superuser=False),
    "part given": lambda cast, actor: users.change(
        actor=actor, user=cast.reader, instance_roles=[InstanceRole.SECURITY_OFFICER]
    ),
    "glass broken": lambda cast, actor: users.change(actor=actor, user=cast.reader, is_break_glass=True),
    "password set": lambda cast, actor: users.set_password(actor=actor, user=cast.reader, password="nobody guesses"),
    "own password set": lambda cast, actor: users.set_password(
        actor=actor, user=cast.administrator, password="nobody guesses", present=PASSWORD
    ),
    "factor removed": lambda cast, actor: authenticators.remove(actor=actor, user=cast.reader),
    "group made administrators": lambda cast, actor: directories.map_group(
        actor=actor, directory=_directory(), group_dn="cn=ops,dc=tpi", instance_role="administrator"
    ),
}


@pytest.mark.parametrize("deed", PERSONS_OWN)
def test_no_token_does_what_a_person_must_be_there_for(cast: Cast, deed: str) -> None:
    with_factor(cast.reader)
    actor = cast.token_actor("administrator")
    assert actor.may_administer_instance
    with pytest.raises(Exception, match="with an API token") as refusal:
        PERSONS_OWN[deed](cast, actor)
    assert refusal.value.code == "token-scope"  # type: ignore[attr-defined]  # it is one of ours
    assert not User.objects.filter(is_superuser=True).exclude(pk=cast.administrator.pk).exists()
    if deed != "glass broken":  # which an ordinary account cannot do anyhow
        PERSONS_OWN[deed](cast, cast.actor("administrator"))


def test_no_token_wakes_a_disabled_administrator(cast: Cast) -> None:
    boss = make_user("boss", is_superuser=True, is_active=False)
    actor = cast.token_actor("administrator")
    with refused("token-scope"):
        users.change(actor=actor, user=boss, is_active=True)
    ordinary = make_user("ordinary", is_active=False)
    assert users.change(actor=actor, user=ordinary, is_active=True).is_active


ON_THE_INSTANCE: dict[str, Callable[[Cast, Actor], Any]] = {
    "account made": lambda cast, actor: users.create(actor=actor, username="new", password="nobody guesses"),
    "account changed": lambda cast, actor: users.change(actor=actor, user=cast.reader, is_active=False),
    "account deleted": lambda cast, actor: users.delete(actor=actor, user=cast.reader),
    "sessions ended": lambda cast, actor: sessions.end_all(actor=actor, user=cast.reader),
    "team made": lambda cast, actor: teams.create(actor=actor, name="new"),
    "member taken in": lambda cast, actor: teams.set_member(
        actor=actor, team=cast.team, user=cast.outsider, role=Membership.Place.ADMIN
    ),
    "service account made": lambda cast, actor: service_accounts.create(actor=actor, team=cast.team, name="svc-new"),
    "service account's token": lambda cast, actor: tokens.issue(
        actor=actor, owner=make_service_account(cast.team), name="t", verbs=[R]
    ),
    "directory configured": lambda cast, actor: directories.change(
        actor=actor, directory=_directory(), title="Another"
    ),
    "index made": lambda cast, actor: indexes.create(actor=actor, name="new"),
}


@pytest.mark.parametrize("deed", ON_THE_INSTANCE)
@pytest.mark.parametrize(
    "scope", [{"indexes": ["main"]}, {"projects": ["acme"]}, {"verbs": [R, U, D, Verb.YANK, Verb.PROMOTE]}]
)
def test_acts_on_the_instance_need_a_token_that_administers_and_has_no_bounds(
    cast: Cast, deed: str, scope: dict[str, Any]
) -> None:
    with pytest.raises(Exception, match=r".") as refusal:
        ON_THE_INSTANCE[deed](cast, cast.token_actor("administrator", **scope))
    assert refusal.value.code in ("administrator-needed", "team-admin-needed", "right-missing", "token-owner")  # type: ignore[attr-defined]
    ON_THE_INSTANCE[deed](cast, cast.token_actor("administrator", [A, R]))


def test_what_a_short_lived_token_makes_for_a_program_ends_with_it_and_the_account_stays(cast: Cast) -> None:
    actor = short_lived(cast.team_admin, [A, R, U])
    program = service_accounts.create(actor=actor, team=cast.team, name="svc-made")
    child, text = tokens.issue(actor=actor, owner=program, name="job", verbs=[R, U])
    assert actor.token is not None
    assert child.expires_at == actor.token.expires_at
    with refused("token-wider"):
        tokens.issue(actor=actor, owner=program, name="job", verbs=[D])
    tokens.revoke(actor=actor_of(cast.team_admin), token=child.parent)  # type: ignore[arg-type]  # it has one
    assert tokens.recognise(text) is None
    assert User.objects.get(pk=program.pk).is_active
    made = AuditEntry.objects.get(action="service-account.create", object_name="svc-made")
    assert made.token_key_id == actor.token.key_id


def test_a_role_that_a_token_gave_stands_when_the_token_ends_and_not_beyond_its_owners_right_to_give(
    cast: Cast,
) -> None:
    other = make_index("other")
    early = cast.token_actor("team_admin")
    with refused("right-missing"):
        roles.grant(actor=early, index=other, holder=cast.outsider, verbs=[R])
    give(cast.team_admin, [A], other)
    token, text = make_token(cast.team_admin)
    actor = tokens.recognise(text)
    assert actor is not None
    role = roles.grant(actor=actor, index=other, holder=cast.outsider, verbs=[R])
    tokens.revoke(actor=SYSTEM, token=token)
    assert Role.objects.filter(pk=role.pk).exists()
    assert AuditEntry.objects.get(action="role.grant").token_key_id == token.key_id
