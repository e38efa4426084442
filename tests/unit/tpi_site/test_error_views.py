from __future__ import annotations

import pytest
from django.core.exceptions import SuspiciousOperation
from django.test import RequestFactory

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
