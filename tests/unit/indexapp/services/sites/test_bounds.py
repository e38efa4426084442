"""What one site does, or an address at it, costs no other: wishes, time, and where the index is led."""

from __future__ import annotations

import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.management import call_command

from indexapp.clients import mirror_sites as client
from indexapp.clients.mirror_sites import STRETCH, SiteAddress, SiteTrouble
from indexapp.models import File, FileProof, Index, MirrorSite
from indexapp.services.mirrors import uses
from indexapp.services.sites import checking, notes, standing
from indexapp.services.sites import settings as site_settings
from indexapp.services.sites.notes import Wish
from tests.factories.mirror_sites import in_use, make_site
from tests.factories.people import SYSTEM
from tests.plugins.process_memory import forget
from tests.servers.ports import LOOPBACK
from tests.servers.text_server import TextServer
from tests.servers.threaded import Threaded
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def _wish(site: MirrorSite, number: int, index: Index) -> Wish:
    return Wish(site.pk, f"{number:064x}", index.pk, f"{number}.whl")


def test_wishes_at_a_site_that_is_away_take_no_room_from_those_at_another(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "_MOST_WISHED", 3)
    away, other = make_site("away", indexes=[index]), make_site("other", indexes=[index])
    for number in range(6):
        notes.wish(_wish(away, number, index))
        notes.write()
    assert FileProof.objects.filter(site=away).count() == 4
    notes.wish(_wish(other, 1, index))
    notes.write()
    assert FileProof.objects.filter(site=other).count() == 1


class Dripping(Threaded):
    """Gives a stretch at a time, always a moment before patience ends; ``sent`` counts stretches."""

    def __init__(self, body: bytes) -> None:
        self.sent = 0
        outer, self.over = self, threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    for at in range(0, len(body), STRETCH):
                        self.wfile.write(body[at : at + STRETCH])
                        outer.sent += 1
                        outer.over.wait(0.6)
                except OSError:
                    return

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{server.server_port}/"
        self._listen(server)


def test_a_site_that_drips_a_large_file_is_not_waited_for_longer_than_a_while(
    index: Index, file: File, built: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    monkeypatch.setattr(checking, "_LONGEST", 0.3)
    with Dripping(built.content) as site:
        made = in_use(make_site("drips", site.url, indexes=[index], lag_hours=0))
        path = f"{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"
        notes.wish(Wish(made.pk, file.sha256, index.pk, path))
        notes.write()
        MirrorSite.objects.update(next_check_at="2100-01-01T00:00:00Z")
        assert checking.run() == {}
        site.over.set()
    proof = FileProof.objects.get(site=made)
    assert (proof.proved_at, proof.wanted_at) == (None, None)
    assert proof.missing_at is not None
    made.refresh_from_db()
    assert made.state == MirrorSite.State.HEALTHY


def test_a_site_leads_the_index_nowhere_else(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with TextServer(b"inner bytes", "application/octet-stream") as inner:
        headers = {"Location": f"{inner.url}secret"}
        with TextServer(b"", "text/html", status=302, headers=headers) as site:
            address = SiteAddress(site.url)
            with pytest.raises(SiteTrouble):
                list(client.stretches(address, address.url("open", "a.whl"), 11, patience=5.0))
            with pytest.raises(SiteTrouble):
                client.touch(address, address.url("open", "a.whl"))


def test_a_mirrors_file_that_a_site_gives_counts_as_used(
    healthy: MirrorSite, machine: WsgiClient, index: Index, file: File
) -> None:
    """Else what is wanted most would be the first to go when the mirror needs room."""
    site_settings.set_mode(actor=SYSTEM, index=index, mode="through")
    Index.objects.update(kind=Index.Kind.MIRROR)
    forget()
    reply = machine.get(f"/open/files/{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}")
    assert reply.status == 200
    notes.write()
    healthy.refresh_from_db()
    assert healthy.given_bytes == file.size
    assert file.pk in uses._due


def test_a_site_that_nothing_can_be_asked_of_says_so(index: Index, file: File) -> None:
    Index.objects.update(anonymous_read=False)
    forget()
    site = make_site(indexes=[index])
    checking.run(now=True)
    site.refresh_from_db()
    assert (site.state, site.reason) == (MirrorSite.State.PROBATION, standing.NOTHING)
    printed = io.StringIO()
    call_command("mirror_sites", "check", stdout=printed)
    assert standing.NOTHING in printed.getvalue()
