"""Addresses for programs and pages for people, by the rows of the matrix: who is let through, and who is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from indexapp.models import Project
from tests.access import matrix
from tests.access.asking import address_of, is_turned_away
from tests.factories.cast import Cast
from tests.plugins import process_memory
from tests.wsgi_client import WsgiClient

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def _ask(machine: WsgiClient, method: str, address: str, body: Any) -> int:
    """The status of the request, whose effects are undone."""
    with transaction.atomic():
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        answer = machine.request(method, address, headers=headers, body=content)
        transaction.set_rollback(True)
    process_memory.forget()
    return answer.status


@pytest.mark.parametrize("route", sorted(matrix.MACHINE))
def test_machine_address_lets_through_whom_its_row_names(
    route: str, machine: WsgiClient, cast: Cast, scene: dict[str, Any]
) -> None:
    row = matrix.MACHINE[route]
    address = address_of(route, row.kwargs, scene) + row.suffix
    wrong = []
    for role in sorted(matrix.EVERYBODY):
        client = machine.signed(cast.basic(role) if row.by_password else cast.bearer(role))
        for method, (who, body) in row.methods.items():
            status = _ask(client, method, address, body)
            if not _is_right(status, role in who, role, row, method):
                wrong.append(f"{method} {address} by {role}: {status}")
    assert wrong == []


def _is_right(status: int, may: bool, role: str, row: matrix.Row, method: str) -> bool:
    if may:
        return 200 <= status < 400 or status == row.answers.get(method)
    return status == 401 if role == "anonymous" else status in {403, row.denied}


def test_no_row_takes_a_refusal_for_a_welcome() -> None:
    answers = [(row.denied, status) for row in matrix.MACHINE.values() for status in row.answers.values()]
    assert [pair for pair in answers if pair[1] not in {400, 404, 409, 422} or pair[0] == pair[1]] == []


@pytest.mark.parametrize("route", sorted(matrix.MACHINE))
def test_machine_address_takes_no_other_method(
    route: str, machine: WsgiClient, cast: Cast, scene: dict[str, Any]
) -> None:
    row = matrix.MACHINE[route]
    address = address_of(route, row.kwargs, scene) + row.suffix
    client = machine.signed(cast.bearer("administrator"))
    allowed = {*row.methods, *({"HEAD"} if "GET" in row.methods else set())}
    statuses = {method: _ask(client, method, address, {}) for method in METHODS if method not in allowed}
    expected = 404 if not row.methods else 405
    assert statuses == dict.fromkeys(statuses, expected)


def _browse(role: str, cast: Cast, address: str) -> tuple[int, str]:
    browser = Client()
    if role != "anonymous":
        browser.force_login(cast.user(role))
    answer = browser.get(address, headers={"accept": "text/html"})
    return answer.status_code, answer.headers.get("Location", "")


def _sees(status: int, location: str) -> bool:
    return status == 200 or (status in (301, 302) and "/sign-in/" not in location and "/login/" not in location)


@pytest.mark.parametrize("route", sorted(matrix.PAGES))
def test_page_opens_for_whom_its_row_names(route: str, cast: Cast, scene: dict[str, Any]) -> None:
    wanted = {
        "browse:default-project": ("project",),
        "browse:index": ("index",),
        "browse:project": ("index", "project"),
        "browse:release": ("index", "project", "version"),
    }.get(route, ())
    address = reverse(route, kwargs={key: matrix.PAGE_KWARGS[key] for key in wanted})
    wrong = []
    for role in sorted(matrix.EVERYBODY):
        status, location = _browse(role, cast, address)
        may = role in matrix.PAGES[route]
        if route == "account:theme":
            may = status == 405 or _sees(status, location)  # it only takes a choice, from everybody
            if may:
                continue
        if not (_sees(status, location) if may else is_turned_away(role, status, location)):
            wrong.append(f"{address} by {role}: {status} {location}")
    assert wrong == []


def test_the_scene_is_what_the_rows_speak_of(cast: Cast, scene: dict[str, Any]) -> None:
    assert Project.objects.filter(index=cast.index, normalized_name="acme-tool").exists()
