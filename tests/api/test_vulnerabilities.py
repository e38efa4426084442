"""Advisories, imports and what is exposed, by REST, in the JSON API, and on pages."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from indexapp.models import Index
from tests.api.conftest import AsPerson
from tests.api.rest import refused
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import make_project, make_release, published
from tests.factories.vulnerabilities import affected, make_advisory, osv_record, take_in
from tests.wsgi_client import WsgiClient

EXPOSED = "vulnerabilities/exposed/"


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.TPI_DATA_DIR = tmp_path


def test_advisories_by_id_project_and_standing(rest: AsPerson, main: Index) -> None:
    make_advisory()
    make_advisory("PYSEC-2026-2", affected("other"), withdrawn="2026-02-01T00:00:00Z", severity=None)
    reader = rest("outsider")
    first, second = reader.rows("vulnerabilities/")
    assert (first["id"], first["severity"], first["score"], first["projects"]) == (
        "PYSEC-2026-1",
        "critical",
        9.8,
        ["acme-tool"],
    )
    assert (second["id"], second["severity"], second["score"]) == ("PYSEC-2026-2", "unknown", None)
    assert [row["id"] for row in reader.rows("vulnerabilities/?project=Acme_Tool")] == ["PYSEC-2026-1"]
    assert [row["id"] for row in reader.rows("vulnerabilities/?withdrawn=true")] == ["PYSEC-2026-2"]
    assert [row["id"] for row in reader.rows("vulnerabilities/?page_size=1")] == ["PYSEC-2026-1", "PYSEC-2026-2"]
    assert reader.get("vulnerabilities/PYSEC-2026-1/").json == first
    refused(reader.get("vulnerabilities/PYSEC-2026-3/"), 404, "advisory-unknown")


def test_imports_for_who_runs_the_installation(rest: AsPerson, main: Index, tmp_path: Path) -> None:
    take_in(tmp_path, [osv_record()])
    (row,) = rest("operator").rows("vulnerabilities/imports/")
    assert (row["state"], row["added"], row["records"]) == ("done", 1, 1)
    take_in(tmp_path, [osv_record(), b"[]"])
    row = rest("operator").rows("vulnerabilities/imports/")[0]
    assert (row["refused"], [one["name"] for one in row["unusable"]]) == (1, ["broken-1"])
    refused(rest("reader").get("vulnerabilities/imports/"), 403, "operator-needed")


def test_what_is_exposed(rest: AsPerson, main: Index) -> None:
    published(main, build_wheel("acme-tool", "1.0"))
    published(main, build_wheel("acme-tool", "2.0"))
    make_advisory()
    (row,) = rest("reader").rows(EXPOSED)
    assert (row["index"], row["name"], row["version"], row["severity"]) == ("main", "acme-tool", "1.0", "critical")
    assert [(one["id"], one["fixed_in"]) for one in row["advisories"]] == [("PYSEC-2026-1", ["2.0"])]
    assert rest("outsider").rows(EXPOSED) == []
    assert rest("reader").rows(f"{EXPOSED}?index=other") == []
    assert len(rest("reader").rows(f"{EXPOSED}?project=Acme.Tool&index=main&severity=high")) == 1
    refused(rest("reader").get(f"{EXPOSED}?severity=dire"), 400)
    refused(rest("reader").get(f"{EXPOSED}?sevirity=high"), 400, "parameter-unknown")


def test_pages_go_on_where_none_of_them_is_exposed(rest: AsPerson, main: Index) -> None:
    project = make_project(main, "acme-tool")
    for version in ("2.0", "2.1", "1.0", "1.1"):
        make_release(project, version)
    make_advisory()
    assert [row["version"] for row in rest("reader").rows(f"{EXPOSED}?page_size=1")] == ["1.0", "1.1"]


def test_what_is_exposed_as_a_table(rest: AsPerson, main: Index) -> None:
    make_release(make_project(main, "acme-tool"), "1.0")
    make_advisory("PYSEC-2026-1", summary="=cmd()")
    make_advisory("PYSEC-2026-2", severity=None)
    answer = rest("reader").get(f"{EXPOSED}?format=csv&severity=low")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    heading, first, second = csv.reader(io.StringIO(answer.body.decode()))
    found = dict(zip(heading, first, strict=True))
    assert (found["project"], found["version"], found["advisory"], found["fixed_in"]) == (
        "acme-tool",
        "1.0",
        "PYSEC-2026-1",
        "2.0",
    )
    assert found["summary"] == "'=cmd()"
    assert second[heading.index("advisory")] == "PYSEC-2026-2"
    assert len(rest("outsider").get(f"{EXPOSED}?format=csv").body.splitlines()) == 1


def test_the_json_api_names_them_for_the_release_that_is_told(machine: WsgiClient, cast: Cast) -> None:
    published(cast.index, build_wheel("acme-tool", "1.0"))
    published(cast.index, build_wheel("acme-tool", "2.0"))
    make_advisory()
    make_advisory("PYSEC-2026-2", withdrawn="2026-02-01T00:00:00Z")
    reader = machine.signed(cast.bearer("reader"))
    first, second = reader.get("/pypi/acme-tool/1.0/json").json["vulnerabilities"]
    assert first == {
        "aliases": ["CVE-2026-1"],
        "details": "Reads what it should not, and says so.",
        "fixed_in": ["2.0"],
        "id": "PYSEC-2026-1",
        "link": first["link"],
        "source": "osv",
        "summary": "Reads what it should not.",
        "withdrawn": None,
    }
    assert first["link"].endswith("/osv/v1/vulns/PYSEC-2026-1")
    assert second["withdrawn"] == "2026-02-01T00:00:00.000000Z"
    for address in ("/pypi/acme-tool/2.0/json", "/pypi/acme-tool/json"):
        assert reader.get(address).json["vulnerabilities"] == []


def test_new_data_makes_a_new_document(machine: WsgiClient, cast: Cast) -> None:
    published(cast.index, build_wheel("acme-tool", "1.0"))
    reader = machine.signed(cast.bearer("reader"))
    before = reader.get("/pypi/acme-tool/json").headers["ETag"]
    make_advisory()
    assert reader.get("/pypi/acme-tool/json").headers["ETag"] != before


def test_the_projects_page_tells_of_them(cast: Cast) -> None:
    for version in ("1.0", "2.0"):
        published(cast.index, build_wheel("acme-tool", version))
    make_advisory("PYSEC-2026-1", summary="<b>bold</b>")
    browser = Client()
    browser.force_login(cast.reader)
    old = browser.get("/main/project/acme-tool/1.0/").content.decode()
    assert "Known vulnerabilities of 1.0" in old
    assert "PYSEC-2026-1" in old
    assert "critical 9.8" in old
    assert "&lt;b&gt;bold&lt;/b&gt;" in old
    new = browser.get("/main/project/acme-tool/").content.decode()
    assert "Known vulnerabilities" not in new
    assert new.count(">Vulnerable<") == 1


def test_the_console_shows_what_is_exposed_as_far_as_one_sees_it(cast: Cast) -> None:
    make_release(make_project(cast.index, "acme-tool"), "1.0")
    make_advisory()
    for role, is_shown in (("team_admin", True), ("security_officer", True), ("operator", False)):
        browser = Client()
        browser.force_login(cast.user(role))
        page = browser.get("/admin/indexapp/advisory/exposed/").content.decode()
        assert ("acme-tool 1.0" in page) is is_shown
        assert ("1 release with known vulnerabilities" in page) is is_shown
    browser.force_login(cast.team_admin)
    assert "PYSEC-2026-1" in browser.get("/admin/indexapp/advisory/?q=acme-tool").content.decode()
