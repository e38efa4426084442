"""What a sign-in does to the account, its places and its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accounts.domain.verbs import Verb
from accounts.models import Alarm, Directory, Membership, SignInMark, Token, User, VerifiedPassword
from accounts.services import tokens
from accounts.services.directories import departures
from tests.factories.directories import map_group, openldap
from tests.factories.people import SYSTEM, make_service_account, make_team, make_token, make_user
from tests.unit.accounts.services.directories.signing_in import enter, refused

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_who_is_locked_in_the_directory_is_shut_out_here_at_once(slapd: Slapd, corp: Directory) -> None:
    enter("alice", slapd.password_of("alice"))
    alice = User.objects.get(username="alice")
    token, _ = make_token(alice)
    slapd.lock("alice")
    VerifiedPassword.objects.all().delete()

    assert refused("alice", slapd.password_of("alice")) == "password-wrong"

    alice.refresh_from_db()
    assert (alice.is_active, alice.ended_by) == (False, User.Ended.DIRECTORY)
    assert Token.objects.get(pk=token.pk).revoked_at is not None


def test_who_is_unlocked_comes_in_again_without_the_old_tokens(slapd: Slapd, corp: Directory) -> None:
    enter("alice", slapd.password_of("alice"))
    token, _ = make_token(User.objects.get(username="alice"))
    slapd.lock("alice")
    VerifiedPassword.objects.all().delete()
    refused("alice", slapd.password_of("alice"))
    slapd.unlock("alice")

    assert refused("alice", slapd.password_of("alice")) == "password-wrong"  # the pair is remembered as wrong
    _forget_attempts()
    assert enter("alice", slapd.password_of("alice")).username == "alice"
    assert Token.objects.get(pk=token.pk).revoked_at is not None


def _forget_attempts() -> None:

    SignInMark.objects.all().delete()


def test_an_administrators_word_outweighs_the_directory(slapd: Slapd, corp: Directory) -> None:
    enter("alice", slapd.password_of("alice"))
    User.objects.filter(username="alice").update(is_active=False, ended_by=User.Ended.ADMINISTRATOR)
    assert refused("alice", slapd.password_of("alice")) == "password-wrong"


def test_a_person_who_is_called_anew_keeps_the_account(slapd: Slapd, corp: Directory) -> None:
    enter("alice", slapd.password_of("alice"))
    before = User.objects.get(username="alice")
    slapd.rename(slapd.person_dn("alice"), "uid=alicia")
    slapd.set_attribute(slapd.person_dn("alicia"), "uid", "alicia")

    actor = enter("alicia", slapd.password_of("alice"))

    assert (actor.user_id, actor.username) == (before.pk, "alicia")
    assert User.objects.filter(directory=corp).count() == 1


def test_somebody_new_with_an_old_name_does_not_inherit(slapd: Slapd, corp: Directory) -> None:
    enter("alice", slapd.password_of("alice"))
    slapd.delete(slapd.person_dn("alice"))
    slapd.add_person("alice", userPassword="somebody else's password")
    VerifiedPassword.objects.all().delete()

    assert refused("alice", "somebody else's password") == "directory-name-taken"
    assert Alarm.objects.filter(code="directory-name-taken").exists()


def test_a_name_that_a_local_account_bears_is_not_taken_over(slapd: Slapd, corp: Directory) -> None:
    make_user("bob-local")
    slapd.add_person("carla", userPassword="her password")
    enter("carla", "her password")
    slapd.rename(slapd.person_dn("carla"), "uid=bob-local")
    slapd.set_attribute(slapd.person_dn("bob-local"), "uid", "bob-local")

    assert refused("bob-local", "her password") == "password-wrong"  # the name is the local account's
    assert User.objects.get(directory=corp).username == "carla"


def test_groups_within_groups_give_places_in_teams(slapd: Slapd, corp: Directory) -> None:
    tools, admins = make_team("tools"), make_team("admins")
    map_group(corp, slapd.group_dn("devs"), tools, "maintainer")
    map_group(corp, slapd.group_dn("team-a"), tools, "member")
    map_group(corp, slapd.group_dn("pkg-admins").upper(), admins, "admin")

    enter("alice", slapd.password_of("alice"))

    assert set(Membership.objects.values_list("user__username", "team__name", "role", "directory__name")) == {
        ("alice", "tools", "maintainer", "corp"),
        ("alice", "admins", "admin", "corp"),
    }


def test_leaving_a_group_is_leaving_the_team_at_the_next_sign_in(slapd: Slapd, corp: Directory) -> None:
    tools = make_team("tools")
    map_group(corp, slapd.group_dn("devs"), tools)
    enter("bob", slapd.password_of("bob"))
    bob = User.objects.get(username="bob")
    Membership.objects.create(team=make_team("own"), user=bob)
    slapd.set_members("devs", [])
    VerifiedPassword.objects.all().delete()

    enter("bob", slapd.password_of("bob"))

    assert list(Membership.objects.values_list("team__name", flat=True)) == ["own"]


def test_groups_that_hold_each_other_end_somewhere(slapd: Slapd, corp: Directory) -> None:
    map_group(corp, slapd.group_dn("ring-two"), make_team("ring"))
    enter("carol", slapd.password_of("carol"))
    assert Membership.objects.filter(user__username="carol", team__name="ring").exists()


def test_instance_roles_come_and_go_with_a_group(slapd: Slapd, corp: Directory) -> None:
    map_group(corp, slapd.group_dn("team-a"), None, instance_role="auditor")
    map_group(corp, slapd.group_dn("devs"), None, instance_role="administrator")
    actor = enter("alice", slapd.password_of("alice"))
    assert [role.value for role in actor.roles] == ["auditor"]
    assert actor.is_superuser

    slapd.set_members("team-a", [])
    VerifiedPassword.objects.all().delete()
    actor = enter("alice", slapd.password_of("alice"))
    assert not actor.roles
    assert not actor.is_superuser


def test_only_people_of_mapped_groups_come_in_where_the_directory_says_so(slapd: Slapd) -> None:
    corp = openldap(slapd, only_mapped=True)
    map_group(corp, slapd.group_dn("team-a"), make_team("tools"))
    assert enter("alice", slapd.password_of("alice")).username == "alice"
    assert refused("bob", slapd.password_of("bob")) == "directory-no-group"


def test_a_service_account_does_not_take_a_persons_name(slapd: Slapd, corp: Directory) -> None:
    program = make_service_account(make_team("red"))
    User.objects.filter(pk=program.pk).update(username="alice")  # made before such names were kept for programs
    assert refused("alice", slapd.password_of("alice")) == "directory-name-taken"
    assert refused("alice", "wrong") == "password-wrong"
    assert Alarm.objects.filter(code="directory-name-taken").exists()


@pytest.mark.parametrize("name", ["svc-build", "SVC-Build"])
def test_the_name_of_a_program_is_no_persons_whatever_the_directory_says(
    slapd: Slapd, corp: Directory, name: str
) -> None:
    dn = slapd.add_person(name, userPassword="a person's password")
    for known in (False, True):
        assert refused(name, "a person's password") == "password-wrong"
        if not known:
            make_service_account(make_team(), "svc-build")
    assert slapd.binds(dn) == 0
    assert not User.objects.filter(directory=corp).exists()


def test_a_token_that_was_made_for_a_program_ends_with_the_person_who_made_it(slapd: Slapd, corp: Directory) -> None:
    enter("alice", slapd.password_of("alice"))
    alice, team = User.objects.get(username="alice"), make_team("tools")
    Membership.objects.create(team=team, user=alice, role="admin")
    own = tokens.recognise(make_token(alice)[1])
    assert own is not None
    child, _ = tokens.issue(actor=own, owner=make_service_account(team), name="job", verbs=[Verb.READ])

    departures.end(actor=SYSTEM, user=alice, reason="left")

    child.refresh_from_db()
    assert child.revoked_at is not None
