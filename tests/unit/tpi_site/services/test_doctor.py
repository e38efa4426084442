"""Each fault is made for real and must be told; what is tried out must be gone afterwards."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import InMemoryStorage
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from accounts.models import Alarm, AuditCheckpoint, AuditLink, Directory
from accounts.services import alarms, audit, audit_checkpoints
from indexapp.storage import default_storage, forget_default
from tests.factories.cast import ROLES, Cast
from tests.factories.directories import silent_directory
from tests.factories.people import SYSTEM
from tests.servers.certificates import Authority, ServerCertificate
from tests.servers.ports import LOOPBACK, free_port
from tests.servers.shared_cache import away
from tpi_site.kit import key_ring
from tpi_site.kit.errors import Forbidden, Unauthenticated
from tpi_site.services.doctor.examining import examine
from tpi_site.services.doctor.findings import Finding, Probe, State, good
from tpi_site.services.doctor.probes import PROBES

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    settings.TPI_DATA_DIR = folder
    settings.TPI_STORAGE_URL = f"file://{folder / 'files'}"
    settings.TPI_KEYRING = f"file:{tmp_path / 'ring' / 'keyring.json'}"
    key_ring.key_ring()
    forget_default()


def look(name: str) -> Finding:
    """What the one probe of this name finds."""
    [probe] = [probe for probe in PROBES if probe.name == name]
    [finding] = examine(actor=SYSTEM, probes=[probe]).findings
    return finding


def is_failing(name: str) -> str:
    finding = look(name)
    assert finding.verdict.state is State.FAILING, finding
    assert finding.verdict.advice
    return finding.verdict.sentence


def test_everything_is_looked_at_and_what_was_tried_is_gone() -> None:
    found = {finding.name: finding.verdict for finding in examine(actor=SYSTEM).findings}
    assert list(found) == [probe.name for probe in PROBES]
    wrong = {name for name, verdict in found.items() if verdict.state is State.FAILING}
    # There is no job cluster here, and the tests' PostgreSQL does not wait for its disk; nothing else is wrong.
    assert wrong == {"queue", "schedules"} | ({"database"} if connection.vendor == "postgresql" else set())
    assert connection.vendor == "sqlite" or "fsync is off." in found["database"].sentence
    assert list(default_storage().names()) == []
    assert not Alarm.objects.exists()
    assert not OrmQ.objects.exists(), "nobody is there to take a job"
    assert [path.name for path in default_storage().objects.root.parent.iterdir() if "doctor" in path.name] == []


def test_a_probe_that_hangs_or_breaks_hides_none_of_the_others() -> None:
    ended = Event()

    def breaks() -> Any:
        raise ValueError("postgres://tpi:hunter22@db.tpi.example/tpi is odd")

    probes = [
        Probe("hangs", "Hangs", ended.wait, 0.2),
        Probe("breaks", "Breaks", breaks),
        Probe("last", "Last", lambda: good("Well.")),
    ]
    try:
        hangs, breaking, last = examine(actor=SYSTEM, probes=probes).findings
    finally:
        ended.set()
    assert (hangs.verdict.state, breaking.verdict.state) == (State.FAILING, State.FAILING)
    assert "No answer within" in hangs.verdict.sentence
    assert "is odd" in breaking.verdict.sentence
    assert "hunter22" not in breaking.verdict.sentence
    assert last.verdict == good("Well.")


@pytest.mark.parametrize("role", ROLES)
def test_only_who_runs_the_installation_may(role: str, cast: Cast) -> None:
    if role in {"administrator", "operator"}:
        assert examine(actor=cast.actor(role), probes=[]).is_healthy
        return
    with pytest.raises((Forbidden, Unauthenticated)):
        examine(actor=cast.actor(role), probes=[])


def test_a_key_ring_that_is_gone_is_told_and_not_made(settings: Any, tmp_path: Path) -> None:
    settings.TPI_KEYRING = f"file:{tmp_path / 'nowhere.json'}"
    assert "There is no key ring" in is_failing("key-ring")
    assert not (tmp_path / "nowhere.json").exists()


def test_a_key_ring_beside_what_it_opens_is_warned_of() -> None:
    default_storage()
    assert look("key-ring").verdict.state is State.WARNING
    assert "same file system" in look("key-ring").verdict.sentence


def test_a_secret_that_no_key_opens_is_told() -> None:
    row = silent_directory()
    assert look("sealed").verdict.state is State.GOOD
    Directory.objects.filter(pk=row.pk).update(bind_password=row.bind_password[:-6] + "AAAAA=")
    assert "1 bind passwords of directories" in is_failing("sealed")


def test_a_directory_that_does_not_answer_is_told_with_its_step() -> None:
    silent_directory("corp")
    assert "'corp', connect:" in is_failing("directories")


def test_files_that_others_may_read_are_told(settings: Any) -> None:
    settings.TPI_DATA_DIR.chmod(0o755)
    assert str(settings.TPI_DATA_DIR) in is_failing("permissions")


def test_a_full_disk_is_told(settings: Any) -> None:
    settings.TPI_DATA_DIR = Path("/proc")  # a file system that never has room
    assert "0 MiB" in is_failing("disk")
    assert "could not be looked at" in is_failing("durability")


class Forgetful(InMemoryStorage):
    """Takes everything and keeps the first hundred bytes."""

    def _save(self, name: str, content: File) -> str:  # type: ignore[type-arg]
        return super()._save(name, ContentFile(content.read(100)))


def test_a_storage_that_does_not_keep_what_it_is_given_is_told(settings: Any) -> None:
    settings.TPI_STORAGE_URL = f"{Forgetful.__module__}.Forgetful"
    forget_default()
    assert is_failing("storage")


def test_migrations_that_are_missing_or_newer_are_told() -> None:
    [(_, last)] = MigrationLoader(connection).graph.leaf_nodes("accounts")
    newest = MigrationRecorder.Migration.objects.filter(app="accounts", name=last)
    newest.update(name="9999_later")
    try:
        assert f"accounts.{last}" in is_failing("migrations")
        newest.create(app="accounts", name=last)
        assert "accounts.9999_later" in look("migrations").verdict.sentence
    finally:
        MigrationRecorder.Migration.objects.filter(name="9999_later").delete()
    assert look("migrations").verdict.state is State.GOOD


def recorded_at(shift: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry of the audit log that was written while the clock was elsewhere."""
    then = timezone.now() + shift
    with monkeypatch.context() as patched:
        patched.setattr("django.utils.timezone.now", lambda: then)
        audit.record(actor=SYSTEM, action="test", object_type="test", object_name="test")


def test_a_clock_that_was_set_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look("clock").verdict.state is State.GOOD
    recorded_at(timedelta(hours=1), monkeypatch)
    assert "audit log was written at" in is_failing("clock")


def test_entries_that_nobody_signs_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_at(-timedelta(hours=2), monkeypatch)
    assert "no checkpoint" in is_failing("audit")
    audit_checkpoints.checkpoint()
    assert look("audit").verdict.state is State.GOOD
    assert AuditCheckpoint.objects.get().size == AuditLink.objects.count()


def test_a_queue_that_nobody_serves_is_told() -> None:
    assert "No job has ended" in is_failing("queue")
    Schedule.objects.create(name="tpi:due", func="math.floor", next_run=timezone.now())
    assert look("queue").verdict.state is State.WARNING, "it may just have been started"
    Schedule.objects.create(name="tpi:late", func="math.floor", next_run=timezone.now() - timedelta(hours=1))
    assert "tpi:late" in is_failing("schedules")
    assert "No job has ended" in is_failing("queue")


def test_a_cache_that_is_away_is_warned_of() -> None:
    assert look("cache").verdict.state is State.UNUSED
    with away():
        assert look("cache").verdict.state is State.WARNING


def test_alarms_that_are_open_are_warned_of() -> None:
    assert look("alarms").verdict.state is State.GOOD
    alarms.ring("blob-damaged", "A content is damaged.", subject="abc")
    assert "blob-damaged abc" in look("alarms").verdict.sentence


def test_an_address_where_nobody_listens_is_told(settings: Any) -> None:
    settings.TPI_URL = f"http://{LOOPBACK}:{free_port()}"
    assert "cannot be reached" in is_failing("address")


class Alive(BaseHTTPRequestHandler):
    """Answers as a proxy in front of TPI does."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/pkg/livez" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""


@contextmanager
def tls_front(certificate: ServerCertificate) -> Iterator[int]:
    """An HTTPS server's port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *arguments: Any) -> None:
            """Who does not believe the certificate goes away."""

        def finish_request(self, request: Any, client_address: Any) -> None:
            with context.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)

    with Quiet((LOOPBACK, 0), Alive) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("case", ["believed", "unknown authority", "expired"])
def test_the_certificate_of_the_public_address(
    case: str, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    certificate = authority.issue("server", addresses=[LOOPBACK], is_expired=case == "expired")
    if case != "unknown authority":
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    with tls_front(certificate) as port:
        settings.TPI_URL = f"https://{LOOPBACK}:{port}/pkg"
        finding = look("address")
    assert finding.verdict.state is State.FAILING, "also the good one, which ends within a day"
    expected = {"believed": "in 0 days", "unknown authority": "is not believed", "expired": "expired"}[case]
    assert expected in finding.verdict.sentence


def run_doctor(*options: str) -> tuple[str, int]:
    printed, code = StringIO(), 0
    try:
        call_command("doctor", *options, stdout=printed)
    except SystemExit as end:
        code = int(end.code or 0)
    return printed.getvalue(), code


def test_the_command_prints_and_leaves_with_one_where_something_fails() -> None:
    text, code = run_doctor()
    assert code == 1
    assert "FAIL Queue of jobs: No job has ended" in text
    assert "ok   Storage:" in text


def test_the_command_speaks_json() -> None:
    text, code = run_doctor("--json")
    found = json.loads(text)
    assert (code, found["healthy"]) == (1, False)
    assert {check["name"] for check in found["checks"]} == {probe.name for probe in PROBES}
