from __future__ import annotations

import pytest

from accounts.domain.verbs import ALL_VERBS, NO_VERBS, Verb, from_mask
from indexapp import permissions
from indexapp.models import ReservedPrefix, Role
from indexapp.services import roles
from tests import evidence
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import actor_of, make_team, make_user
from tests.factories.publishing import give, make_index, make_project

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_a_grant_stands_instead_of_what_was_held_there_before(cast: Cast) -> None:
    actor = cast.actor("team_admin")
    first = roles.grant(actor=actor, index=cast.index, holder=cast.outsider, verbs=[Verb.YANK, Verb.UPLOAD])
    second = roles.grant(actor=actor, index=cast.index, holder=cast.outsider, verbs=[Verb.DELETE])
    assert first.pk == second.pk
    assert from_mask(Role.objects.get(pk=first.pk).verbs) == {Verb.READ, Verb.DELETE}


def test_the_audit_entry_says_who_got_what_where(cast: Cast) -> None:
    project = make_project(cast.index, "acme")
    found = evidence.collecting()
    roles.grant(actor=cast.actor("team_admin"), index=cast.index, holder=cast.team, verbs=[Verb.YANK], project=project)
    assert found.audit[0].detail == {
        "holder": "tools",
        "index": "main",
        "project": "acme",
        "verbs": ["read", "yank"],
    }


def test_a_right_begins_and_ends_at_once(cast: Cast) -> None:
    person = make_user()
    admin = cast.actor("team_admin")
    role = roles.grant(actor=admin, index=cast.index, holder=person, verbs=[Verb.UPLOAD])
    assert permissions.verbs_on(actor_of(person), cast.index) == {Verb.READ, Verb.UPLOAD}
    roles.revoke(actor=admin, role=role)
    assert permissions.verbs_on(actor_of(person), cast.index) == NO_VERBS


def test_a_projects_admin_grants_there_and_not_on_the_index(cast: Cast) -> None:
    project = make_project(cast.index, "acme")
    give(cast.outsider, [Verb.ADMINISTER], cast.index, project)
    actor, friend = cast.actor("outsider"), make_user()
    role = roles.grant(actor=actor, index=cast.index, holder=friend, verbs=ALL_VERBS, project=project)
    roles.revoke(actor=actor, role=role)
    with refused("right-missing"):
        roles.grant(actor=actor, index=cast.index, holder=friend, verbs=[Verb.READ])
    on_index = Role.objects.get(user=cast.reader)
    with refused("right-missing"):
        roles.revoke(actor=actor, role=on_index)


def test_only_who_administers_grants(cast: Cast) -> None:
    person = make_user()
    give(person, set(Verb) - {Verb.ADMINISTER}, cast.index)
    actor = actor_of(person)
    with refused("right-missing"):
        roles.grant(actor=actor, index=cast.index, holder=person, verbs=[Verb.ADMINISTER])


def test_what_no_grant_may_be(cast: Cast) -> None:
    elsewhere = make_project(make_index("other"), "acme")
    actor = cast.actor("administrator")
    with refused("role-empty"):
        roles.grant(actor=actor, index=cast.index, holder=cast.outsider, verbs=[])
    with refused("project-elsewhere"):
        roles.grant(actor=actor, index=cast.index, holder=cast.outsider, verbs=[Verb.READ], project=elsewhere)


def test_a_role_is_taken_away_once(cast: Cast) -> None:
    role = Role.objects.get(user=cast.reader)
    twin = Role.objects.get(user=cast.reader)
    actor = cast.actor("team_admin")
    roles.revoke(actor=actor, role=role)
    with refused("not-found"):
        roles.revoke(actor=actor, role=twin)


def test_a_prefix_is_reserved_once_in_one_place_in_its_normal_form(cast: Cast) -> None:
    actor = cast.actor("administrator")
    row = roles.reserve_prefix(actor=actor, team=cast.team, prefix="Acme_Corp", index=cast.index)
    assert row.prefix == "acme-corp"
    other = make_team()
    with refused("prefix-reserved"):
        roles.reserve_prefix(actor=actor, team=other, prefix="acme.corp", index=cast.index)
    roles.reserve_prefix(actor=actor, team=other, prefix="acme.corp")
    with refused("prefix-reserved"):
        roles.reserve_prefix(actor=actor, team=cast.team, prefix="ACME-corp")


def test_everywhere_is_for_administrators_of_the_instance(cast: Cast) -> None:
    everywhere = ReservedPrefix.objects.create(prefix="acme", team=cast.team)
    for actor in (cast.actor("team_admin"), cast.token_actor("administrator", ALL_VERBS, indexes=["main"])):
        with refused("administrator-needed"):
            roles.reserve_prefix(actor=actor, team=cast.team, prefix="beta")
        with refused("administrator-needed"):
            roles.release_prefix(actor=actor, reserved=everywhere)


@pytest.mark.parametrize(
    ("prefix", "code"), [("", "name-invalid"), ("-", "name-invalid"), ("x" * 101, "name-too-long")]
)
def test_what_no_prefix_may_be(cast: Cast, prefix: str, code: str) -> None:
    actor = cast.actor("administrator")
    with refused(code):
        roles.reserve_prefix(actor=actor, team=cast.team, prefix=prefix, index=cast.index)


@pytest.mark.parametrize("prefix", ["acme", "acme-tools"])
def test_only_administrators_put_an_indexs_prefix_over_one_that_holds_everywhere(cast: Cast, prefix: str) -> None:
    ReservedPrefix.objects.create(prefix="acme", team=make_team("owners"), index=None)
    with refused("prefix-taken-everywhere"):
        roles.reserve_prefix(actor=cast.actor("team_admin"), team=cast.team, prefix=prefix, index=cast.index)
    roles.reserve_prefix(actor=cast.actor("team_admin"), team=cast.team, prefix="acmeology", index=cast.index)
    roles.reserve_prefix(actor=cast.actor("administrator"), team=cast.team, prefix=prefix, index=cast.index)
