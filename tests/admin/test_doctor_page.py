"""The examination of the installation, in the console and by REST."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.test import Client

from accounts.models import AuditEntry
from tests.api.rest import Rest
from tests.factories.browsers import grow_stale
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


def test_programs_make_a_bundle_by_the_same_rules(machine: WsgiClient, cast: Cast) -> None:
    operator, administrator = (Rest(machine.signed(cast.bearer(role))) for role in ("operator", "administrator"))
    answer = operator.post("support-bundle/", {})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    assert "no-store" in answer.headers["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(answer.body)) as bundle:
        assert {"doctor.json", "REDACTIONS.json", "log.txt"} <= set(bundle.namelist())
        assert "pseudonyms" in bundle.read("README.txt").decode()
    refused = operator.post("support-bundle/", {"with_names": True})
    assert (refused.status, refused.code) == (403, "administrator-needed")
    assert operator.post("support-bundle/", {"names": True}).status == 400
    named = administrator.post("support-bundle/", {"with_names": True})
    with zipfile.ZipFile(io.BytesIO(named.body)) as bundle:
        assert "pseudonyms" not in bundle.read("README.txt").decode()
    made = AuditEntry.objects.filter(action="support-bundle.make", outcome="done").order_by("pk")
    told = [(entry.actor_name, entry.object_name) for entry in made]
    assert told == [("operator", "without names"), ("administrator", "with names")]


def test_an_operator_downloads_a_bundle_after_a_fresh_proof(operator: Client) -> None:
    assert "Download" in operator.get("/admin/support-bundle/").content.decode()
    answer = operator.post("/admin/support-bundle/")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tpi-support-bundle.zip"'
    assert "no-store" in answer.headers["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as bundle:
        assert {"doctor.json", "REDACTIONS.json", "log.txt"} <= set(bundle.namelist())
    [entry] = AuditEntry.objects.filter(action="support-bundle.make")
    assert (entry.actor_name, entry.object_name) == ("operator", "without names")
    grow_stale()
    for answer in (operator.get("/admin/support-bundle/"), operator.post("/admin/support-bundle/")):
        assert answer.headers["Location"].startswith("/account/confirm/?next=%2Fadmin%2Fsupport-bundle%2F")
    assert AuditEntry.objects.filter(action="support-bundle.make").count() == 1
