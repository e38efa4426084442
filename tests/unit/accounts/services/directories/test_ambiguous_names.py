"""Names that several people of a directory bear, which some of them may have given themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accounts.models import Alarm, Directory, User
from tests.factories.directories import openldap
from tests.unit.accounts.services.directories.signing_in import enter, refused

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def corp(slapd: Slapd) -> Directory:
    return openldap(slapd, place=0, name_attribute="uid,mail")


def test_who_takes_anothers_name_as_an_address_does_not_lock_them_out(slapd: Slapd, corp: Directory) -> None:
    slapd.set_attribute(slapd.person_dn("alice"), "mail", "bob")
    for name in ("bob", "BOB"):
        assert enter(name, slapd.password_of("bob")).username == "bob"
    assert refused("bob", slapd.password_of("alice")) == "password-wrong"
    assert not User.objects.filter(username="alice").exists()
    assert not Alarm.objects.exists()


def test_other_names_serve_who_has_them_alone(slapd: Slapd, corp: Directory) -> None:
    slapd.set_attribute(slapd.person_dn("alice"), "mail", "anna@tpi.example")
    assert enter("anna@tpi.example", slapd.password_of("alice")).username == "alice"


@pytest.mark.parametrize("bind", ["account", "direct"])
def test_a_name_of_several_is_asked_of_no_other_directory(slapd: Slapd, corp: Directory, bind: str) -> None:
    dave = slapd.add_person("dave")
    openldap(slapd, name="other", place=1, user_base=dave)
    people = "(|(uid=alice)(uid=bob)(uid=carol))"
    template = f"uid=%(user)s,{slapd.people_dn}"
    Directory.objects.filter(pk=corp.pk).update(bind=bind, user_template=template, user_filter=people)
    for name in ("alice", "bob"):
        slapd.set_attribute(slapd.person_dn(name), "mail", "dave")

    for password in ("alice", "dave"):
        assert refused("dave", slapd.password_of(password)) == "password-wrong"

    assert not User.objects.filter(directory__isnull=False).exists()
    alarm = Alarm.objects.get()
    assert (alarm.code, alarm.subject) == ("directory-name-ambiguous", "corp dave")
