"""Syncs and plans: asked for as jobs, and read as reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import tasks
from accounts.models import Directory, DirectorySync, Membership, User
from tests.admin.screens import address, asked, buttons, do, errors, refusal
from tests.factories.directories import map_group, openldap, silent_directory
from tests.factories.people import make_team

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = pytest.mark.django_db


def test_a_plan_and_a_sync_are_jobs_and_their_reports_are_read(
    root: Client, slapd: Slapd, django_capture_on_commit_callbacks: Any
) -> None:
    row, team = openldap(slapd), make_team("devs")
    map_group(row, slapd.group_dn("devs"), team)
    arguments = asked(root, row, "plan", django_capture_on_commit_callbacks)
    tasks.sync_directory(*arguments)
    plan = DirectorySync.objects.get()
    assert plan.dry_run
    assert plan.added > 0
    assert not Membership.objects.exists()
    page = root.get(address(plan)).content.decode()
    assert "What would be done" in page
    assert '<th scope="row" class="wrap-anywhere">alice</th>' in page

    arguments = asked(root, row, "sync", django_capture_on_commit_callbacks)
    sentence = tasks.sync_directory(*arguments)
    assert f"{plan.added} accounts made" in sentence
    assert Membership.objects.filter(team=team, user__username="alice").exists()


def test_removals_are_accepted_by_the_name(root: Client, slapd: Slapd, django_capture_on_commit_callbacks: Any) -> None:
    row = openldap(slapd)
    assert "accept-removals" not in buttons(root, row)
    Directory.objects.update(paused_at=timezone.now())
    assert buttons(root, row) == {"plan", "accept-removals", "disable", "delete"}
    assert "is paused" in refusal(do(root, row, "sync"))
    assert "not the name" in errors(do(root, row, "accept-removals", typed="crop"))
    arguments = asked(root, row, "accept-removals", django_capture_on_commit_callbacks, typed="corp")
    tasks.sync_directory(*arguments)
    assert Directory.objects.get().paused_at is None


def test_a_job_of_somebody_who_lost_the_right_does_nothing(root: Client, administrator: User, slapd: Slapd) -> None:
    row = openldap(slapd)
    User.objects.filter(pk=administrator.pk).update(is_superuser=False)
    assert "Only an operator" in tasks.sync_directory(row.pk, False, False, administrator.pk)
    User.objects.filter(pk=administrator.pk).update(is_active=False, is_superuser=True)
    assert "not there any more" in tasks.sync_directory(row.pk, False, False, administrator.pk)
    assert "not there any more" in tasks.sync_directory(987654)
    assert not DirectorySync.objects.exists()


def test_a_sync_is_only_read(root: Client) -> None:
    evil = "<script>alert(1)</script>"
    sync = DirectorySync.objects.create(
        directory=silent_directory(),
        state="paused",
        moved_at=timezone.now(),
        ended_at=timezone.now(),
        sentence=evil,
        differences=[{"person": evil, "did": [evil]}, "not a difference"],
    )
    page = root.get(address(sync)).content.decode()
    assert "<script>alert" not in page
    assert "<caption>" in page
    assert root.get(address(DirectorySync, "add")).status_code == 403
    assert root.get(address(DirectorySync, "changelist") + "?kind=plan").context["cl"].result_list == []
