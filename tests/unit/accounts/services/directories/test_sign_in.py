"""Sign-in with directory credentials, against OpenLDAP: who comes in, by which names and ways."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from accounts.domain.actors import Method
from accounts.models import AuditEntry, Directory, Membership, User, VerifiedPassword
from tests import evidence
from tests.factories.directories import host, map_group, openldap
from tests.factories.people import make_team, make_user
from tests.unit.accounts.services.directories.signing_in import enter, refused
from tpi_site.kit.errors import Unauthenticated

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]


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


def test_the_display_name_of_an_attacker_is_stored_as_text(slapd: Slapd, corp: Directory, client: Any) -> None:
    slapd.set_attribute(slapd.person_dn("alice"), "sn", "<script>alert(1)</script>")
    enter("alice", slapd.password_of("alice"))
    alice = User.objects.get(username="alice")
    client.force_login(alice)
    page = client.get("/account/profile/").content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
