"""Sign-in with directory credentials, against OpenLDAP."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from accounts.domain.actors import Actor, Method
from accounts.domain.verbs import Verb
from accounts.models import Alarm, AuditEntry, Directory, Membership, Token, User, VerifiedPassword
from accounts.services import passwords, tokens
from accounts.services.directories import people, sign_in
from tests import evidence
from tests.factories.directories import host, map_group, openldap
from tests.factories.people import SYSTEM, make_service_account, make_team, make_token, make_user
from tpi_site.kit.errors import Forbidden, Throttled, Unauthenticated, Unavailable

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]
HERE = "192.0.2.1"


def enter(name: str, password: str, address: str = HERE) -> Actor:
    return passwords.verify(username=name, password=password, address=address)


def refused(name: str, password: str, address: str = HERE) -> str:
    with pytest.raises((Unauthenticated, Throttled, Unavailable, Forbidden)) as caught:
        enter(name, password, address)
    return caught.value.code


@pytest.fixture
def corp(slapd: Slapd) -> Directory:
    return openldap(slapd)


def test_a_person_comes_in_and_has_an_account_from_then_on(slapd: Slapd, corp: Directory) -> None:
    found = evidence.collecting()
    actor = enter("alice", slapd.password_of("alice"))

    user = User.objects.get(username="alice")
    assert (actor.user_id, actor.username, actor.method) == (user.pk, "alice", Method.PASSWORD)
    assert (user.directory, user.directory_dn) == (corp, slapd.person_dn("alice"))
    assert user.directory_key
    assert "@" in user.email
    assert not user.has_usable_password()
    assert found.actions == ["user.create"]
    assert found.audit[0].actor_name == "directory corp"


def test_a_password_is_asked_of_the_directory_once(slapd: Slapd, corp: Directory) -> None:
    for _ in range(5):
        enter("alice", slapd.password_of("alice"))
    assert slapd.binds(slapd.person_dn("alice")) == 1


def test_what_is_remembered_holds_no_password(slapd: Slapd, corp: Directory) -> None:
    enter("alice", slapd.password_of("alice"))
    assert slapd.password_of("alice") not in str(list(VerifiedPassword.objects.values()))
    assert slapd.service_password not in str(list(Directory.objects.values()))
    assert slapd.service_password not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("name", ["ALICE", "Alice", "ａｌｉｃｅ", " alice"])
def test_spellings_of_one_name_are_one_account(slapd: Slapd, corp: Directory, name: str) -> None:
    enter("alice", slapd.password_of("alice"))
    enter(name, slapd.password_of("alice"))
    assert User.objects.filter(directory=corp).count() == 1


def test_unicode_forms_of_one_name_are_one_account(slapd: Slapd, corp: Directory) -> None:
    slapd.add_person("zoë", mail="zoe@tpi.example", userPassword="the password of zoe")
    for form in ("NFC", "NFD"):
        enter(unicodedata.normalize(form, "zoë"), "the password of zoe")  # type: ignore[arg-type]
    assert [user.username for user in User.objects.filter(directory=corp)] == ["zoë"]


@pytest.mark.parametrize(
    "name",
    [
        "*",
        "*)(uid=*",
        "alice)(|(uid=*",
        "al*",
        "alice\x00",
        "",
        "uid=alice,ou=people",
        "alice*",
        "\\61lice",
        "(alice)",
        "a" * 151,
    ],
)
def test_a_name_never_becomes_a_filter(slapd: Slapd, corp: Directory, name: str) -> None:
    assert refused(name, slapd.password_of("alice")) == "password-wrong"
    assert not User.objects.filter(directory=corp).exists()


def test_an_empty_password_is_no_password(slapd: Slapd, corp: Directory) -> None:
    """A simple bind with a name and no password succeeds as anonymous (RFC 4513, 5.1.2) and must prove nothing."""
    assert refused("alice", "") == "password-wrong"
    assert slapd.binds(slapd.person_dn("alice")) == 0


def test_a_wrong_password_in_a_loop_costs_the_directory_one_bind(slapd: Slapd, corp: Directory) -> None:
    slapd.lock_after(3)
    for _ in range(8):
        assert refused("alice", "wrong") == "password-wrong"
    assert slapd.binds(slapd.person_dn("alice")) == 1
    assert enter("alice", slapd.password_of("alice")).username == "alice"


def test_many_wrong_passwords_stop_before_the_directory_is_asked(slapd: Slapd, corp: Directory) -> None:
    codes = [refused("alice", f"wrong {number}") for number in range(8)]
    assert codes == ["password-wrong"] * 5 + ["sign-in-throttled"] * 3
    assert slapd.binds(slapd.person_dn("alice")) == 5


def test_wrong_passwords_from_many_addresses_are_counted_for_the_account(slapd: Slapd, corp: Directory) -> None:
    codes = [refused("alice", f"wrong {number}", f"192.0.2.{number}") for number in range(20)]
    assert codes == ["password-wrong"] * 15 + ["sign-in-throttled"] * 5


def test_who_is_known_to_nobody_is_refused_in_the_same_words(slapd: Slapd, corp: Directory) -> None:
    make_user("local")
    details = set()
    for name in ("alice", "nobody", "local"):
        with pytest.raises(Unauthenticated) as caught:
            enter(name, "wrong")
        details.add((caught.value.code, caught.value.detail))
    assert len(details) == 1


def test_a_local_account_is_never_asked_of_the_directory(slapd: Slapd, corp: Directory) -> None:
    local = make_user("alice", password="a local password")
    assert enter("alice", "a local password").user_id == local.pk
    assert refused("alice", slapd.password_of("alice")) == "password-wrong"
    assert slapd.binds(slapd.person_dn("alice")) == 0


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
    from accounts.models import SignInMark

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

    make_user(is_superuser=True)
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


def test_direct_bind_needs_no_other_account(slapd: Slapd) -> None:
    corp = openldap(
        slapd,
        bind="direct",
        bind_dn="",
        bind_password="",
        user_template=f"uid=%(user)s,{slapd.people_dn}",
    )
    map_group(corp, slapd.group_dn("pkg-admins"), make_team("tools"))
    enter("alice", slapd.password_of("alice"))
    assert refused("alice", "wrong") == "password-wrong"
    assert Membership.objects.filter(user__username="alice").exists()
    assert slapd.binds(slapd.person_dn("alice")) == 2
    assert slapd.binds(slapd.service_dn) == 0


def test_start_tls_works_as_well(slapd: Slapd) -> None:
    openldap(slapd, hosts=host(slapd.uri_ldap), security="starttls")
    assert enter("alice", slapd.password_of("alice")).username == "alice"


@pytest.mark.parametrize("fault", ["expired", "other host", "other ca"])
def test_a_certificate_that_is_not_in_order_lets_nobody_in(slapd: Slapd, fault: str) -> None:
    ca = slapd.other_ca_file if fault == "other ca" else slapd.ca_file
    corp = openldap(slapd, ca_certificates=Path(ca).read_text())
    if fault == "expired":
        slapd.use_expired_certificate()
    elif fault == "other host":
        slapd.use_certificate_of_another_host()

    assert refused("alice", slapd.password_of("alice")) == "directory-away"
    corp.refresh_from_db()
    assert corp.failure
    assert slapd.binds(slapd.person_dn("alice")) == 0


def test_while_the_directory_is_down_nobody_new_comes_in_and_operators_are_told(slapd: Slapd, corp: Directory) -> None:
    slapd.stop()
    assert refused("alice", slapd.password_of("alice")) == "directory-away"
    corp.refresh_from_db()
    assert corp.failing_since is not None
    assert Alarm.objects.filter(code="directory-away", subject="corp", ended_at=None).exists()

    slapd.restart()
    sign_in.forget_faults()
    enter("alice", slapd.password_of("alice"))
    corp.refresh_from_db()
    assert corp.failing_since is None
    assert not Alarm.objects.filter(code="directory-away", ended_at=None).exists()


def test_a_directory_that_is_down_is_not_asked_by_everyone(slapd: Slapd, corp: Directory) -> None:
    slapd.stop()
    assert refused("alice", slapd.password_of("alice")) == "directory-away"
    slapd.restart()
    assert refused("bob", slapd.password_of("bob")) == "directory-away"
    assert slapd.binds(slapd.service_dn) == 0


def test_being_down_does_not_count_as_a_wrong_password(slapd: Slapd, corp: Directory) -> None:
    slapd.stop()
    for _ in range(30):
        assert refused("alice", slapd.password_of("alice")) == "directory-away"
    slapd.restart()
    sign_in.forget_faults()
    assert enter("alice", slapd.password_of("alice")).username == "alice"


def test_a_slow_directory_is_given_up(slapd: Slapd) -> None:
    openldap(slapd, timeout=1)
    slapd.pause()
    try:
        assert refused("alice", slapd.password_of("alice")) == "directory-away"
    finally:
        slapd.resume()


def test_the_next_host_answers_where_the_first_is_down(slapd: Slapd) -> None:
    from tests.servers.ports import free_port

    openldap(slapd, hosts=f"127.0.0.1:{free_port()} {host(slapd.uri_ldaps)}")
    assert enter("alice", slapd.password_of("alice")).username == "alice"


def test_an_unknown_name_is_asked_of_each_directory_in_order(slapd: Slapd, corp: Directory) -> None:
    slapd.add_group("nobodies")
    openldap(slapd, name="first", place=0, user_base=slapd.groups_dn)
    Directory.objects.filter(pk=corp.pk).update(place=1)
    assert enter("alice", slapd.password_of("alice")).username == "alice"
    assert User.objects.get(username="alice").directory == corp


def test_a_directory_that_is_off_lets_nobody_in(slapd: Slapd, corp: Directory) -> None:
    enter("alice", slapd.password_of("alice"))
    Directory.objects.update(enabled=False)
    VerifiedPassword.objects.all().delete()
    assert refused("alice", slapd.password_of("alice")) == "password-wrong"
    assert refused("bob", slapd.password_of("bob")) == "password-wrong"


def test_a_wrong_bind_password_is_the_operators_fault_and_not_the_persons(slapd: Slapd) -> None:
    corp = openldap(slapd, bind_password="wrong")
    assert refused("alice", slapd.password_of("alice")) == "directory-away"
    corp.refresh_from_db()
    assert corp.failure.startswith("bind:")


def test_a_search_that_fails_is_no_wrong_password(slapd: Slapd) -> None:
    corp = openldap(slapd, user_base="ou=nowhere,dc=tpi,dc=example")
    assert refused("alice", slapd.password_of("alice")) == "directory-away"
    corp.refresh_from_db()
    assert corp.failure.startswith("search:")


def test_the_display_name_of_an_attacker_is_stored_as_text(slapd: Slapd, corp: Directory, client: Any) -> None:
    slapd.set_attribute(slapd.person_dn("alice"), "sn", "<script>alert(1)</script>")
    enter("alice", slapd.password_of("alice"))
    alice = User.objects.get(username="alice")
    client.force_login(alice)
    page = client.get("/account/profile/").content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_remembered_password_does_not_outrun_the_limit(slapd: Slapd, corp: Directory, settings: Any) -> None:
    settings.TPI_SIGN_IN_FAILURES = 5
    enter("alice", slapd.password_of("alice"), HERE)
    for number in range(5):
        refused("alice", f"wrong {number}", "192.0.2.66")
    assert refused("alice", slapd.password_of("alice"), "192.0.2.66") == "sign-in-throttled"
    assert enter("alice", slapd.password_of("alice"), HERE).username == "alice"


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

    people.end(actor=SYSTEM, user=alice, reason="left")

    child.refresh_from_db()
    assert child.revoked_at is not None
