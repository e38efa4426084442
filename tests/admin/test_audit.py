"""The audit log, its checkpoints and its streams in the console."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client

from accounts.admin.audit_filters import AuditFields
from accounts.api import audit as api
from accounts.domain.instance_roles import InstanceRole, roles_to_mask
from accounts.domain.verbs import Verb
from accounts.models import AuditCheckpoint, AuditEntry, AuditLink, AuditSink, User
from accounts.services import audit, audit_chain, audit_checkpoints, token_recognition
from tests.admin.conftest import SignIn
from tests.admin.screens import address, do, errors
from tests.evidence import collecting
from tests.factories.audit import entries
from tests.factories.people import SYSTEM, make_token, make_user


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


def test_an_auditor_reads_a_stream_without_its_secret_and_is_offered_nothing(root: Client, sign_in: SignIn) -> None:
    sink = AuditSink.objects.create(name="siem", kind="http", address="https://siem.tpi.example/", secret="sealed-text")
    auditor = make_user("auditor")
    User.objects.filter(pk=auditor.pk).update(instance_roles=roles_to_mask([InstanceRole.AUDITOR]))
    browser = sign_in(auditor)
    assert "siem" in browser.get(address(AuditSink, "changelist")).content.decode()
    answer = browser.get(address(sink))
    assert answer.context["tools"] == []
    facts = _facts(browser, sink)
    assert (facts["Signing secret"], facts["Enabled"], facts["Action prefixes"]) == ("kept encrypted", "yes", "none")
    assert "sealed-text" not in answer.content.decode()
    assert "new_secret" in root.get(address(sink)).content.decode()
    assert browser.post(address(sink), {"address": "https://x.tpi.example/"}).status_code == 403
    assert browser.post(address(sink, "do", "test"), {"confirmed": "yes"}).status_code in (302, 403, 404)
    assert AuditSink.objects.get().address == sink.address


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
        ("action_prefix=token.", ["b"]),
        ("action_prefix=role.&after=2020-01-01T00:00", ["a"]),
        ("after=2020-01-01T00:00:00%2B00:00", ["a", "b", "c"]),
        ("before=2020-01-01T00:00", []),
        ("address=192.0.2.7", ["a"]),
        ("request_id=abc", ["a"]),
        ("q=abc", ["a"]),
        ("q=+abc+&outcome=done", ["a"]),
        ("outcome=refused", ["c"]),
        ("reason=code-1", ["c"]),
        ("token=key", []),
        ("object_type=user,team,token", ["b", "c"]),
        ("object_type=role", ["a"]),
        ("object_name=b", ["b"]),
        ("object_type=token&object_name=b", ["b"]),
        ("object_type=role&object_name=b", []),
        ("actor=nobody", []),
        ("actor=&object_name=+&outcome=", ["a", "b", "c"]),
    ],
)
def test_the_export_is_of_what_the_list_shows(root: Client, query: str, names: list[str]) -> None:
    who = SYSTEM.at(address="192.0.2.7", request_id="abc")
    audit.record(actor=who, action="role.grant", object_type="role", object_name="a")
    audit.record(actor=SYSTEM, action="token.issue", object_type="token", object_name="b")
    audit.record(
        actor=SYSTEM, action="user.change", object_type="user", object_name="c", outcome="refused", code="code-1"
    )
    assert _exported(root, query) == names
    rows = root.get(f"{address(AuditEntry, 'changelist')}?{query}").context["cl"].result_list
    assert [row.object_name for row in rows if row.actor_name == "test"] == names[::-1]


def test_the_links_say_whether_all_is_exported(root: Client) -> None:
    assert "Export all as CSV" in root.get(address(AuditEntry, "changelist")).content.decode()
    assert (
        "Export these as CSV" in root.get(address(AuditEntry, "changelist") + "?action_prefix=token.").content.decode()
    )


def test_a_team_admin_is_offered_no_export(red: Any, sign_in: SignIn) -> None:
    assert "audit/export" not in sign_in(red.admin).get(address(AuditEntry, "changelist")).content.decode()


def test_every_filter_of_the_rest_api_but_the_whole_action_is_a_field(root: Client) -> None:
    fields = {*AuditFields.base_fields, "q", "action"}
    assert fields == set(api.AuditFilter.base_filters)
    page = root.get(address(AuditEntry, "changelist")).content.decode()
    for name in AuditFields.base_fields:
        assert f'<label for="id_{name}">' in page


@pytest.mark.parametrize("query", ["after=yesterday", "outcome=maybe", "address=" + "x" * 65, "actor=%00"])
def test_a_filter_that_is_wrong_shows_nothing_and_says_so(root: Client, query: str) -> None:
    audit.record(actor=SYSTEM, action="role.grant", object_name="a")
    answer = root.get(f"{address(AuditEntry, 'changelist')}?{query}")
    assert list(answer.context["cl"].result_list) == []
    assert "errorlist" in answer.content.decode()
    assert "audit/export" not in answer.content.decode()


def test_the_fields_hold_what_the_address_says_and_the_search_keeps_it(root: Client) -> None:
    query = "actor=ann&after=2026-01-02T03:04:05%2B01:00&q=x"
    page = root.get(f"{address(AuditEntry, 'changelist')}?{query}").content.decode()
    assert re.search(r'<input[^>]*name="actor"[^>]*value="ann"', page)
    assert re.search(r'name="after"[^>]*value="2026-01-02T02:04:05"', page)
    assert '<input type="hidden" name="q" value="x">' in page
    assert '<input type="hidden" name="actor" value="ann">' in page


def test_empty_fields_narrow_nothing(root: Client) -> None:
    assert "Show all" not in root.get(address(AuditEntry, "changelist") + "?actor=&outcome=").content.decode()
    assert "Show all" in root.get(address(AuditEntry, "changelist") + "?actor=root&outcome=").content.decode()


def test_an_entry_is_found_by_its_number(root: Client) -> None:
    for name in "ab":
        audit.record(actor=SYSTEM, action="role.grant", object_name=name)
    entry = AuditEntry.objects.get(object_name="a")
    for number in (entry.pk, f"+{entry.pk}+"):
        rows = root.get(f"{address(AuditEntry, 'changelist')}?q={number}").context["cl"].result_list
        assert [row.pk for row in rows] == [entry.pk]
    assert root.get(f"/api/v1/audit/?q={entry.pk}").json()["results"][0]["object_name"] == "a"
    for number in ("9" * 19, "9" * 300, "١"):
        assert not root.get(address(AuditEntry, "changelist"), {"q": number}).context["cl"].result_list


def _facts(root: Client, entry: Model) -> dict[str, str]:
    page = root.get(address(entry)).content.decode()
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page, re.DOTALL)
    return {html.unescape(term): re.sub("<[^>]*>", "", told) for term, told in found}


def test_the_page_of_an_entry_tells_what_is_hashed_and_its_place_in_the_chain(
    root: Client, administrator: User
) -> None:
    audit.record(actor=SYSTEM, action="test.first")
    token, text = make_token(administrator, [Verb.READ])
    holder = token_recognition.recognise(text)
    assert holder is not None
    audit.record(actor=holder.at(address="192.0.2.7", request_id="abc"), action="test.second", subject=administrator)
    audit_chain.link_all()
    entry = AuditEntry.objects.get(action="test.second")
    facts = _facts(root, entry)
    link, before = (AuditLink.objects.get(entry_id=number) for number in (entry.pk, entry.pk - 1))
    assert facts["Position"] == str(link.position)
    assert facts["Hash"] == bytes(link.hash).hex()
    assert facts["Hash before"] == bytes(before.hash).hex()
    assert facts["Time"] == f"{entry.at:%Y-%m-%d %H:%M:%S.%f} UTC"
    assert (facts["Number"], facts["Actor id"], facts["Object id"]) == (str(entry.pk), *[str(administrator.pk)] * 2)
    assert (facts["Token key id"], facts["Request id"], facts["Object type"]) == (token.key_id, "abc", "user")


def test_the_first_entry_follows_zeros_and_one_that_waits_says_so(root: Client) -> None:
    audit.record(actor=SYSTEM, action="test.waits")
    entry = AuditEntry.objects.order_by("pk")[0]
    assert _facts(root, entry)["Position"].startswith("none yet")
    audit_chain.link_all()
    assert _facts(root, entry)["Hash before"] == "0" * 64
