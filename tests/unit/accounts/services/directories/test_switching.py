"""A directory that is switched off, and on again."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from accounts.clients.ldap_connection import DirectoryFault
from accounts.models import Alarm, Directory, Generation, User, VerifiedPassword
from accounts.services import alarms, generations
from accounts.services.directories import settings, standing
from tests.factories.directories import silent_directory
from tests.factories.people import SYSTEM, make_token, make_user
from tests.plugins import process_memory
from tests.wsgi_client import WsgiClient, bearer

pytestmark = [pytest.mark.database, pytest.mark.django_db]
FAULT = DirectoryFault("connect", "Nobody is there.")


@pytest.fixture
def corp(db: None) -> Directory:
    return silent_directory()


@pytest.fixture
def alice(corp: Directory) -> User:
    user = make_user("alice")
    User.objects.filter(pk=user.pk).update(directory=corp, directory_key="a")
    return User.objects.get(pk=user.pk)


def switch(corp: Directory, *, enabled: bool) -> None:
    settings.change(actor=SYSTEM, directory=corp, enabled=enabled)
    process_memory.forget()


def passed(hours: float) -> None:
    """As if that much time were over since it went."""
    row = Directory.objects.get()
    assert row.failing_since is not None
    Directory.objects.update(failing_since=row.failing_since - timedelta(hours=hours))
    process_memory.forget()


@pytest.mark.parametrize("was_away", [False, True])
def test_its_people_go_on_for_the_grace_whatever_it_was_like(
    corp: Directory, alice: User, machine: WsgiClient, settings: Any, was_away: bool
) -> None:
    settings.TPI_DIRECTORY_GRACE_HOURS = 10
    client = machine.signed(bearer(make_token(alice)[1]))
    if was_away:
        standing.note_fault(corp, FAULT)
    switch(corp, enabled=False)
    passed(9)
    assert client.get("/api/v1/users/").status == 200
    passed(2)
    assert client.get("/api/v1/users/").code == "directory-lapsed"
    switch(corp, enabled=True)
    assert client.get("/api/v1/users/").status == 200


def test_who_has_lapsed_does_not_begin_again(corp: Directory) -> None:
    long_ago = timezone.now() - timedelta(days=30)
    Directory.objects.update(failing_since=long_ago)
    switch(corp, enabled=False)
    assert Directory.objects.get().failing_since == long_ago


def test_nothing_rings_and_nothing_fails_while_it_is_off(corp: Directory, machine: WsgiClient) -> None:
    standing.note_fault(corp, FAULT)
    alarms.ring("directory-sync-paused", "Too many.", subject="corp")
    Directory.objects.update(paused_at=timezone.now())
    switch(corp, enabled=False)
    assert not Alarm.objects.filter(ended_at=None).exists()
    assert (standing.states(), standing.figures()) == ({}, {})
    assert corp.paused_at is None
    before = Directory.objects.values().get()
    standing.note_fault(corp, FAULT)  # of a sign-in that was under way
    standing.note_answer(Directory.objects.get())
    assert Directory.objects.values().get() == before
    assert not Alarm.objects.filter(ended_at=None).exists()


def test_remembered_passwords_are_forgotten_and_rights_are_read_again(corp: Directory, alice: User) -> None:
    VerifiedPassword.objects.create(key="k", user=alice, stored="s", until=timezone.now() + timedelta(hours=1))
    for enabled in (False, True):
        before = Generation.objects.filter(name="access").values_list("value", flat=True).first()
        switch(corp, enabled=enabled)
        assert Generation.objects.get(name="access").value != before
    assert not VerifiedPassword.objects.exists()


def upgrade() -> None:
    import_module("accounts.migrations.0011_switched_off_directories").forwards(apps, None)


def test_people_of_a_directory_that_is_off_before_the_upgrade_end_after_the_grace(
    corp: Directory, alice: User, machine: WsgiClient, settings: Any
) -> None:
    settings.TPI_DIRECTORY_GRACE_HOURS = 10
    Directory.objects.update(enabled=False)
    generations.bump_access()
    client = machine.signed(bearer(make_token(alice)[1]))
    assert client.get("/api/v1/users/").status == 200
    upgrade()
    assert client.get("/api/v1/users/").status == 200
    passed(11)
    assert client.get("/api/v1/users/").code == "directory-lapsed"


@pytest.mark.parametrize("enabled", [False, True])
def test_the_upgrade_leaves_directories_in_use_and_those_that_were_away_before(corp: Directory, enabled: bool) -> None:
    Directory.objects.update(enabled=enabled, failing_since=None if enabled else timezone.now(), failure="Away.")
    before = Directory.objects.values().get()
    upgrade()
    assert Directory.objects.values().get() == before
