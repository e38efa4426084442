from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import tasks
from accounts.models import AuditEntry, ReadOnlyPeriod
from accounts.services import read_only as switch
from accounts.services import teams
from indexapp import tasks as index_tasks
from tests import evidence
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import PASSWORD, SYSTEM, make_user
from tests.factories.publishing import published, upload
from tests.wsgi_client import WsgiClient
from tpi_site.kit import read_only

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def signed(cast: Cast, machine: WsgiClient) -> dict[str, WsgiClient]:
    """Clients with tokens that were made before."""
    return {role: machine.signed(cast.bearer(role)) for role in ("administrator", "reader")}


@pytest.fixture
def on(cast: Cast, signed: dict[str, WsgiClient]) -> ReadOnlyPeriod:
    """The mode is on, and this process knows it."""
    published(cast.index)
    row = switch.turn_on(actor=cast.actor("operator"), reason="The database moves.")
    read_only.remember(switch.ask(), float("inf"))
    return row


def test_changes_are_refused_by_services_and_leave_nothing(cast: Cast, on: ReadOnlyPeriod) -> None:
    with evidence.refused("read-only"):
        teams.create(actor=cast.actor("administrator"), name="new")
    uploader = cast.actor("uploader")
    with evidence.refused("read-only"):
        upload(cast.index, build_wheel("acme-tool", "2.0"), actor=uploader)


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("POST", "/legacy/"),
        ("POST", "/api/v1/teams/"),
        ("DELETE", "/api/v1/indexes/main/projects/acme-tool/"),
    ],
)
def test_every_way_in_refuses_in_the_same_words(
    on: ReadOnlyPeriod, signed: dict[str, WsgiClient], method: str, address: str
) -> None:
    before = evidence.publishing()
    answer = signed["administrator"].request(method, address, body=b"{}")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
    problem = json.loads(answer.body)
    assert problem["code"] == "read-only"
    assert "The database moves" in problem["detail"]
    assert evidence.publishing() == before


@pytest.mark.parametrize("address", ["/admin/accounts/team/add/", "/account/tokens/new/"])
def test_forms_are_refused_by_a_page(cast: Cast, on: ReadOnlyPeriod, address: str) -> None:
    browser = Client()
    browser.force_login(cast.user("administrator"))
    answer = browser.post(address, {"name": "new"}, headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert b"nothing can be changed; try again later." in answer.content


def test_packages_are_read_and_people_sign_in_and_every_page_says_it(
    on: ReadOnlyPeriod, signed: dict[str, WsgiClient]
) -> None:
    page = signed["reader"].request(
        "GET", "/simple/acme-tool/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    assert page.status == 200
    make_user("nina")
    browser = Client()
    answer = browser.post("/account/sign-in/", {"username": "nina", "password": PASSWORD})
    assert answer.status_code == 302
    for address in ("/account/profile/", "/"):
        shown = browser.get(address, headers={"accept": "text/html"})
        assert b"Read-only mode: nothing can be changed at the moment. The database moves." in shown.content
    assert browser.post("/account/sign-out/").status_code == 302


def test_who_may_switches_it_in_the_console_and_by_the_api(cast: Cast, machine: WsgiClient) -> None:
    operator = machine.signed(cast.bearer("operator"))
    body = json.dumps({"reason": "A move."}).encode()
    put = operator.request("PUT", "/api/v1/read-only/", headers={"Content-Type": "application/json"}, body=body)
    assert (put.status, json.loads(put.body)["is_on"]) == (200, True)
    browser = Client()
    browser.force_login(cast.user("operator"))
    row = ReadOnlyPeriod.objects.get(ended_at=None)
    read_only.remember(switch.ask(), float("inf"))
    assert browser.post(f"/admin/accounts/readonlyperiod/{row.pk}/do/end/", {"confirmed": "yes"}).status_code == 302
    assert switch.present() is None
    assert operator.request("DELETE", "/api/v1/read-only/").status == 409
    assert browser.post("/admin/accounts/readonlyperiod/add/", {"reason": "Again."}).status_code == 302
    assert switch.ask() == "Again."
    assert operator.request("DELETE", "/api/v1/read-only/").status == 204
    assert operator.request("GET", "/api/v1/read-only/").status == 200
    assert ReadOnlyPeriod.objects.filter(ended_by="operator").count() == 2


def test_jobs_that_change_something_pause_and_evidence_goes_on(cast: Cast, on: ReadOnlyPeriod) -> None:
    paused = (tasks.purge_tokens, tasks.sync_directories, tasks.clear_sessions, index_tasks.sweep_blobs)
    assert {job() for job in paused} == {"Paused: the installation is in read-only mode."}
    tasks.chain_audit()
    tasks.deliver_audit()


def test_the_command_switches_and_tells(cast: Cast) -> None:
    def told(*words: str) -> str:
        said = StringIO()
        call_command("read_only", *words, stdout=said)
        return said.getvalue().strip()

    assert told("status") == "Read-only mode is off."
    assert told("on", "--reason", "A move.") == "Read-only mode: nothing can be changed at the moment. A move."
    assert told("on", "--reason", "A longer move.").endswith("A longer move.")
    assert told("off") == "Read-only mode is off."
    with pytest.raises(CommandError, match="not in read-only mode"):
        told("off")
    assert ReadOnlyPeriod.objects.count() == 1
    actions = AuditEntry.objects.filter(action__startswith="read-only").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["read-only.on", "read-only.on", "read-only.off"]


def test_the_setting_holds_whatever_the_switch_says(settings: Any, cast: Cast) -> None:
    settings.TPI_READ_ONLY = True
    with evidence.refused("read-only"):
        teams.create(actor=SYSTEM, name="new")
    with evidence.refused("read-only-by-setting"):
        switch.turn_off(actor=cast.actor("administrator"))


def test_another_process_knows_it_within_a_second_and_asks_no_more_often(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    read_only.remember(None, 0.0)
    switch.turn_on(actor=cast.actor("administrator"))
    with django_assert_num_queries(3):  # the switch, whose replica this is, and whether another took over
        assert {read_only.why() for _ in range(50)} == {""}
