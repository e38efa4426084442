"""The order in which syncs take locks, against others who have some of them; real commits."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.clients import ldap_entries
from accounts.clients.ldap_groups import normal_dn
from accounts.domain.directory_entries import DirectoryEntry
from accounts.domain.instance_roles import InstanceRole
from accounts.models import Directory, DirectorySync, GroupMapping, User
from accounts.services import generations, last_administrator
from accounts.services.directories import people
from accounts.services.directories.sync import reading, removing, staging
from tests.factories.directories import map_group, silent_directory
from tests.factories.people import make_user
from tests.threads import together

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def corp(db: None) -> Directory:
    make_user("root", is_superuser=True)
    return silent_directory()


@pytest.fixture
def running(corp: Directory) -> DirectorySync:
    return DirectorySync.objects.create(directory=corp, cursor={}, moved_at=timezone.now())


def belonging(corp: Directory, name: str, **values: object) -> User:
    user = make_user(name)
    known = {"directory": corp, "directory_key": f"key {name}", "directory_dn": f"uid={name},dc=tpi", "password": "!"}
    User.objects.filter(pk=user.pk).update(**known, **values)
    return User.objects.get(pk=user.pk)


def entry_of(user: User, email: str = "") -> DirectoryEntry:
    return DirectoryEntry(
        dn=user.directory_dn,
        key=user.directory_key,
        username=user.username,
        email=email,
        first_name="",
        last_name="",
        disabled=False,
    )


def until_somebody_waits() -> None:
    """Come back when the other call stands before a lock; SQLite's other writer stands from its first statement."""
    if connection.vendor != "postgresql":
        return
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    end = time.monotonic() + 20
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
    raise AssertionError("Nobody waits.")


def against(sync: Callable[[], object], first: Callable[[], object], then: Callable[[], object]) -> None:
    """Do ``first``, start the sync, and when it waits do ``then`` in the transaction of ``first``."""
    begun = Event()

    def other() -> None:
        with transaction.atomic():
            first()
            begun.set()
            until_somebody_waits()
            then()

    def syncing() -> None:
        begun.wait(20)
        sync()

    together([syncing, other])


def row_of(user: User) -> User:
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


def test_the_generation_is_raised_after_all_rows_are_held(corp: Directory, running: DirectorySync) -> None:
    gone = belonging(corp, "gone")
    operator = InstanceRole.OPERATOR.bit
    stays = belonging(corp, "stays", instance_roles=operator, directory_roles=operator)
    staging.note_people(running, [entry_of(stays)])

    against(
        lambda: removing.remove(running, {}),
        first=lambda: row_of(stays),
        then=generations.bump_access,  # as a sign-in does, with its row held
    )

    assert not User.objects.get(pk=gone.pk).is_active
    assert User.objects.get(pk=stays.pk).directory_roles == 0


def page(monkeypatch: pytest.MonkeyPatch, sync: DirectorySync, entry: DirectoryEntry, given: staging.Given) -> None:
    """One page of people, as the server would send it."""
    monkeypatch.setattr(ldap_entries, "people", lambda *_: iter([[entry]]))
    reading.read_people(None, None, sync, given)  # type: ignore[arg-type]


@pytest.fixture
def auditors(corp: Directory) -> GroupMapping:
    return map_group(corp, "cn=auditors,dc=tpi", None, instance_role="auditor")


@pytest.mark.parametrize("way", ["page", "sign-in"])
def test_the_lock_of_administrators_comes_before_a_row(
    corp: Directory, running: DirectorySync, auditors: GroupMapping, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    boss = belonging(corp, "boss", is_superuser=True)
    entry = entry_of(boss, email="new@tpi.example")
    staging.note_members(running, 0, [normal_dn(entry.dn)])

    def bring_in() -> None:
        if way == "sign-in":
            people.admit(corp, entry, [auditors])
        else:
            page(monkeypatch, running, entry, {0: [auditors]})

    against(bring_in, first=last_administrator.hold, then=lambda: row_of(boss))

    boss.refresh_from_db()
    assert (boss.email, boss.instance_roles) == ("new@tpi.example", InstanceRole.AUDITOR.bit)


def test_a_page_does_not_undo_what_an_administrator_does_meanwhile(
    corp: Directory, running: DirectorySync, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = belonging(corp, "person", is_active=False, ended_by="directory")

    against(
        lambda: page(monkeypatch, running, entry_of(person), {}),
        first=lambda: User.objects.filter(pk=person.pk).update(ended_by="administrator"),
        then=lambda: None,
    )

    person.refresh_from_db()
    assert (person.is_active, person.ended_by) == (False, "administrator")
