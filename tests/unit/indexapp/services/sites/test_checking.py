"""A site is checked by the bytes that it serves."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Alarm, AuditEntry
from indexapp.clients.mirror_sites import STRETCH
from indexapp.models import File, FileProof, Index, MirrorSite, PieceDigests
from indexapp.services.sites import checking, notes, secrets, settings, standing
from indexapp.services.sites.notes import Wish
from tests.builders.core_metadata import Built
from tests.factories.mirror_sites import KEY, in_use, make_site
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index, published
from tests.servers.text_server import TextServer
from tpi_site.kit import sealing

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def _open_alarms() -> set[tuple[str, str]]:
    return set(Alarm.objects.filter(ended_at=None).values_list("code", "subject"))


def _moved(site: MirrorSite, server: TextServer) -> None:
    """The site answers from elsewhere now, and nobody was told."""
    MirrorSite.objects.filter(pk=site.pk).update(base_url=server.url.removesuffix("simple/"))


def test_a_new_site_passes_three_checks_first(site: MirrorSite, file: File, built: Built) -> None:
    states = []
    for _ in range(3):
        report = checking.run(now=True)[site.name]
        assert (report.right, report.wrong, report.away, report.lacking) == (1, "", "", "")
        site.refresh_from_db()
        states.append(site.state)
    assert states == ["probation", "probation", "healthy"]
    assert FileProof.objects.get().sha256 == file.sha256
    pieces = [built.content[at : at + STRETCH] for at in range(0, len(built.content), STRETCH)]
    assert len(pieces) == 3
    digests = b"".join(hashlib.sha256(piece).digest() for piece in pieces)
    assert bytes(PieceDigests.objects.get().digests) == digests
    assert list(AuditEntry.objects.values_list("action", flat=True)).count("mirror-site.back") == 1


def test_it_is_not_checked_before_it_is_time(healthy: MirrorSite) -> None:
    assert checking.run() == {}
    MirrorSite.objects.update(next_check_at=timezone.now())
    assert [*checking.run()] == [healthy.name]


def test_wrong_bytes_take_it_out_until_somebody_puts_it_back(healthy: MirrorSite, built: Built) -> None:
    other = built.content[:-1] + bytes([built.content[-1] ^ 1])
    with TextServer(other, "application/octet-stream") as bad:
        _moved(healthy, bad)
        assert checking.run(now=True)[healthy.name].wrong
    healthy.refresh_from_db()
    assert healthy.state == MirrorSite.State.WRONG
    assert _open_alarms() == {(standing.WRONG_BYTES, healthy.name)}
    assert AuditEntry.objects.filter(action="mirror-site.wrong", object_name=healthy.name).count() == 1
    assert not FileProof.objects.exists()
    assert checking.run(now=True) == {}
    settings.put_back(actor=SYSTEM, site=healthy)
    healthy.refresh_from_db()
    assert (healthy.state, healthy.passes) == (MirrorSite.State.PROBATION, 0)
    assert _open_alarms() == set()


@pytest.mark.parametrize(("cut", "state"), [(1, "wrong"), (-1, "wrong")], ids=["fewer", "more"])
def test_another_number_of_bytes_is_wrong(healthy: MirrorSite, built: Built, cut: int, state: str) -> None:
    content = built.content[:-1] if cut == 1 else built.content + b"x"
    with TextServer(content, "application/octet-stream") as bad:
        _moved(healthy, bad)
        checking.run(now=True)
    healthy.refresh_from_db()
    assert healthy.state == state


def test_one_that_is_away_is_asked_later_each_time_and_comes_back_by_itself(
    healthy: MirrorSite, server: TextServer
) -> None:
    pauses = []
    with TextServer("out of order", "text/plain", status=500) as bad:
        _moved(healthy, bad)
        for _ in range(3):
            checking.run(now=True)
            healthy.refresh_from_db()
            assert (healthy.state, "500" in healthy.reason) == (MirrorSite.State.UNREACHABLE, True)
            assert healthy.checked_at is not None
            pauses.append((healthy.next_check_at - healthy.checked_at).total_seconds())
    assert pauses == [30, 60, 120]
    assert _open_alarms() == {(standing.AWAY, healthy.name)}
    assert AuditEntry.objects.filter(action="mirror-site.unreachable").count() == 1
    _moved(healthy, server)
    checking.run(now=True)
    healthy.refresh_from_db()
    assert (healthy.state, healthy.failures, healthy.reason) == (MirrorSite.State.HEALTHY, 0, "")
    assert healthy.share == pytest.approx(0.125)
    assert _open_alarms() == set()


@pytest.mark.parametrize(("hours", "state"), [(0, "stale"), (24, "healthy")])
def test_what_it_should_have_by_now_is_known_by_its_age(healthy: MirrorSite, hours: int, state: str) -> None:
    MirrorSite.objects.update(lag_hours=hours)
    with TextServer("nothing", "text/plain", status=404) as behind:
        _moved(healthy, behind)
        checking.run(now=True)
    healthy.refresh_from_db()
    assert healthy.state == state
    assert bool(_open_alarms()) is (state == "stale")


def test_what_readers_wanted_is_looked_for(healthy: MirrorSite, file: File, index: Index) -> None:
    FileProof.objects.all().delete()
    path = f"{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"
    notes.wish(Wish(healthy.pk, file.sha256, index.pk, path))
    notes.wish(Wish(healthy.pk, "0" * 64, index.pk, f"00/00/{'0' * 60}/gone-1.0.tar.gz"))
    notes.wish(Wish(healthy.pk + 1000, file.sha256, index.pk, path))
    notes.write()
    assert FileProof.objects.filter(proved_at=None).count() == 2
    checking.run()
    proof = FileProof.objects.get()
    assert (proof.sha256, proof.wanted_at) == (file.sha256, None)
    assert proof.proved_at is not None


def test_private_files_are_no_specimens_for_a_site_that_takes_none(server: TextServer, built: Built) -> None:
    inner = make_index("inner")
    published(inner, built)
    url = server.url.removesuffix("simple/")
    site = make_site(url=url, indexes=[inner], lag_hours=0)
    assert checking.run(now=True)[site.name].right == 0
    settings.change(actor=SYSTEM, site=site, takes_private=True, signing="tpi", signing_key=KEY)
    assert checking.run(now=True)[site.name].right == 1


def test_failures_of_readers_count_at_once(healthy: MirrorSite) -> None:
    notes.failed(healthy.pk, "It answers 500.", is_wrong=False)
    assert notes.is_blocked(healthy.pk)
    notes.failed(healthy.pk, "other bytes", is_wrong=True)
    notes.failed(healthy.pk, "It answers 500.", is_wrong=False)
    notes.write()
    healthy.refresh_from_db()
    assert healthy.state == MirrorSite.State.WRONG, "wrong bytes are not forgotten for something less"


def test_a_full_site_is_given_less(healthy: MirrorSite) -> None:
    MirrorSite.objects.update(share=1.0, capacity=1000, given_since=timezone.now() - timedelta(seconds=100))
    checking.note_given(healthy.pk, 1000 * 100 * 4)
    checking.run(now=True)
    healthy.refresh_from_db()
    assert healthy.share == pytest.approx((0.85 / 4) ** 0.5, rel=0.05)
    assert healthy.given_bytes == 0


def test_a_site_whose_key_does_not_open_is_away(healthy: MirrorSite) -> None:
    MirrorSite.objects.update(signing="tpi", signing_key="v1.nothing.nothing")
    assert checking.run(now=True)[healthy.name].away


def test_slow_is_what_a_person_would_call_so() -> None:
    assert not checking.is_slow(1000, 1.0)
    assert checking.is_slow(1000, 2.0)
    assert not checking.is_slow(8 * 2**20, 20.0)
    assert checking.is_slow(8 * 2**20, 40.0)


def test_old_proofs_are_forgotten(healthy: MirrorSite, index: Index) -> None:
    long_ago = timezone.now() - checking.PROVED_FOR * 3
    FileProof.objects.update(proved_at=long_ago)
    MirrorSite.objects.update(state=MirrorSite.State.OUT)
    checking.run()
    assert not FileProof.objects.exists()
    assert not PieceDigests.objects.exists()


def test_nothing_is_asked_of_a_site_without_files(db: Any) -> None:
    site = in_use(make_site(indexes=[make_index("empty", anonymous_read=True)]))
    report = checking.run(now=True)[site.name]
    assert (report.right, report.away) == (0, "")
    site.refresh_from_db()
    assert site.state == MirrorSite.State.HEALTHY


def test_a_site_that_is_retired_meanwhile_keeps_no_other_from_its_check(
    healthy: MirrorSite, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_site(url=healthy.base_url, indexes=[index], name="zz-last")
    really = checking._check

    def check(site: MirrorSite) -> checking.Report:
        report = really(site)
        if site.pk == healthy.pk:
            settings.retire(actor=SYSTEM, site=site)
        return report

    monkeypatch.setattr(checking, "_check", check)
    assert "zz-last" in checking.run(now=True)


def test_the_command_says_whom_it_passes_over_and_leaves_with_1(
    healthy: MirrorSite, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("mirror_sites", "check")
    standing.wrong(healthy, "other bytes")
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        call_command("mirror_sites", "check")
    assert left.value.code == 1
    assert f"{healthy.name}: Served wrong bytes, not checked." in capsys.readouterr().out


@pytest.mark.parametrize("is_open", [True, False])
def test_who_watches_sites_is_told_no_names_of_private_files(server: TextServer, built: Built, is_open: bool) -> None:
    index = make_index("secret", anonymous_read=is_open)
    filename, url = published(index, built).filename, server.url.removesuffix("simple/")
    site = in_use(make_site(url=url, indexes=[index], lag_hours=0, takes_private=True, signing="tpi", signing_key=KEY))
    with TextServer(built.content[:-1] + b"!", "application/octet-stream") as bad:
        _moved(site, bad)
        site.refresh_from_db()
        site.signing_key = sealing.seal(KEY, secrets.purpose(site.name, site.base_url))
        site.save()
        told = checking.run(now=True)[site.name].wrong
    with TextServer(b"", "text/plain", status=404) as empty:
        settings.put_back(actor=SYSTEM, site=site)
        _moved(site, empty)
        site.refresh_from_db()
        site.signing_key = sealing.seal(KEY, secrets.purpose(site.name, site.base_url))
        site.save()
        lacking = checking.run(now=True)[site.name].lacking
    assert told
    assert lacking
    for sentence in (told, lacking, *Alarm.objects.values_list("sentence", flat=True)):
        assert (filename in sentence) is is_open
