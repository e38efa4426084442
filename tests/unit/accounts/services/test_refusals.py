from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from accounts.domain.actors import ANONYMOUS, Actor, Method
from accounts.models import AuditEntry
from accounts.services import audit_delivery, audit_export, audit_sinks, refusals
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_token
from tests.wsgi_client import WsgiClient

pytestmark = pytest.mark.django_db

LATER = 10_000_000.0


def written() -> list[tuple[str, str, str, str, int]]:
    rows = AuditEntry.objects.filter(action="request.refuse").order_by("pk")
    return [(row.actor_name, row.object_name, row.outcome, row.reason, row.detail["times"]) for row in rows]


def test_nobody_who_has_not_signed_in_yet_is_written(machine: WsgiClient, cast: Cast) -> None:
    assert machine.get("/simple/").status == 401
    assert machine.get("/api/v1/users/").status == 401
    assert refusals.write(LATER) == 0


@pytest.mark.parametrize("path", ["/simple/", "/api/v1/users/"])
def test_wrong_credentials_are_written_without_the_name_that_they_claim(
    machine: WsgiClient, cast: Cast, path: str
) -> None:
    client = machine.signed({"Authorization": "Bearer tpi_" + "x" * 40})
    assert client.get(path).status == 401
    refusals.write()
    assert written() == [("anonymous", path, "refused", "token-wrong", 1)]


def test_who_may_not_is_written_by_name_at_every_door(machine: WsgiClient, cast: Cast) -> None:
    client = machine.signed(cast.bearer("outsider"))
    assert client.get("/main/simple/").status == 403
    assert client.get("/api/v1/audit/").status == 403
    assert client.post("/legacy/", b"", Content_Type="multipart/form-data; boundary=x").status == 403
    refusals.write()
    assert {(row[0], row[1]) for row in written()} >= {("outsider", "/main/simple/")}
    assert {row[0] for row in written()} == {"outsider"}
    entry = AuditEntry.objects.filter(action="request.refuse").order_by("pk")[0]
    assert entry.request_id
    assert entry.token_key_id
    assert entry.method == "token"


def test_a_loop_writes_its_first_and_the_number_of_the_others(machine: WsgiClient, cast: Cast) -> None:
    client = machine.signed(cast.bearer("outsider"))
    client.get("/main/simple/")
    assert refusals.write() == 1
    for _ in range(20):
        client.get("/main/simple/")
        assert refusals.write() == 0
    assert refusals.write(LATER) == 1
    assert [row[4] for row in written()] == [1, 20]
    assert refusals.write(LATER) == 0


def flood(number: int, code: str = "token-wrong") -> None:
    for each in range(number):
        refusals.note(
            actor=ANONYMOUS.at(address=f"10.0.{each // 250}.{each % 250}", request_id=""), code=code, path="/"
        )


def details(name: str) -> list[dict[str, Any]]:
    rows = AuditEntry.objects.filter(action="request.refuse", object_name=name).order_by("pk")
    return [row.detail for row in rows]


def test_many_different_ones_are_counted_together_with_the_number_of_their_places() -> None:
    flood(1000)
    refusals.note(actor=ANONYMOUS.at(address="10.0.3.249", request_id=""), code="token-wrong", path="/")
    refusals.write()
    refusals.write(LATER)
    rows = written()
    assert len(rows) == 101
    assert sum(row[4] for row in rows) == 1001
    assert ("anonymous", "(many)", "refused", "various", 901) in rows
    assert details("(many)") == [{"times": 901, "places": 900}]


def test_nobody_can_use_up_the_room_of_people_we_know(cast: Cast) -> None:
    flood(1000)
    for door in ("/api/v1/audit/", "/main/simple/"):
        refusals.note(actor=cast.outsider.actor(Method.TOKEN), code="right-missing", path=door)
    refusals.write()
    assert ("outsider", "/api/v1/audit/", "refused", "right-missing", 2) in written()


def test_people_beyond_the_room_are_counted_too() -> None:
    for number in range(250):
        actor = Actor(user_id=number + 1, username=f"person-{number}", address="192.0.2.1")
        refusals.note(actor=actor, code="right-missing", path="/")
    refusals.write()
    assert details("(many)") == [{"times": 50, "places": 1, "people": 50}]


def test_one_ipv6_network_is_one_place() -> None:
    for number in range(1000):
        refusals.note(
            actor=ANONYMOUS.at(address=f"2001:db8:0:1::{number:x}", request_id=""), code="token-wrong", path="/"
        )
    refusals.note(actor=ANONYMOUS.at(address="2001:db8:0:2::1", request_id=""), code="token-wrong", path="/other")
    assert refusals.write() == 2
    assert {(row[1], row[4]) for row in written()} == {("/", 1000), ("/other", 1)}


def test_ten_paths_stand_in_the_entry_and_not_the_first_alone() -> None:
    def note(path: str) -> None:
        refusals.note(actor=ANONYMOUS.at(address="192.0.2.1", request_id=""), code="token-wrong", path=path)

    note("/first/")
    refusals.write()
    for number in range(10):
        note(f"/{number}/")
        note("/0/")
    refusals.write(LATER)
    note("/many/")
    for number in range(10):
        note(f"/{number}/")
    refusals.write()
    assert details("/first/") == [
        {"times": 1, "paths": ["/first/"]},
        {"times": 20, "paths": [f"/{number}/" for number in range(10)]},
    ]
    [detail] = details("/many/")
    assert (len(detail["paths"]), detail["more_paths"], detail["times"]) == (10, True, 11)


def test_what_cannot_be_written_now_is_written_later() -> None:
    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("INSERT"):
            raise OperationalError("the database only reads")
        return execute(sql, params, many, context)

    refusals.note(actor=ANONYMOUS, code="token-wrong", path="/")
    with connection.execute_wrapper(fail):
        assert refusals.write() == 0
    refusals.note(actor=ANONYMOUS, code="token-wrong", path="/second")
    assert refusals.write() == 1
    assert details("/") == [{"times": 2, "paths": ["/", "/second"]}]


def test_a_wrong_password_is_written_once_as_the_sign_in_that_it_is(machine: WsgiClient, cast: Cast) -> None:
    import base64

    credentials = base64.b64encode(b"reader:wrong password").decode()
    assert machine.signed({"Authorization": f"Basic {credentials}"}).get("/simple/").status == 401
    refusals.write(LATER)
    [entry] = AuditEntry.objects.filter(outcome="refused")
    assert (entry.action, entry.reason) == ("sign-in", "password-wrong")


def test_a_token_in_an_address_is_nowhere_kept(machine: WsgiClient, cast: Cast, settings: Any, tmp_path: Path) -> None:
    settings.TPI_DATA_DIR = tmp_path
    _, text = make_token(cast.reader)
    audit_sinks.create(actor=SYSTEM, name="file", kind="file", address="audit.jsonl")
    client = machine.signed(cast.bearer("outsider"))
    assert client.get(f"/api/v1/indexes/{text}/").status in (403, 404)
    assert client.get(f"/api/v1/audit/?q={text}").status == 403
    refusals.note(actor=cast.outsider.actor(Method.TOKEN), code="right-missing", path=f"/{'x' * 180}{text}\nforged")
    refusals.write(LATER)
    audit_delivery.deliver_all()
    kept = {
        "row": str(list(AuditEntry.objects.values())),
        "export": "".join(audit_export.export(actor=cast.actor("administrator"), form="jsonl")),
        "stream": "".join(path.read_text() for path in tmp_path.rglob("*.jsonl")),
    }
    for place, written_there in kept.items():
        assert "request.refuse" in written_there, place
        assert text[:16] not in written_there, place
    paths = [path for row in AuditEntry.objects.filter(action="request.refuse") for path in row.detail["paths"]]
    assert f"/{'x' * 180}[redacted] forged" in paths
    assert "/api/v1/indexes/[redacted]/" in paths
