"""The order in which syncs take locks, against others who have some of them; real commits."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.domain.directory_entries import DirectoryEntry
from accounts.domain.instance_roles import InstanceRole
from accounts.models import Directory, DirectorySync, User
from accounts.services import generations
from accounts.services.directories.sync import removing, staging
from tests.factories.directories import silent_directory
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
