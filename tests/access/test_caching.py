"""No answer to somebody who has said who they are may lie in a cache that others are served from (RFC 9111, 3.5)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.access import matrix
from tests.access.asking import address_of
from tests.factories.cast import Cast
from tests.wsgi_client import WsgiClient

pytestmark = pytest.mark.django_db


def _is_kept_private(headers: Any) -> bool:
    words = {word.strip().partition("=")[0] for word in (headers.get("Cache-Control") or "").split(",")}
    return bool(words & {"private", "no-store"}) and "public" not in words


@pytest.mark.parametrize("role", ["administrator", "outsider"])
@pytest.mark.parametrize("route", sorted(set(matrix.MACHINE)))
def test_what_a_program_with_credentials_gets_is_its_own(
    route: str, role: str, machine: WsgiClient, cast: Cast, scene: dict[str, Any]
) -> None:
    row = matrix.MACHINE[route]
    address = address_of(route, row.kwargs, scene) + row.suffix
    client = machine.signed(cast.bearer(role))
    for method in ("GET", "HEAD"):
        answer = client.request(method, address)
        if answer.status == 301:  # to the normal spelling of the address, before anybody is asked for
            continue
        assert _is_kept_private(answer.headers), (method, address, answer.status, answer.headers.get("Cache-Control"))


@pytest.mark.parametrize("route", sorted(set(matrix.PAGES) - {"account:theme"}))
def test_what_a_person_who_has_signed_in_sees_is_their_own(route: str, cast: Cast, scene: dict[str, Any]) -> None:
    wanted = {
        "browse:default-project": ("project",),
        "browse:index": ("index",),
        "browse:project": ("index", "project"),
        "browse:release": ("index", "project", "version"),
    }.get(route, ())
    browser = Client()
    browser.force_login(cast.user("administrator"))
    answer = browser.get(reverse(route, kwargs={key: matrix.PAGE_KWARGS[key] for key in wanted}))
    assert _is_kept_private(answer.headers), (route, answer.status_code, answer.headers.get("Cache-Control"))


@pytest.mark.parametrize("screen", sorted(matrix.CONSOLE))
def test_the_console_is_kept_by_no_cache(screen: str, cast: Cast, scene: dict[str, Any]) -> None:
    browser = Client()
    browser.force_login(cast.user("administrator"))
    answer = browser.get(reverse(f"admin:{screen}_changelist"))
    assert _is_kept_private(answer.headers), (screen, answer.status_code, answer.headers.get("Cache-Control"))
