"""A directory that was removed comes back, and another that would like to be taken for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.hashers import make_password

from accounts import tasks
from accounts.models import Alarm, AuditEntry, Directory, FormerDirectory, Membership, SignInMark, Token, User
from accounts.services import passwords
from accounts.services.directories import removal, sync
from tests import evidence
from tests.factories.directories import host, map_group, openldap
from tests.factories.people import SYSTEM, make_team, make_token
from tpi_site.kit.errors import Refusal

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def enter(slapd: Slapd, name: str = "alice") -> User:
    SignInMark.objects.all().delete()
    actor = passwords.verify(username=name, password=slapd.password_of(name), address="192.0.2.1")
    return User.objects.get(pk=actor.user_id)


def refused(slapd: Slapd) -> str:
    SignInMark.objects.all().delete()
    with pytest.raises(Refusal) as caught:
        enter(slapd)
    return caught.value.code


@pytest.fixture
def alice(slapd: Slapd) -> User:
    """Somebody whose directory was removed."""
    corp = openldap(slapd)
    user = enter(slapd)
    make_token(user)
    Membership.objects.create(team=make_team("own"), user=user)
    removal.delete(actor=SYSTEM, directory=corp)
    tasks.remove_directories()
    return user


@pytest.mark.parametrize("name", ["corp", "head-office"])
def test_who_signs_in_has_the_account_again(slapd: Slapd, alice: User, name: str) -> None:
    made_again = openldap(slapd, name=name)
    found = evidence.collecting()
    user = enter(slapd)
    assert (user.pk, user.directory, user.former_directory, user.is_active) == (alice.pk, made_again, None, True)
    assert Membership.objects.filter(user=user, team__name="own").exists()
    assert not Token.objects.filter(user=user, revoked_at=None).exists(), "what was revoked stays revoked"
    assert found.actions == ["user.take-back", "user.change"]
    assert found.audit[0].detail["removed"].startswith("corp ")
    assert enter(slapd).pk == alice.pk


def test_a_sync_takes_members_of_mapped_groups_back(slapd: Slapd, alice: User) -> None:
    made_again = openldap(slapd)
    map_group(made_again, slapd.group_dn("devs"), make_team("tools"))
    told = sync.plan(actor=SYSTEM, directory=made_again)
    assert User.objects.get(pk=alice.pk).directory is None, "a plan changes nothing"
    done = sync.run(actor=SYSTEM, directory=made_again)
    did = {"person": "alice", "did": ["account taken back", "changed: is_active", "member of tools"]}
    assert did in told.differences
    assert did in done.differences
    alice.refresh_from_db()
    assert (alice.directory, alice.is_active, done.added) == (made_again, True, 1)


def test_who_was_renamed_meanwhile_is_found_by_the_key(slapd: Slapd, alice: User) -> None:
    slapd.rename(slapd.person_dn("alice"), "uid=alicia")
    slapd.set_attribute(slapd.person_dn("alicia"), "uid", "alicia")
    openldap(slapd)
    actor = passwords.verify(username="alicia", password=slapd.password_of("alice"), address="192.0.2.1")
    assert (actor.user_id, actor.username) == (alice.pk, "alicia")


def test_somebody_new_of_that_name_is_not_taken_for_them(slapd: Slapd, alice: User) -> None:
    slapd.delete(slapd.person_dn("alice"))
    slapd.add_person("alice")
    User.objects.filter(pk=alice.pk).update(directory_key="another key")
    openldap(slapd)
    assert refused(slapd) == "directory-name-taken"


@pytest.mark.parametrize("difference", ["host", "base", "kind", "unchecked now", "unchecked then"])
def test_another_directory_with_the_very_same_keys_gets_nobody(slapd: Slapd, alice: User, difference: str) -> None:
    """Whoever runs a directory chooses its entries' keys, and what it says of itself; here it even is the same server."""
    values: dict[str, Any] = {}
    former = FormerDirectory.objects.all()
    if difference == "host":
        former.update(places=["dc1.tpi.example:636"])
    elif difference == "base":
        values["user_base"] = slapd.base_dn
    elif difference == "kind":
        former.update(kind="active-directory")
    elif difference == "unchecked now":
        values["verify_certificate"] = False
    else:
        former.update(is_proved=False)
    openldap(slapd, name="partner", **values)

    assert refused(slapd) == "directory-name-taken"

    alice.refresh_from_db()
    assert (alice.is_active, alice.directory) == (False, None)
    assert Alarm.objects.filter(code="directory-name-taken").exists()
    assert not AuditEntry.objects.filter(action="user.take-back").exists()


def test_an_account_of_before_such_things_were_kept_is_nobodys(slapd: Slapd, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(former_directory=None)
    openldap(slapd)
    assert refused(slapd) == "password-wrong"  # it counts as local, and has no password
    map_group(Directory.objects.get(), slapd.group_dn("devs"), make_team("tools"))
    done = sync.run(actor=SYSTEM, directory=Directory.objects.get())
    assert {"person": "alice", "did": ["passed over: directory-name-taken"]} in done.differences


def test_one_host_in_common_is_enough(slapd: Slapd, alice: User) -> None:
    from tests.servers.ports import free_port

    openldap(slapd, hosts=f"127.0.0.1:{free_port()} {host(slapd.uri_ldaps)}")
    assert enter(slapd).pk == alice.pk


def test_an_account_that_has_a_password_here_by_now_is_its_owners(slapd: Slapd, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(password=make_password("a local password"), is_active=True, ended_by="")
    openldap(slapd)
    assert refused(slapd) == "password-wrong"
    assert slapd.binds(slapd.person_dn("alice")) == 1, "a local account's name is asked of no directory"
    map_group(Directory.objects.get(), slapd.group_dn("devs"), make_team("tools"))
    sync.run(actor=SYSTEM, directory=Directory.objects.get())
    alice.refresh_from_db()
    assert alice.directory is None
    assert Alarm.objects.filter(code="directory-name-taken").exists()


def test_who_was_disabled_here_comes_back_disabled(slapd: Slapd, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(ended_by=User.Ended.ADMINISTRATOR)
    openldap(slapd)
    assert refused(slapd) == "password-wrong"
    assert not User.objects.get(pk=alice.pk).is_active


def test_a_second_life_and_a_second_end(slapd: Slapd, alice: User) -> None:
    openldap(slapd)
    enter(slapd)
    enter(slapd, "bob")
    removal.delete(actor=SYSTEM, directory=Directory.objects.get())
    tasks.remove_directories()
    openldap(slapd)
    assert enter(slapd).pk == alice.pk
    assert enter(slapd, "bob").directory == Directory.objects.get()
    assert User.objects.count() == 2


def test_who_is_called_like_somebody_with_the_same_key_elsewhere_keeps_the_old_name(slapd: Slapd, alice: User) -> None:
    """Keys are the directories' word; two accounts that have one do not become each other."""
    User.objects.filter(pk=alice.pk).update(password=make_password("a local password"), is_active=True, ended_by="")
    slapd.rename(slapd.person_dn("alice"), "uid=alicia")
    slapd.set_attribute(slapd.person_dn("alicia"), "uid", "alicia")
    made_again = openldap(slapd)
    map_group(made_again, slapd.group_dn("devs"), make_team("tools"))
    sync.run(actor=SYSTEM, directory=made_again)
    newcomer = User.objects.get(username="alicia", directory=made_again)
    assert newcomer.directory_key == alice.directory_key
    slapd.rename(slapd.person_dn("alicia"), "uid=alice")
    slapd.set_attribute(slapd.person_dn("alice"), "uid", "alice")
    assert sync.run(actor=SYSTEM, directory=made_again).state == "done"
    assert User.objects.get(pk=newcomer.pk).username == "alicia"
    assert User.objects.get(username="alice").pk == alice.pk
