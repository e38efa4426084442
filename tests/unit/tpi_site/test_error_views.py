from __future__ import annotations

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.test import Client, RequestFactory

from tests.factories.cast import Cast
from tests.wsgi_client import WsgiClient
from tpi_site import error_views

BROWSER = "text/html,application/xhtml+xml"


def test_an_unknown_address_is_a_problem_document_for_programs(plain_django: WsgiClient) -> None:
    answer = plain_django.get("/legacy/nowhere/at-all")
    assert (answer.status, answer.code) == (404, "not-found")


def test_an_unknown_address_is_a_page_for_browsers(plain_django: WsgiClient) -> None:
    answer = plain_django.get("/nowhere/at/all", Accept=BROWSER)
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(("accept", "kind"), [("*/*", "application/problem+json"), (BROWSER, "text/html")])
def test_a_fault_tells_nothing_of_the_inside(accept: str, kind: str) -> None:
    response = error_views.server_error(RequestFactory().get("/somewhere", headers={"accept": accept}))
    assert response.status_code == 500
    assert response.headers["Content-Type"].startswith(kind)
    assert b"Traceback" not in response.content


def test_what_django_refuses_is_a_problem_document() -> None:
    request = RequestFactory().get("/api/v1/", headers={"accept": BROWSER})
    response = error_views.bad_request(request, SuspiciousOperation("no"))
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "accept", "kind"),
    [("/account/tokens/", BROWSER, "text/html"), ("/api/v1/users/", "*/*", "application/problem+json")],
)
def test_a_database_that_is_away_while_the_session_is_read_is_no_fault(
    *, cast: Cast, monkeypatch: pytest.MonkeyPatch, path: str, accept: str, kind: str
) -> None:
    def fail(_: object) -> None:
        raise OperationalError("gone")

    client = Client(raise_request_exception=False)
    client.force_login(cast.reader)
    monkeypatch.setattr(SessionStore, "load", fail)
    response = client.get(path, headers={"accept": accept})
    assert (response.status_code, response.headers["Content-Type"].partition(";")[0]) == (503, kind)
    assert b"database cannot be reached" in response.content
