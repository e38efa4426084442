"""A person whose entry in the directory was written by an attacker: what becomes of it wherever it is told."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, Directory, DirectorySync, Membership, User
from accounts.services import audit_delivery, audit_export, audit_sinks
from accounts.services.directories import sync
from tests.factories.directories import map_group, openldap
from tests.factories.people import SYSTEM, make_team, make_user
from tests.servers import receivers
from tpi_site.kit.logs import JsonLines

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = pytest.mark.django_db
FORGED = "CEF:0|TPI|Trusted Packaging Index|1|forged|forged done|3|suser=root"
NAME = f'</td><script>alert(1)</script><img src=x onerror="alert(1)"> \'" a|b\\c=d\r\n{FORGED}\n<1>1 forged'
FORMULA = "+1+1@tpi.example"
KEPT = "".join(letter for letter in NAME if letter not in "\r\n")
"""What controls there are in a name is left at the door."""
IMPOSSIBLE = "eve\r\n=cmd|' /C calc'!A0<script>alert(1)</script>"


@pytest.fixture
def corp(slapd: Slapd) -> Directory:
    """A synced directory: alice has a hostile name, somebody's user name is a formula."""
    slapd.add_person("formula")
    formula = slapd.rename(slapd.person_dn("formula"), f"uid={FORMULA.replace('+', chr(92) + '+')}")
    slapd.set_attribute(formula, "sn", "=1+1")
    slapd.set_attribute(slapd.group_dn("devs"), "member", slapd.person_dn("alice"), formula)
    directory = openldap(slapd)
    map_group(directory, slapd.group_dn("devs"), make_team("devs"))
    sync.run(actor=SYSTEM, directory=directory)
    for attribute in ("sn", "givenName"):
        slapd.set_attribute(slapd.person_dn("alice"), attribute, NAME)
    sync.run(actor=SYSTEM, directory=directory)
    alice = User.objects.get(username="alice")
    assert alice.last_name == KEPT
    return directory


class _Elements(HTMLParser):
    """The elements of a page that run something, and the attributes that do."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.hostile: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Our own scripts have an address; nobody's elements have handlers."""
        given = dict(attrs)
        if (tag == "script" and "src" not in given) or any(name.startswith("on") for name in given):
            self.hostile.append(tag)
        if tag == "img" and given.get("src") == "x":
            self.hostile.append(tag)


def test_pages_show_it_as_text(corp: Directory) -> None:
    browser, alice = Client(), User.objects.get(username="alice")
    browser.force_login(make_user("root", is_superuser=True))
    entry = AuditEntry.objects.filter(action="user.change", object_name="alice").latest("pk")
    pages = {
        f"/admin/accounts/user/{alice.pk}/change/": True,
        "/admin/accounts/user/": True,
        f"/admin/accounts/auditentry/{entry.pk}/change/": True,
        f"/admin/accounts/directorysync/{DirectorySync.objects.latest('pk').pk}/change/": False,
        f"/admin/accounts/team/{Membership.objects.filter(user=alice).get().team_id}/change/": False,
        "/help/rights/?user=alice&index=main&verb=read": False,
    }
    for url, is_told in pages.items():
        page = browser.get(url).content.decode()
        assert _Elements(page).hostile == [], url
        assert ("&lt;script&gt;" in page) is is_told, url
    browser.force_login(alice)
    page = browser.get("/account/profile/").content.decode()
    assert "&lt;script&gt;" in page
    assert _Elements(page).hostile == []


def test_a_spreadsheet_finds_no_formula_and_no_more_rows(corp: Directory) -> None:
    assert User.objects.filter(username=FORMULA).exists()
    lines = "".join(audit_export.export(actor=SYSTEM, form="csv"))
    rows = list(csv.DictReader(io.StringIO(lines, newline="")))
    assert len(rows) == AuditEntry.objects.count()
    told = [row["object_name"] for row in rows if FORMULA in row["object_name"]]
    assert told
    assert set(told) == {f"'{FORMULA}"}
    assert not [
        cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    ]
    exported = [json.loads(line) for line in audit_export.export(actor=SYSTEM, form="jsonl")]
    assert any(row["detail"].get("after", {}).get("last_name") == KEPT for row in exported)


@pytest.mark.parametrize("form", ["cef", "json", "ocsf"])
def test_a_log_server_gets_one_message_for_each_entry(
    corp: Directory, form: str, tmp_path: Path, settings: Any
) -> None:
    settings.TPI_OUTBOUND_NETWORKS, settings.TPI_DATA_DIR = ["127.0.0.0/8"], tmp_path
    certificate, pem = receivers.certificate(tmp_path)
    with receivers.syslog(certificate) as receiver:
        audit_sinks.create(
            actor=SYSTEM,
            name="siem",
            kind="syslog-tls",
            address=f"127.0.0.1:{receiver.port}",
            ca_certificates=pem,
            format=form,
            action_prefixes=["user."],
            from_the_beginning=True,
        )
        audit_delivery.deliver_all()
    assert len(receiver.messages) == AuditEntry.objects.filter(action__startswith="user.").count()
    [told] = [message for message in receiver.messages if "forged" in message]
    assert told.isprintable(), "no line break, and nothing else that a terminal obeys"
    body = told.partition(" - ")[2]
    if form == "cef":
        line = body[body.index("CEF:") :]
        assert line.split("|")[4] == "user.change"
        assert "suser=directory corp " in line
        assert "suser\\=root" in line
    else:
        assert json.loads(body[body.index("{") :])["time" if form == "ocsf" else "action"]


def test_the_process_log_has_one_line_for_each_thing_told(slapd: Slapd, caplog: pytest.LogCaptureFixture) -> None:
    """A name that is taken is told in the log; one that cannot be here at all is told in the report alone."""
    make_user("alice")
    slapd.set_attribute(slapd.person_dn("bob"), "employeeNumber", IMPOSSIBLE)
    directory = openldap(slapd, name_attribute="uid")
    map_group(directory, slapd.group_dn("devs"), make_team("devs"))
    sync.run(actor=SYSTEM, directory=directory)
    Directory.objects.update(name_attribute="employeeNumber")
    directory.refresh_from_db()
    sync.run(actor=SYSTEM, directory=directory)
    assert any("alice" in record.getMessage() for record in caplog.records)
    for record in caplog.records:
        assert len(JsonLines().format(record).splitlines()) == 1
    assert not User.objects.filter(username__contains="cmd").exists()
