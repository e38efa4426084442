"""The examination of the installation, in the console and by REST."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.api.rest import Rest
from tests.factories.cast import Cast
from tests.wsgi_client import WsgiClient

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_operator_examines_the_installation(operator: Client) -> None:
    page = operator.get("/admin/doctor/").content.decode()
    assert "Examine" in page
    assert "Something fails" not in page
    found = operator.post("/admin/doctor/").content.decode()
    assert "Something fails" in found, "there is no job cluster here"
    assert "No job has ended" in found
    assert "An object was put" in found
    assert '<a href="/admin/doctor/">Examine everything</a>' in operator.get("/admin/").content.decode()


def test_an_auditor_does_not(cast: Cast) -> None:
    browser = Client()
    browser.force_login(cast.user("auditor"))
    assert browser.post("/admin/doctor/").status_code == 403
    assert "/admin/doctor/" not in browser.get("/admin/").content.decode()


def test_programs_read_the_same(machine: WsgiClient, cast: Cast) -> None:
    answer = Rest(machine.signed(cast.bearer("operator"))).post("doctor/", {})
    assert answer.status == 200
    states = {check["name"]: check["state"] for check in answer.json["checks"]}
    assert (states["queue"], states["storage"], answer.json["healthy"]) == ("failing", "good", False)
