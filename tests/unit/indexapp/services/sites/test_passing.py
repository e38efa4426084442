"""What passes through the index: what a site lacks, how slow it may be, and how many answers it holds at a time."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import settings as django_settings

from accounts.models import Alarm
from accounts.services import generations
from indexapp.clients.mirror_sites import STRETCH
from indexapp.models import File, FileProof, Index, MirrorSite
from indexapp.services.sites import checking, notes, passing, settings, specimens, turns
from indexapp.services.sites.choosing import Chosen, Known
from indexapp.services.sites.specimens import Specimen
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.factories.mirror_sites import make_site
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.servers.ports import LOOPBACK
from tests.servers.text_server import TextServer
from tests.servers.threaded import Threaded
from tests.wsgi_client import WsgiClient
from tpi_site import checks

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def through(healthy: MirrorSite, index: Index) -> MirrorSite:
    settings.set_mode(actor=SYSTEM, index=index, mode="through")
    return healthy


def _path(file: File) -> str:
    return f"/{file.index.name}/files/{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"


def _given() -> int:
    notes.write()
    return sum(MirrorSite.objects.values_list("given_bytes", flat=True))


def _state(site: MirrorSite) -> str:
    site.refresh_from_db()
    return site.state


@pytest.mark.parametrize("mode", ["through", "redirect"])
def test_a_file_that_is_gone_from_a_site_takes_nobody_the_site(
    *, through: MirrorSite, machine: WsgiClient, file: File, index: Index, built: Built, mode: str
) -> None:
    settings.set_mode(actor=SYSTEM, index=index, mode=mode)
    with TextServer(b"", "text/plain", status=404) as empty:
        MirrorSite.objects.update(base_url=empty.url.removesuffix("simple/"), sending=mode)
        assert machine.get(_path(file)).body == built.content
        assert not notes.is_blocked(through.pk)
        assert notes.is_lacking(through.pk, file.sha256)
        MirrorSite.objects.update(next_check_at="2100-01-01T00:00:00Z")
        notes.write()
    assert _state(through) == MirrorSite.State.HEALTHY
    assert (through.failed_answers, through.next_check_at.year < 2100) == (1, True)
    proof = FileProof.objects.get()
    assert (proof.proved_at, proof.wanted_at, proof.missing_at is not None) == (None, None, True)
    assert not Alarm.objects.filter(ended_at=None).exists()
    notes.forget_all()
    assert machine.get(_path(file)).body == built.content
    assert _given() == 0, "by the database too it is not asked for this file"


class Drip(Threaded):
    """Gives one stretch at once, and then a byte at a time, for ever."""

    def __init__(self, body: bytes) -> None:
        self.over = over = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body[:STRETCH])
                    for at in range(STRETCH, len(body)):
                        self.wfile.write(body[at : at + 1])
                        if over.wait(0.05):
                            return
                except OSError:
                    return

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{server.server_port}/"
        self._listen(server)


def test_a_site_that_drips_is_left_in_mid_answer(
    *, through: MirrorSite, machine: WsgiClient, file: File, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "_PATIENCE", 1.0)
    with Drip(built.content) as site:
        MirrorSite.objects.update(base_url=site.url)
        assert machine.get(_path(file)).body == built.content
        assert _given() == STRETCH, "the rest is our own"
        site.over.set()
    assert _state(through) == MirrorSite.State.UNREACHABLE
    assert "sends too slowly" in through.reason


def _chosen(through: MirrorSite, file: File, built: Built) -> Chosen:
    address = checking.secrets.address_of(through)
    found = checking.PieceDigests.objects.get(sha256=file.sha256)
    known = Known(through.pk, through.name, address, "", may_redirect=False, takes_private=False)
    return Chosen(known, address.url("open", "any.whl"), redirects=False, digests=bytes(found.digests))


def test_a_reader_who_is_slow_is_no_fault_of_the_site(
    *, through: MirrorSite, file: File, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "_PATIENCE", 0.5)
    taken = b""
    for piece in passing.pieces(_chosen(through, file, built), file.sha256, file.size, lambda at: iter([b"own"])):
        taken += piece
        time.sleep(1.2)
    assert taken == built.content
    notes.write()
    assert _state(through) == MirrorSite.State.HEALTHY


def test_who_lets_it_lie_until_the_site_gives_up_gets_the_rest_and_blames_nobody(
    *, through: MirrorSite, file: File, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "_PAUSE", 0.2)
    monkeypatch.setattr(passing, "_PATIENCE", 0.3)
    with Drip(built.content) as site:
        MirrorSite.objects.update(base_url=site.url)
        through.refresh_from_db()
        pieces = passing.pieces(
            _chosen(through, file, built), file.sha256, file.size, lambda at: iter([built.content[at:]])
        )
        first = next(pieces)
        time.sleep(0.5)
        assert first + b"".join(pieces) == built.content
        site.over.set()
    notes.write()
    assert _state(through) == MirrorSite.State.HEALTHY


def test_a_site_holds_half_of_the_threads_at_most(
    *, through: MirrorSite, machine: WsgiClient, file: File, built: Built, settings: Any
) -> None:
    settings.TPI_THREADS = 3
    with turns.one(through.pk) as is_free:
        assert is_free
        assert machine.get(_path(file)).body == built.content
        assert _given() == 0
        with turns.one(through.pk) as is_free_too, turns.one(through.pk + 1) as is_free_elsewhere:
            assert (is_free_too, is_free_elsewhere) == (False, True)
    assert machine.get(_path(file)).body == built.content
    assert _given() == len(built.content), "the turn was given back"
    assert turns.most() == django_settings.TPI_THREADS // 2


def test_a_reader_who_goes_away_gives_the_turn_back(
    through: MirrorSite, file: File, built: Built, settings: Any
) -> None:
    settings.TPI_THREADS = 2
    pieces = passing.pieces(_chosen(through, file, built), file.sha256, file.size, lambda at: iter([b"own"]))
    next(pieces)
    with turns.one(through.pk) as is_free:
        assert not is_free
    pieces.close()  # type: ignore[attr-defined]  # it is a generator
    with turns.one(through.pk) as is_free:
        assert is_free


@pytest.mark.parametrize("ends", ["well", "with other bytes"])
def test_a_check_that_began_before_another_address_says_nothing_of_the_new_one(
    site: MirrorSite, built: Built, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    really = checking.prove

    def prove(address: Any, specimen: Specimen) -> bytes:
        settings.change(actor=SYSTEM, site=site, base_url="http://elsewhere.example/")
        if ends != "well":
            raise checking.SiteWrong(ends)
        return really(address, specimen)

    monkeypatch.setattr(checking, "prove", prove)
    checking.run(now=True)
    assert _state(site) == MirrorSite.State.PROBATION
    assert (site.passes, site.reason, site.wrong_answers) == (0, "", 0)
    assert not FileProof.objects.exists()


def test_a_check_has_the_choice_made_anew_once(
    site: MirrorSite, index: Index, file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        published(index, build_wheel(f"acme-{number}"))
    found: list[Specimen] = []
    while len(found) < 2:  # some are drawn
        found = list(specimens.of(site))
    monkeypatch.setattr(specimens, "of", lambda _site: iter(found))
    monkeypatch.setattr(checking, "prove", lambda _address, _specimen: b"")
    bumped: list[int] = []
    monkeypatch.setattr(generations, "bump_sites", lambda: bumped.append(1))
    report = checking.run(now=True)[site.name]
    assert report.right == len(found)
    assert len(bumped) == 1


@pytest.mark.parametrize(("keys", "is_wrong"), [([], False), (["x" * 16], False), (["x" * 16, "y" * 15], True)])
def test_a_key_that_can_be_guessed_stops_the_start(settings: Any, keys: list[str], is_wrong: bool) -> None:
    settings.TPI_SITE_KEYS = keys
    told = [str(message.msg) for message in checks.addresses(None) if message.id == "tpi.E018"]
    assert bool(told) == is_wrong
    assert not any(key in sentence for key in keys for sentence in told)


def test_sites_that_failed_are_looked_at_behind_those_that_answered(
    site: MirrorSite, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    MirrorSite.objects.filter(pk=site.pk).update(failures=2)
    for name, failures in (("fine", 0), ("shaky", 1)):
        made = make_site(name, site.base_url, indexes=[index])
        MirrorSite.objects.filter(pk=made.pk).update(failures=failures)
    monkeypatch.setattr(checking, "prove", lambda _address, _specimen: b"")
    assert list(checking.run(now=True)) == ["fine", "shaky", site.name]
