"""``/audit/sinks/``."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditSink
from accounts.services import audit_chain, audit_delivery, audit_sinks
from tests.api.conftest import AsPerson
from tests.api.rest import refused
from tests.evidence import collecting
from tests.factories.audit import entries
from tests.factories.people import SYSTEM
from tests.servers import receivers

pytestmark = pytest.mark.django_db
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
FILE = {"name": "kept", "kind": "file", "address": "kept.jsonl"}


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any, tmp_path: Path) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    settings.TPI_DATA_DIR = tmp_path


def test_a_receiver_from_its_making_to_its_end(rest: AsPerson) -> None:
    administrator, evidence = rest("administrator"), collecting()
    with receivers.http() as receiver:
        body = {"name": "siem", "kind": "http", "address": receiver.url, "secret": SECRET, "action_prefixes": ["test."]}
        made = administrator.post("audit/sinks/", body)
        assert made.status == 201, made.body
        assert made.headers["Location"].endswith("/api/v1/audit/sinks/siem/")
        assert (made.json["has_secret"], made.json["format"], made.json["enabled"]) == (True, "json", True)
        assert SECRET.encode() not in made.body
        assert administrator.names("audit/sinks/?kind=http&enabled=true") == ["siem"]

        entries(3)
        audit_chain.link_all()
        assert administrator.get("audit/sinks/siem/").json["behind"] >= 3
        audit_delivery.deliver_all()
        assert administrator.get("audit/sinks/siem/").json["last_ok_at"] is not None
        assert administrator.post("audit/sinks/siem/test/").status == 204
        assert len(receiver.requests) == 2

    failed = refused(administrator.post("audit/sinks/siem/test/"), 503, "sink-failed")
    assert "cannot be reached" in failed["detail"]
    changed = administrator.patch("audit/sinks/siem/", {"format": "ocsf", "enabled": False}).json
    assert (changed["format"], changed["enabled"], changed["action_prefixes"]) == ("ocsf", False, ["test."])
    row = AuditSink.objects.get()
    assert audit_sinks.secret_of(actor=SYSTEM, sink=row) == SECRET
    assert administrator.delete("audit/sinks/siem/").status == 204
    refused(administrator.get("audit/sinks/siem/"), 404, "sink-unknown")
    assert [action for action in evidence.actions if action.startswith("audit-sink.") and "show" not in action] == [
        "audit-sink.create",
        "audit-sink.test",
        "audit-sink.test",
        "audit-sink.change",
        "audit-sink.delete",
    ]
    assert SECRET not in str([entry.detail for entry in evidence.audit])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "http", "address": "https://tpi.example/"}, "sink-secret"),
        ({"kind": "http", "address": "https://tpi.example/", "secret": "short"}, None),
        ({"kind": "http", "address": "https://user:pw@tpi.example/", "secret": SECRET}, "sink-address-invalid"),
        ({"kind": "http", "address": "ftp://tpi.example/", "secret": SECRET}, "sink-address-invalid"),
        ({"kind": "syslog-tls", "address": "tpi.example"}, "sink-address-invalid"),
        ({"address": "../x"}, "sink-address-invalid"),
        ({"address": "x" * 501}, None),
        ({"address": "nul\x00"}, None),
        ({"name": "Not a slug"}, None),
        ({"name": "x" * 65}, None),
        ({"kind": "pigeon"}, None),
        ({"format": "xml"}, None),
        ({"action_prefixes": ["Not an action"]}, "sink-invalid"),
        ({"action_prefixes": ["a"] * 501}, None),
        ({"action_prefixes": "token."}, None),
        ({"enabled": "yes"}, None),
        ({"cursor": 7}, None),
    ],
)
def test_an_unsound_receiver_is_refused(rest: AsPerson, body: dict[str, Any], code: str | None) -> None:
    refused(rest("administrator").post("audit/sinks/", FILE | body), 400, code)
    assert not AuditSink.objects.exists()


def test_what_contradicts_is_refused(rest: AsPerson) -> None:
    administrator = rest("administrator")
    assert administrator.post("audit/sinks/", FILE).status == 201
    refused(administrator.post("audit/sinks/", FILE), 409, "sink-exists")
    refused(administrator.patch("audit/sinks/kept/", {}), 400, "nothing-to-change")
    refused(administrator.patch("audit/sinks/kept/", {"kind": "http"}), 400)
    refused(administrator.patch("audit/sinks/kept/", {"address": "a/b"}), 400, "sink-address-invalid")
    refused(administrator.post("audit/sinks/nope/test/"), 404, "sink-unknown")


def test_others_are_refused_alike_whether_it_exists_or_not(rest: AsPerson) -> None:
    AuditSink.objects.create(**FILE)
    person = rest("team_admin")
    existing, absent = (refused(person.get(f"audit/sinks/{name}/"), 403) for name in ("kept", "nope"))
    assert existing["detail"] == absent["detail"]


@pytest.mark.parametrize("role", ["auditor", "security_officer"])
def test_who_reads_everything_reads_them_without_secrets_and_changes_none(rest: AsPerson, role: str) -> None:
    rest("administrator").post("audit/sinks/", FILE)
    AuditSink.objects.update(secret="sealed-text")
    person = rest(role)
    assert person.names("audit/sinks/") == ["kept"]
    answer = person.get("audit/sinks/kept/")
    assert answer.json["has_secret"]
    assert b"sealed-text" not in answer.body
    for name in ("kept", "nope"):
        refused(person.patch(f"audit/sinks/{name}/", {"enabled": False}), 403, "administrator-needed")
        refused(person.delete(f"audit/sinks/{name}/"), 403, "administrator-needed")
        refused(person.post(f"audit/sinks/{name}/test/"), 403, "administrator-needed")


def test_the_list_costs_the_same_for_few_and_for_many(rest: AsPerson) -> None:
    administrator = rest("administrator")

    def cost() -> int:
        administrator.get("audit/sinks/")
        with CaptureQueriesContext(connection) as queries:
            assert administrator.get("audit/sinks/").status == 200
        return len(queries)

    AuditSink.objects.create(**FILE)
    few = cost()
    for number in range(10):
        AuditSink.objects.create(name=f"more-{number}", kind="file", address=f"{number}.jsonl")
    assert cost() == few
