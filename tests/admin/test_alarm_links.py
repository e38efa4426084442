"""An alarm's page leads to what it is about."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from accounts.domain.instance_roles import InstanceRole
from accounts.models import AuditSink, DirectorySync, GroupMapping, User
from accounts.services import alarms
from tests.admin.conftest import SignIn
from tests.admin.screens import address
from tests.factories.directories import silent_directory
from tests.factories.people import make_token, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(administrator: User, sign_in: SignIn) -> Client:
    return sign_in(administrator)


def _sync(state: str) -> Callable[[], tuple[str, Model]]:
    def make() -> tuple[str, Model]:
        corp = silent_directory()
        for dry_run in (False, True):
            row = DirectorySync.objects.create(directory=corp, state=state, moved_at=timezone.now(), dry_run=dry_run)
        return "corp", DirectorySync.objects.exclude(pk=row.pk).get()

    return make


def _sink() -> tuple[str, Model]:
    return "siem", AuditSink.objects.create(name="siem", kind="file", address="siem.jsonl")


def _token() -> tuple[str, Model]:
    token, _ = make_token(make_user())
    return token.key_id, token


ABOUT: dict[str, Callable[[], tuple[str, Model]]] = {
    "directory-away": lambda: ("corp", silent_directory()),
    "directory-sync-paused": _sync("paused"),
    "directory-sync-broken": _sync("failed"),
    "directory-name-taken": lambda: ("corp ann", make_user("ann")),
    "directory-name-ambiguous": lambda: ("corp ann", silent_directory()),
    "audit-sink-failing": _sink,
    "token-leaked": _token,
    "codes-guessed": lambda: ("ann", make_user("ann")),
    "break-glass-used": lambda: ("ann", make_user("ann")),
}


@pytest.mark.parametrize("code", ABOUT)
def test_it_leads_to_what_it_is_about(root: Client, code: str) -> None:
    subject, row = ABOUT[code]()
    page = root.get(address(alarms.ring(code, "Something is wrong.", subject=subject))).content.decode()
    assert f'href="{address(row)}"' in page


def test_missing_groups_lead_to_the_mapped_ones(root: Client) -> None:
    silent_directory()
    page = root.get(address(alarms.ring("directory-group-missing", "One is missing.", subject="corp"))).content.decode()
    assert f'href="{address(GroupMapping, "changelist")}?directory=corp"' in page


@pytest.mark.parametrize("code", [*ABOUT, "directory-group-missing", "something-else"])
def test_what_is_gone_is_no_link_and_no_error(root: Client, code: str) -> None:
    assert root.get(address(alarms.ring(code, "Something is wrong.", subject="gone"))).status_code == 200


@pytest.mark.parametrize(("code", "is_shown"), [("directory-away", True), ("break-glass-used", False)])
def test_an_operator_is_led_where_they_may_go(sign_in: SignIn, code: str, is_shown: bool) -> None:
    person = make_user("operator")
    User.objects.filter(pk=person.pk).update(instance_roles=InstanceRole.OPERATOR.bit)
    subject, row = ABOUT[code]()
    page = sign_in(User.objects.get(pk=person.pk)).get(address(alarms.ring(code, "Wrong.", subject=subject)))
    assert (f'href="{address(row)}"' in page.content.decode()) is is_shown
    assert not is_shown or sign_in(User.objects.get(pk=person.pk)).get(address(row)).status_code == 200
