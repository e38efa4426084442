from __future__ import annotations

import csv
import io
import json
from urllib.parse import unquote

import pytest

from accounts.domain.instance_roles import InstanceRole, roles_to_mask
from accounts.domain.verbs import Verb
from accounts.models import AuditEntry
from accounts.services import audit, audit_chain, audit_entries
from tests.api.conftest import AsPerson
from tests.api.rest import refused
from tests.factories.audit import entries
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_token
from tests.wsgi_client import WsgiClient, bearer

EXPORT = "audit/export/?format="


def test_json_lines_hold_every_field_and_the_place_in_the_chain(rest: AsPerson) -> None:
    entries(3, colour="red\n")
    audit_chain.link_all()
    answer = rest("administrator").get(f"{EXPORT}jsonl&action=test.act")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/jsonl; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
    found = [json.loads(line) for line in answer.body.decode().splitlines()]
    assert [row["object_name"] for row in found] == ["thing 0", "thing 1", "thing 2"]
    assert tuple(found[0]) == audit_entries.COLUMNS
    assert found[0]["detail"] == {"colour": "red "}  # a control character stands as a blank
    assert [row["position"] for row in found] == sorted(row["position"] for row in found)
    assert all(len(row["hash"]) == 64 for row in found)


def test_what_was_just_recorded_has_its_place_too(rest: AsPerson) -> None:
    entries(3)
    found = [json.loads(line) for line in rest("administrator").get(f"{EXPORT}jsonl").body.decode().splitlines()]
    assert found[-1]["action"] == "audit.export"
    assert [row["position"] for row in found] == list(range(1, len(found) + 1))
    assert all(len(row["hash"]) == 64 for row in found)


@pytest.mark.parametrize(
    "query", ["&actr=ann", "&cursor=abc", "&page_size=10", "&Actor=ann", "&object_type=user&colour=%3Cred%3E"]
)
def test_a_parameter_that_would_be_passed_over_is_refused_by_its_name(rest: AsPerson, query: str) -> None:
    answer = rest("administrator").get(f"{EXPORT}csv{query}")
    refused(answer, 400, "parameter-unknown")
    assert f"'{unquote(query.rpartition('&')[2].partition('=')[0])}'" in answer.json["detail"]
    assert not AuditEntry.objects.filter(action="audit.export").exists()


@pytest.mark.parametrize("path", ["audit/?actr=ann", "tokens/?ower=me", "indexes/?page=2", "users/?q="])
def test_a_list_refuses_a_filter_that_it_does_not_know(rest: AsPerson, path: str) -> None:
    refused(rest("administrator").get(path), 400, "parameter-unknown")
    refused(rest("anonymous").get(path), 401)


def test_a_tokens_key_id_finds_what_was_done_with_it_and_to_it(rest: AsPerson, cast: Cast) -> None:
    issued = rest("reader").post("tokens/", {"name": "ci", "verbs": ["read"]}).json
    with_it = WsgiClient(rest("reader").client.application).signed(bearer(issued["token"]))
    assert (
        with_it.request("POST", "/api/v1/teams/", headers={"Content-Type": "application/json"}, body=b"{}").status
        >= 400
    )
    rest("administrator").delete(f"tokens/{issued['id']}/")
    found = rest("administrator").rows(f"audit/?q={issued['key_id']}")
    assert {row["action"] for row in found} >= {"token.issue", "token.revoke"}
    assert rest("administrator").rows("audit/?q=nobodyhasit0") == []


def test_several_kinds_are_asked_for_together(rest: AsPerson) -> None:
    for kind in ("user", "team", "role"):
        audit.record(actor=SYSTEM, action="test.act", object_type=kind, object_name=kind)
    rows = rest("administrator").rows("audit/?action=test.act&object_type=user,team")
    assert sorted(row["object_name"] for row in rows) == ["team", "user"]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", '"=1"'])
def test_no_cell_is_a_formula(rest: AsPerson, name: str) -> None:
    audit.record(actor=SYSTEM, action="test.act", object_type="thing", object_name=name)
    answer = rest("administrator").get(f"{EXPORT}csv&action=test.act")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    assert row["object_name"] == (name if name.startswith('"') else f"'{name}")
    assert not row["object_name"].startswith(("=", "+", "-", "@"))


def test_the_export_is_recorded_with_its_filters(rest: AsPerson) -> None:
    rest("administrator").get(f"{EXPORT}csv&outcome=refused")
    entry = AuditEntry.objects.get(action="audit.export")
    assert (entry.actor_name, entry.object_name, entry.detail) == (
        "administrator",
        "csv",
        {"filters": {"outcome": "refused"}},
    )


def test_an_unknown_format_is_refused_and_nobody_is_told_who_may_not(rest: AsPerson) -> None:
    refused(rest("administrator").get("audit/export/"), 400, "format-unknown")
    refused(rest("administrator").get(f"{EXPORT}xlsx"), 400, "format-unknown")
    refused(rest("team_admin").get(f"{EXPORT}csv"), 403, "administrator-needed")
    refused(rest("anonymous").get(f"{EXPORT}csv"), 401)
    assert not AuditEntry.objects.filter(action="audit.export").exists()


def test_pieces_make_a_whole(rest: AsPerson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_entries, "_PIECE", 7)
    entries(50)
    answer = rest("administrator").get(f"{EXPORT}jsonl&action=test.act")
    assert [json.loads(line)["object_name"] for line in answer.body.splitlines()] == [f"thing {n}" for n in range(50)]


@pytest.mark.parametrize(
    ("role", "verbs", "projects", "status"),
    [
        (InstanceRole.AUDITOR, [Verb.READ], [], 200),
        (InstanceRole.SECURITY_OFFICER, [Verb.READ, Verb.UPLOAD], [], 200),
        (InstanceRole.SECURITY_OFFICER, [Verb.UPLOAD], [], 403),
        (InstanceRole.AUDITOR, [Verb.READ], ["acme"], 403),
        (InstanceRole.OPERATOR, [Verb.READ], [], 403),
        (InstanceRole.BILLING, [Verb.READ], [], 403),
    ],
)
def test_auditors_and_security_officers_read_the_log(
    machine: WsgiClient, cast: Cast, role: InstanceRole, verbs: list[Verb], projects: list[str], status: int
) -> None:
    person = cast.outsider
    person.instance_roles = roles_to_mask([role])
    person.save(update_fields=["instance_roles"])
    client = machine.signed(bearer(make_token(person, verbs=verbs, projects=projects)[1]))
    assert client.get("/api/v1/audit/").status == status
    assert client.get("/api/v1/audit/export/?format=csv").status == status


def test_filters(rest: AsPerson) -> None:
    entries(2)
    audit.record(actor=SYSTEM.at(address="192.0.2.7", request_id="abc"), action="other.act", object_name="x", code="no")
    reader = rest("administrator")
    assert len(reader.rows("audit/?action_prefix=test.")) == 2
    for query in ("address=192.0.2.7", "request_id=abc", "q=abc", "reason=no", "action_prefix=other"):
        assert [row["action"] for row in reader.rows(f"audit/?{query}")] == ["other.act"], query
    assert [row["object_name"] for row in reader.rows("audit/?q=test&action=other.act")] == ["x"]
