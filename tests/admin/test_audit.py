"""The audit log, its checkpoints and its streams in the console."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.domain.instance_roles import InstanceRole, roles_to_mask
from accounts.models import AuditCheckpoint, AuditEntry, AuditSink, User
from accounts.services import audit, audit_checkpoints
from tests.admin.conftest import SignIn
from tests.admin.screens import address, do, errors
from tests.evidence import collecting
from tests.factories.audit import entries
from tests.factories.people import SYSTEM, make_user


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.TPI_DATA_DIR = tmp_path


@pytest.fixture
def root(administrator: User, sign_in: SignIn) -> Client:
    return sign_in(administrator)


def test_a_stream_is_made_tried_changed_and_deleted(root: Client, tmp_path: Path) -> None:
    evidence = collecting()
    assert root.get(address(AuditSink, "add")).status_code == 200
    fields = {
        "name": "siem",
        "kind": "file",
        "address": "siem.jsonl",
        "format": "json",
        "action_prefixes": "token.\nrole.",
    }
    assert root.post(address(AuditSink, "add"), {**fields, "enabled": "on"}).status_code == 302
    sink = AuditSink.objects.get()
    assert (sink.name, sink.action_prefixes, sink.enabled) == ("siem", ["token.", "role."], True)
    assert do(root, sink, "test").status_code == 200
    assert (tmp_path / "audit-streams" / "siem.jsonl").exists()
    changed = {"address": "other.jsonl", "format": "cef", "action_prefixes": "", "ca_certificates": "", "secret": ""}
    assert root.post(address(sink), changed).status_code == 302
    sink.refresh_from_db()
    assert (sink.address, sink.format, sink.action_prefixes, sink.enabled) == ("other.jsonl", "cef", [], False)
    assert root.get(address(AuditSink, "changelist")).status_code == 200
    do(root, sink, "delete")
    assert not AuditSink.objects.exists()
    assert evidence.actions == [f"audit-sink.{act}" for act in ("create", "test", "change", "delete")]


def test_a_wrong_address_is_told_in_the_form(root: Client) -> None:
    fields = {"name": "siem", "kind": "file", "address": "../siem", "format": "json", "action_prefixes": ""}
    assert "file name" in errors(root.post(address(AuditSink, "add"), fields))


def test_an_auditor_reads_log_and_checkpoints_and_changes_nothing(sign_in: SignIn, db: None) -> None:
    entries(3)
    audit_checkpoints.checkpoint()
    auditor = make_user("auditor")
    auditor.instance_roles = roles_to_mask([InstanceRole.AUDITOR])
    auditor.save()
    browser = sign_in(auditor)
    page = browser.get(address(AuditEntry, "changelist")).content.decode()
    assert "thing 2" in page
    assert "/api/v1/audit/export/?format=csv" in page
    checkpoint = AuditCheckpoint.objects.get()
    assert "tpi-audit/" in browser.get(address(checkpoint)).content.decode()
    assert browser.get(address(AuditSink, "changelist")).status_code == 200
    assert browser.get(address(AuditSink, "add")).status_code == 403
    assert browser.get("/api/v1/audit/export/?format=jsonl").status_code == 200


def _exported(root: Client, query: str) -> list[str]:
    """What the list's link gives as a file, by the objects' names."""
    page = root.get(f"{address(AuditEntry, 'changelist')}?{query}").content.decode()
    [link] = re.findall(r'href="([^"]*format=jsonl[^"]*)"', page)
    answer = root.get(html.unescape(link))
    assert answer.status_code == 200, answer.content
    lines = [json.loads(line) for line in b"".join(answer).decode().splitlines()]  # type: ignore[call-overload]  # streamed
    return [line["object_name"] for line in lines if line["action"] != "audit.export"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["a", "b", "c"]),
        ("act=token.", ["b"]),
        ("act=nonsense", ["a", "b", "c"]),
        ("within=hour&act=role.", ["a"]),
        ("address=192.0.2.7", ["a"]),
        ("request=abc", ["a"]),
        ("q=abc", ["a"]),
        ("q=+abc+&outcome=done", ["a"]),
        ("outcome=refused", ["c"]),
        ("outcome=nonsense", ["a", "b", "c"]),
        ("about=people", ["b", "c"]),
        ("about=rights", ["a"]),
        ("object=token:b", ["b"]),
        ("object=token:b&about=rights", []),
        ("actor=nobody", []),
    ],
)
def test_the_export_is_of_what_the_list_shows(root: Client, query: str, names: list[str]) -> None:
    who = SYSTEM.at(address="192.0.2.7", request_id="abc")
    audit.record(actor=who, action="role.grant", object_type="role", object_name="a")
    audit.record(actor=SYSTEM, action="token.issue", object_type="token", object_name="b")
    audit.record(actor=SYSTEM, action="user.change", object_type="user", object_name="c", outcome="refused")
    assert _exported(root, query) == names
    rows = root.get(f"{address(AuditEntry, 'changelist')}?{query}").context["cl"].result_list
    assert [row.object_name for row in rows if row.actor_name == "test"] == names[::-1]


def test_the_links_say_whether_all_is_exported(root: Client) -> None:
    assert "Export all as CSV" in root.get(address(AuditEntry, "changelist")).content.decode()
    assert "Export these as CSV" in root.get(address(AuditEntry, "changelist") + "?act=token.").content.decode()


def test_a_team_admin_is_offered_no_export(red: Any, sign_in: SignIn) -> None:
    assert "audit/export" not in sign_in(red.admin).get(address(AuditEntry, "changelist")).content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("act=token.", ["b"]),
        ("within=hour", ["b", "a"]),
        ("address=192.0.2.7", ["a"]),
        ("request=abc", ["a"]),
        ("q=abc", ["a"]),
        ("act=nothing", ["b", "a"]),
    ],
)
def test_filters(root: Client, query: str, found: list[str]) -> None:
    audit.record(actor=SYSTEM.at(address="192.0.2.7", request_id="abc"), action="role.grant", object_name="a")
    audit.record(actor=SYSTEM, action="token.issue", object_name="b")
    rows = root.get(f"{address(AuditEntry, 'changelist')}?{query}").context["cl"].result_list
    assert [row.object_name for row in rows if row.actor_name == "test"] == found
