"""Streams to receivers that are real: down for days, they then get everything in order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Alarm, AuditSink
from accounts.services import audit, audit_chain, audit_delivery, audit_sinks
from tests.factories.audit import entries
from tests.factories.people import SYSTEM
from tests.servers import receivers
from tests.servers.ports import free_port
from tpi_site.kit.errors import Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any, tmp_path: Path) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8", "::1/128"]
    settings.TPI_DATA_DIR = tmp_path


def sink(kind: str, address: str, **given: Any) -> AuditSink:
    made = audit_sinks.create(actor=SYSTEM, name=given.pop("name", kind), kind=kind, address=address, **given)
    return AuditSink.objects.get(pk=made.pk)


def names(lines: list[str]) -> list[str]:
    return [json.loads(line)["object_name"] for line in lines if "thing " in line]


def expected(count: int, start: int = 0) -> list[str]:
    return [f"thing {number}" for number in range(start, count)]


def test_a_syslog_receiver_that_was_down_for_days_gets_everything_in_order(tmp_path: Path) -> None:
    certificate, pem = receivers.certificate(tmp_path)
    made = sink("syslog-tls", f"localhost:{free_port()}", ca_certificates=pem)
    now = timezone.now()
    entries(3)
    for hours in range(72):
        audit_delivery.deliver_all(now + timedelta(hours=hours))
    made.refresh_from_db()
    assert made.failures == 72
    assert "cannot be reached" in made.failure
    assert Alarm.objects.get(code=audit_delivery.ALARM, ended_at=None).subject == "syslog-tls"
    entries(1200)
    with receivers.syslog(certificate) as receiver:
        AuditSink.objects.update(address=f"localhost:{receiver.port}")
        audit_delivery.deliver_all(now + timedelta(hours=80))
    bodies = [message.split(" - ", 3)[-1] for message in receiver.messages]
    assert names(bodies) == [*expected(3), *expected(1200)]
    positions = [json.loads(body)["position"] for body in bodies]
    assert positions == sorted(set(positions))
    made.refresh_from_db()
    assert (made.failing_since, made.failures, made.failure) == (None, 0, "")
    assert audit_delivery.lag(made) <= 1, "the end of the alarm is recorded after the delivery"
    assert not Alarm.objects.filter(ended_at=None).exists()


def test_a_syslog_message_has_the_form_of_its_standard(tmp_path: Path) -> None:
    certificate, pem = receivers.certificate(tmp_path)
    with receivers.syslog(certificate) as receiver:
        sink("syslog-tls", f"127.0.0.1:{receiver.port}", ca_certificates=pem, format="cef", action_prefixes=["test."])
        audit.record(actor=SYSTEM, action="test.act", object_name="a\nb|c=d", outcome="refused", reason="no")
        audit_delivery.deliver_all()
    [message] = receiver.messages
    head, _, line = message.partition(" - CEF:")
    assert head.startswith("<109>1 20")
    assert head.split(" ")[3:] == ["tpi", "-", "test.act", "-"] or head.split(" ")[3:] == ["tpi", "-", "test.act"]
    assert line.startswith("0|TPI|Trusted Packaging Index|1|test.act|test.act refused|6|")
    assert "cs2=a b|c\\=d " in line
    assert "\n" not in message


@pytest.mark.parametrize("name", ["localhost", "elsewhere"])
def test_a_receiver_whose_certificate_is_not_good_gets_nothing(tmp_path: Path, name: str) -> None:
    certificate, pem = receivers.certificate(tmp_path, name)
    with receivers.syslog(certificate) as receiver:
        made = sink("syslog-tls", f"localhost:{receiver.port}", ca_certificates=pem if name == "elsewhere" else "")
        entries(2)
        audit_delivery.deliver_all()
    assert receiver.messages == []
    made.refresh_from_db()
    assert "certificate" in made.failure


def test_http_is_signed_and_sent_again_under_the_same_id_until_it_is_taken() -> None:
    with receivers.http() as receiver:
        made = sink("http", receiver.url, action_prefixes=["test."])
        entries(3)
        now = timezone.now()
        receiver.statuses = [500, 302, 429]
        for hours in range(4):
            audit_delivery.deliver_all(now + timedelta(hours=hours))
    assert len(receiver.requests) == 4
    assert len({headers["webhook-id"] for headers, _ in receiver.requests[:3]}) == 1
    headers, body = receiver.requests[-1]
    secret = audit_sinks.secret_of(actor=SYSTEM, sink=AuditSink.objects.get(pk=made.pk))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert headers["host"] == receiver.url.split("/")[2]
    assert names(body.decode().splitlines()) == expected(3)


def test_a_file_gets_lines_and_no_gap(tmp_path: Path) -> None:
    sink("file", "stream.jsonl", format="ocsf", action_prefixes=["test."])
    for _ in range(3):
        entries(2)
        audit_delivery.deliver_all()
    path = tmp_path / "audit-streams" / "stream.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 6
    assert path.stat().st_mode & 0o777 == 0o600
    sequence = [line["metadata"]["sequence"] for line in lines]
    assert sequence == sorted(set(sequence))


def test_a_dead_sink_waits_longer_and_longer_and_holds_up_no_other(tmp_path: Path) -> None:
    dead = sink("http", f"http://127.0.0.1:{free_port()}/", name="dead")
    sink("file", "alive.jsonl", name="alive", action_prefixes=["test."])
    now = timezone.now()
    entries(1)
    pauses = []
    for _ in range(7):
        audit_delivery.deliver_all(now)
        dead.refresh_from_db()
        assert dead.next_try_at is not None
        pauses.append((dead.next_try_at - now).total_seconds())
        failures = dead.failures
        audit_delivery.deliver_all(now)
        dead.refresh_from_db()
        assert dead.failures == failures, "not tried again before its time"
        now = dead.next_try_at
    assert pauses == [30, 60, 120, 240, 480, 900, 900]
    assert len((tmp_path / "audit-streams" / "alive.jsonl").read_text().splitlines()) == 1


def test_a_sink_that_is_served_by_another_job_is_left_alone() -> None:
    made = sink("file", "x.jsonl")
    entries(1)
    AuditSink.objects.update(leased_until=timezone.now() + timedelta(minutes=1))
    assert audit_delivery.deliver_all() == 0
    AuditSink.objects.update(leased_until=timezone.now() - timedelta(minutes=1))
    assert audit_delivery.deliver_all() == 2
    made.refresh_from_db()
    assert made.leased_until is None


def test_a_new_sink_begins_now_or_at_the_beginning(tmp_path: Path) -> None:
    entries(3)
    audit_chain.link_all()
    sink("file", "new.jsonl", name="new")
    sink("file", "all.jsonl", name="all", from_the_beginning=True)
    audit_delivery.deliver_all()
    folder = tmp_path / "audit-streams"
    assert names((folder / "all.jsonl").read_text().splitlines()) == expected(3)
    assert names((folder / "new.jsonl").read_text().splitlines()) == []


def test_a_local_address_is_refused_unless_settings_name_it(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = []
    with receivers.http() as receiver:
        made = sink("http", receiver.url)
        with pytest.raises(Refusal, match="TPI_OUTBOUND_NETWORKS") as refusal:
            audit_sinks.test(actor=SYSTEM, sink=made)
    assert refusal.value.code == "sink-failed"
    assert receiver.requests == []


def test_trying_out_sends_one_line_that_says_so(tmp_path: Path) -> None:
    made = sink("file", "x.jsonl")
    audit_sinks.test(actor=SYSTEM, sink=made)
    [line] = (tmp_path / "audit-streams" / "x.jsonl").read_text().splitlines()
    assert json.loads(line)["object_name"] == "a test, not an entry of the log"


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("file", "../x"),
        ("file", "a/b"),
        ("file", ".hidden"),
        ("file", ""),
        ("http", "ftp://tpi.example/"),
        ("http", "https://user:pw@tpi.example/"),
        ("http", "https://tpi.example/\r\nX: y"),
        ("http", "http://[::1"),
        ("syslog-tls", "tpi.example"),
        ("syslog-tls", "tpi.example:0"),
        ("syslog-tls", "tpi.example:99999"),
        ("syslog-tls", ":6514"),
        ("other", "x"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(kind: str, address: str) -> None:
    with pytest.raises(Refusal):
        sink(kind, address)
    assert not AuditSink.objects.exists()


def test_the_secret_is_sealed_and_its_digest_shows_that_it_changed() -> None:
    from accounts.models import AuditEntry

    made = sink("http", "https://tpi.example/")
    first = audit_sinks.secret_of(actor=SYSTEM, sink=made)
    assert first.startswith("whsec_")
    assert first not in str(AuditSink.objects.values().get())
    other = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    audit_sinks.change(actor=SYSTEM, sink=made, secret=other)
    detail = AuditEntry.objects.get(action="audit-sink.change").detail
    assert detail["before"]["secret"] != detail["after"]["secret"]
    assert other not in str(detail)
    assert first not in str(list(AuditEntry.objects.values()))
    for wrong in ("short", "whsec_x", "whsec_" + base64.b64encode(b"short").decode()):
        with pytest.raises(Refusal):
            audit_sinks.change(actor=SYSTEM, sink=made, secret=wrong)
