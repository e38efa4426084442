"""Archives are fetched from a real server on loopback."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Alarm
from indexapp import tasks
from indexapp.models import Advisory, AdvisoryImport
from indexapp.services.vulnerabilities import fetching, importing
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.vulnerabilities import archive, osv_record, told_as
from tpi_site.kit import locking

pytestmark = pytest.mark.django_db


class _Handler(BaseHTTPRequestHandler):
    content: ClassVar[bytes] = b""
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("Authorization", ""))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/all.zip")
            self.end_headers()
            return
        found = self.path in ("/all.zip", "/cut")
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(self.content) * (2 if self.path == "/cut" else 1)))
        self.end_headers()
        self.wfile.write(self.content if found else b"")

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def _server(content: bytes) -> Iterator[str]:
    _Handler.content = content
    _Handler.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def host(settings: Any, tmp_path: Path) -> Iterator[str]:
    settings.TPI_DATA_DIR = tmp_path / "data"
    settings.TPI_DATA_DIR.mkdir()
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with _server(archive(tmp_path / "all.zip", [osv_record()]).read_bytes()) as host:
        yield host


def _left(settings: Any) -> list[Path]:
    return list((settings.TPI_DATA_DIR / "tmp").iterdir())


def test_an_archive_is_fetched_and_taken_in(host: str, settings: Any) -> None:
    row = fetching.import_from(actor=SYSTEM, url=f"http://somebody:secret@{host}/all.zip")
    assert (row.added, Advisory.objects.count()) == (1, 1)
    assert _Handler.asked == ["Basic " + base64.b64encode(b"somebody:secret").decode()]
    assert "secret" not in AdvisoryImport.objects.get().source
    assert _left(settings) == []


def test_a_redirect_is_followed(host: str) -> None:
    assert fetching.import_from(actor=SYSTEM, url=f"http://{host}/moved").added == 1


@pytest.mark.parametrize("path", ["nothing", "cut"])
def test_what_does_not_come_whole_rings_and_changes_nothing(path: str, host: str, settings: Any) -> None:
    with told_as("osv-archive-away"):
        fetching.import_from(actor=SYSTEM, url=f"http://somebody:secret@{host}/{path}")
    alarm = Alarm.objects.get(code=importing.FAILED)
    assert "secret" not in alarm.sentence
    assert not Advisory.objects.exists()
    assert _left(settings) == []


def test_an_address_inside_is_not_asked(host: str, settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = []
    with told_as("osv-archive-away"):
        fetching.import_from(actor=SYSTEM, url=f"http://{host}/all.zip")
    assert _Handler.asked == []


def test_nobody_else_fetches(host: str, cast: Cast) -> None:
    with refused("operator-needed"):
        fetching.import_from(actor=cast.actor("team_admin"), url=f"http://{host}/all.zip")
    assert _Handler.asked == []


def test_the_command_fetches(host: str, settings: Any) -> None:
    call_command("import_osv", f"http://{host}/all.zip")
    with pytest.raises(CommandError, match="404"):
        call_command("import_osv", f"http://{host}/nothing")
    assert list(AdvisoryImport.objects.values_list("state", "added")) == [("done", 1)]


def test_the_job_begins_a_command_that_knows_the_address_by_itself(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TPI_DATA_DIR = tmp_path
    begun: list[list[str]] = []
    monkeypatch.setattr(fetching.subprocess, "Popen", lambda command, **_: begun.append(command))
    assert tasks.fetch_vulnerabilities() == "import_osv"
    assert [command[2:] for command in begun] == [["import_osv"]]
    with locking.alone(importing.LOCK):
        assert tasks.fetch_vulnerabilities() == ""
    assert len(begun) == 1
    with pytest.raises(CommandError, match="TPI_OSV_URL"):
        call_command("import_osv")
