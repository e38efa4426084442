"""Somebody can always administer the instance, whatever people and directories do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from accounts.domain.actors import Actor
from accounts.domain.instance_roles import InstanceRole
from accounts.models import ADMINISTRATOR_BIT, Alarm, BrowserSession, Directory, GroupMapping, Token, User
from accounts.services import last_administrator, passwords, sessions, users
from accounts.services.directories import departures, removal, settings, sync
from tests.evidence import refused
from tests.factories.directories import map_group, openldap, silent_directory
from tests.factories.people import SYSTEM, actor_of, make_team, make_token, make_user
from tests.threads import together
from tpi_site.kit.errors import Conflict

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def boss(db: None) -> User:
    return make_user("boss", is_superuser=True)


@pytest.mark.parametrize(
    "values",
    [
        {"is_superuser": False},
        {"is_active": False},
        {"instance_roles": [InstanceRole.AUDITOR]},
    ],
)
def test_the_last_is_not_taken_away_by_a_change(boss: User, values: dict[str, Any]) -> None:
    with refused("last-administrator"):
        users.change(actor=SYSTEM, user=boss, **values)
    make_user("other", is_superuser=True)
    users.change(actor=SYSTEM, user=boss, **values)


def test_nor_deleted(boss: User) -> None:
    with refused("last-administrator"):
        users.delete(actor=SYSTEM, user=boss)
    make_user("other", is_superuser=True)
    users.delete(actor=SYSTEM, user=boss)


@pytest.mark.parametrize(
    "unable",
    [
        {"is_active": False},
        {"password": "!unusable"},
        {"password": ""},
        {"password": "!unusable", "is_break_glass": True},
        {"instance_roles": InstanceRole.AUDITOR.bit},
        {"is_superuser": False},
    ],
)
def test_others_count_only_when_they_can_sign_in_and_act(boss: User, unable: dict[str, Any]) -> None:
    other = make_user("other", is_superuser=True)
    User.objects.filter(pk=other.pk).update(**unable)
    with refused("last-administrator"):
        users.change(actor=SYSTEM, user=boss, is_superuser=False)


def test_who_comes_through_a_directory_counts_while_it_is_in_use(boss: User) -> None:
    corp = silent_directory()
    other = make_user("other", is_superuser=True)
    User.objects.filter(pk=other.pk).update(directory=corp, password="!")
    Directory.objects.update(enabled=False)
    with refused("last-administrator"):
        users.change(actor=SYSTEM, user=boss, is_superuser=False)
    Directory.objects.update(enabled=True)
    users.change(actor=SYSTEM, user=boss, is_superuser=False)
    with refused("last-administrator"):
        removal.delete(actor=SYSTEM, directory=corp)
    with refused("last-administrator"):
        settings.change(actor=actor_of(other), directory=Directory.objects.get(), enabled=False)
    make_user("third", is_superuser=True)
    removal.delete(actor=SYSTEM, directory=corp)


def test_a_disabled_one_may_be_demoted_and_deleted_whoever_else_there_is(boss: User) -> None:
    old = make_user("old", is_superuser=True, is_active=False)
    User.objects.filter(pk=boss.pk).update(password="!")
    users.change(actor=SYSTEM, user=old, is_superuser=False)
    users.delete(actor=SYSTEM, user=old)


@pytest.fixture
def corp(slapd: Slapd) -> Directory:
    directory = openldap(slapd)
    map_group(directory, slapd.group_dn("devs"), make_team("tools"))
    map_group(directory, slapd.group_dn("team-a"), None, instance_role="administrator")
    return directory


@pytest.fixture
def alice(slapd: Slapd, corp: Directory) -> User:
    """The only administrator, by a group of the directory."""
    passwords.verify(username="alice", password=slapd.password_of("alice"), address="192.0.2.1")
    return User.objects.get(username="alice")


def is_told(user: User) -> bool:
    return Alarm.objects.filter(code="last-administrator", subject=user.username, ended_at=None).exists()


def run(directory: Directory) -> None:
    directory.refresh_from_db()
    assert sync.run(actor=SYSTEM, directory=directory, accept_removals=True).state == "done"


@pytest.mark.parametrize("way", ["group", "mapping"])
def test_a_sync_does_not_take_the_last_and_rings(slapd: Slapd, corp: Directory, alice: User, way: str) -> None:
    assert alice.is_superuser
    if way == "group":
        slapd.set_members("team-a", [])
    else:
        settings.unmap_group(actor=SYSTEM, mapping=GroupMapping.objects.get(instance_role="administrator"))
    for _ in range(2):
        run(corp)
        alice.refresh_from_db()
        assert (alice.is_superuser, alice.directory_roles) == (True, ADMINISTRATOR_BIT)
    assert is_told(alice)
    make_user("other", is_superuser=True)
    run(corp)
    alice.refresh_from_db()
    assert (alice.is_superuser, alice.is_staff, alice.directory_roles) == (False, False, 0)


def test_nor_does_a_sign_in(slapd: Slapd, corp: Directory, alice: User) -> None:
    slapd.set_members("team-a", [])
    people_now = passwords.verify(username="alice", password=slapd.password_of("alice"), address="198.51.100.1")
    assert people_now.is_superuser
    assert is_told(alice)


def test_nor_does_a_group_of_auditors(slapd: Slapd, corp: Directory, alice: User) -> None:
    map_group(corp, slapd.group_dn("devs"), None, instance_role="auditor")
    run(corp)
    alice.refresh_from_db()
    assert (alice.is_superuser, alice.instance_roles) == (True, 0)
    assert is_told(alice)


def test_who_is_shut_out_as_the_last_loses_sessions_and_tokens_and_keeps_the_part(corp: Directory, alice: User) -> None:
    sessions.begin(user=alice, address="", browser="")
    token, _ = make_token(alice)
    departures.end(actor=departures.acting(corp), user=alice, reason="Deleted in the directory.")
    alice.refresh_from_db()
    assert (alice.is_active, alice.is_superuser) == (True, True)
    assert not BrowserSession.objects.exists()
    assert Token.objects.get(pk=token.pk).revoked_at is not None
    assert is_told(alice)
    make_user("other", is_superuser=True)
    departures.end(actor=departures.acting(corp), user=alice, reason="Deleted in the directory.")
    assert not User.objects.get(pk=alice.pk).is_active


@pytest.mark.django_db(transaction=True)
def test_two_who_demote_each_other_at_once_leave_one() -> None:
    first, second = (make_user(name, is_superuser=True) for name in ("first", "second"))

    def demote(actor: Actor, user: User) -> None:
        users.change(actor=actor, user=user, is_superuser=False)

    pairs = [(actor_of(first), second), (actor_of(second), first)]
    answers = together([partial(demote, *pair) for pair in pairs])
    assert last_administrator.able().count() == 1
    assert [answer for answer in answers if isinstance(answer, Conflict)] != []
