"""What a browser sends at the wish of another site changes nothing, whatever credentials the browser adds."""

from __future__ import annotations

from typing import Any

import pytest

from indexapp.models import Project
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import multipart, published
from tests.wsgi_client import WsgiClient

pytestmark = pytest.mark.django_db

FOREIGN: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://tpi.example"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://[evil"},
]
OWN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://tpi.example"},
    {"Origin": "https://packages.tpi.example"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_foreign_page_neither_uploads_nor_calls_the_rest_api(
    cast: Cast, machine: WsgiClient, headers: dict[str, str]
) -> None:
    project = published(cast.index).project
    browser = machine.signed(cast.basic("administrator") | headers)
    body, content_type = multipart(build_wheel("evil"))
    answers = [
        browser.post("/legacy/", body, Content_Type=content_type),
        browser.post(f"/api/v1/indexes/main/projects/{project.normalized_name}/quarantine/", b""),
    ]
    assert [(answer.status, answer.code) for answer in answers] == [(403, "cross-site")] * 2
    assert list(Project.objects.values_list("name", "status")) == [("acme-tool", "active")]
    assert browser.get("/simple/acme-tool/").status == 200


@pytest.mark.parametrize("headers", OWN)
def test_programs_and_our_own_pages_pass(
    cast: Cast, machine: WsgiClient, headers: dict[str, str], settings: Any
) -> None:
    settings.TPI_URL = "https://packages.tpi.example"
    body, content_type = multipart(build_wheel("good"))
    own = machine.signed(cast.basic("administrator") | headers)
    assert own.post("/legacy/", body, Content_Type=content_type).status == 200
