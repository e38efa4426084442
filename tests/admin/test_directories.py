"""Directories in the console: how they are, what is done to them, and who may."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import tasks
from accounts.domain.instance_roles import InstanceRole
from accounts.domain.verbs import Verb
from accounts.models import Directory, DirectorySync, GroupMapping, Token, User
from accounts.services import alarms
from tests.admin.conftest import SignIn
from tests.admin.screens import DIRECTORY, address, asked, buttons, do, errors, refusal
from tests.factories.directories import map_group, openldap, silent_directory
from tests.factories.people import make_team, make_token, make_user

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = pytest.mark.django_db


def test_one_from_the_environment_is_only_shown(root: Client) -> None:
    row = silent_directory(origin="environment")
    page = root.get(address(row)).content.decode()
    assert 'name="hosts"' not in page
    assert "TPI_LDAP_" in page
    assert buttons(root, row) == {"plan", "sync"}
    root.post(address(row), DIRECTORY | {"title": "seized"})
    assert "TPI_LDAP_" in refusal(do(root, row, "delete", typed="corp"))
    assert "TPI_LDAP_" in refusal(do(root, row, "disable"))
    assert Directory.objects.get().title == ""


def test_the_list_says_how_each_is(root: Client) -> None:
    now = timezone.now()
    silent_directory("quiet")
    for name, values in {
        "well": {"last_ok_at": now},
        "away": {"failing_since": now, "failure": "connect: Nobody is there."},
        "paused": {"last_ok_at": now, "paused_at": now},
        "off": {"enabled": False},
    }.items():
        Directory.objects.filter(pk=silent_directory(name).pk).update(**values)
    page = root.get(address(Directory, "changelist")).content.decode()

    for word in ("not asked yet", "answering", "failing since", "sync paused", ">off<"):
        assert word in page
    assert "Nobody is there" in root.get(address(Directory.objects.get(name="away"))).content.decode()


def test_the_list_costs_the_same_for_one_and_for_many(root: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            root.get(address(Directory, "changelist"))
        return len(captured)

    def grow(name: str) -> None:
        DirectorySync.objects.create(directory=silent_directory(name), state="done", moved_at=timezone.now())

    grow("first")
    few = cost()
    for number in range(10):
        grow(f"more-{number}")
    assert cost() == few


def test_it_is_disabled_enabled_and_deleted_with_its_people(root: Client) -> None:
    row = silent_directory()
    person = make_user("ann")
    User.objects.filter(pk=person.pk).update(directory=row, directory_key="1")
    token, _ = make_token(person, [Verb.READ])
    do(root, row, "disable")
    assert not Directory.objects.get().enabled
    do(root, row, "enable")
    assert Directory.objects.get().enabled

    assert "not the name" in errors(do(root, row, "delete", typed="other"))
    do(root, row, "delete", typed="corp")
    assert "being removed: 0 of 1 people" in root.get(address(Directory, "changelist")).content.decode()
    assert buttons(root, row) == set()
    assert 'name="hosts"' not in root.get(address(row)).content.decode()
    assert "being removed" in root.get("/admin/").content.decode()
    tasks.remove_directories()
    person.refresh_from_db()
    assert not Directory.objects.exists()
    assert not person.is_active
    assert Token.objects.get(pk=token.pk).revoked_at is not None


def test_an_auditor_looks_and_does_not_test(sign_in: SignIn) -> None:
    person, row = make_user("auditor"), silent_directory()
    User.objects.filter(pk=person.pk).update(instance_roles=InstanceRole.AUDITOR.bit)
    auditor = sign_in(User.objects.get(pk=person.pk))
    answer = auditor.get(address(row))
    assert answer.status_code == 200
    assert answer.context["tools"] == []
    assert auditor.get(address(row, "test")).status_code == 403
    assert auditor.post(address(row, "test"), {"username": "alice"}).status_code == 403


def test_an_operator_looks_tests_and_syncs_and_does_not_configure(
    operator: Client, slapd: Slapd, django_capture_on_commit_callbacks: Any
) -> None:
    row = openldap(slapd)
    page = operator.get(address(row)).content.decode()
    assert 'name="hosts"' not in page
    assert "kept encrypted" in page
    assert buttons(operator, row) == {"plan", "sync"}
    assert operator.get(address(Directory, "add")).status_code == 403
    assert operator.post(address(row), DIRECTORY | {"title": "seized"}).status_code == 403
    assert do(operator, row, "delete", typed="corp").status_code == 404
    assert operator.post(address(row, "test"), {"username": "alice"}).content.decode().count("badge-good") == 5
    assert asked(operator, row, "sync", django_capture_on_commit_callbacks)
    assert operator.get(address(GroupMapping, "add")).status_code == 403
    assert Directory.objects.get().title == ""


def test_the_landing_page_shows_directories_to_who_runs_the_installation(
    root: Client, operator: Client, sign_in: SignIn
) -> None:
    empty = {card.title: card for card in root.get("/admin/").context["cards"]}["Directories"]
    assert empty.link_label == "Add a directory"
    row = silent_directory()
    DirectorySync.objects.create(directory=row, state="failed", moved_at=timezone.now())
    for browser in (root, operator):
        [line] = {card.title: card for card in browser.get("/admin/").context["cards"]}["Directories"].lines
        assert (line.mark, line.note) == ("not asked yet", "last sync failed")
    admin = make_user()
    make_team("mine", admins=[admin])
    titles = {card.title for card in sign_in(admin).get("/admin/").context["cards"]}
    assert not titles & {"Directories", "Alarms"}


def test_every_page_is_strict_and_labelled(root: Client, slapd: Slapd) -> None:
    row = openldap(slapd)
    mapping = map_group(row, slapd.group_dn("devs"), make_team("devs"))
    sync = DirectorySync.objects.create(
        directory=row, state="done", moved_at=timezone.now(), differences=[{"person": "alice", "did": ["made"]}]
    )
    rows = [row, mapping, sync, alarms.ring("one", "The first.")]
    pages = [address(Directory, "add"), address(GroupMapping, "add"), address(row, "test")]
    pages += [address(found) for found in rows] + [address(type(found), "changelist") for found in rows]
    pages += [address(row, "do", action) for action in ("plan", "sync", "disable", "delete", "accept-removals")]
    for url in pages:
        if "accept-removals" in url:
            Directory.objects.update(paused_at=timezone.now())  # else nobody is asked
        answer = root.get(url)
        page = answer.content.decode()
        assert answer.status_code == 200, url
        assert page.count("<h1") == 1, url
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle\s*=", page), url
        labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
        for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
            if 'type="hidden"' not in field and "aria-label=" not in field and 'type="checkbox"' not in field:
                found = re.search(r'\bid="([^"]+)"', field)
                assert found, (url, field)
                assert found[1] in labelled, (url, field)
