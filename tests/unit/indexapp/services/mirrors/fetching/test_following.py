"""Downloads, those who follow them, and those who do not any more."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from indexapp.models import File, Index, MirroredFile
from indexapp.services.mirrors.fetching import download as downloads
from indexapp.services.mirrors.fetching import running, wanted
from indexapp.services.mirrors.fetching.download import Download
from indexapp.services.mirrors.places import Places
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.factories.publishing import make_mirror
from tests.servers.ports import wait_until
from tests.servers.static_index import Behaviour, StaticIndex
from tests.unit.indexapp.services.mirrors.fetching.asked import JSON, address, fetched, kept, settled
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def test_a_drip_begins_before_it_ends(machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(pause_after=700_000, on="file")
    row = File.objects.get(filename=large.filename).pk
    download = running.follow(row)
    assert download is not None
    try:
        wait_until(lambda: download.released > 500_000, 60, lambda: "nothing is released")
        assert not download.is_over
        assert bytes(download.read(0, 100) or b"") == large.content[:100]
        part = machine.get(path, Range="bytes=1000-1999")
        assert (part.status, part.body) == (206, large.content[1000:2000])
        upstream.resume.set()
        assert machine.get(path).body == large.content
    finally:
        upstream.resume.set()
        download.leave()
    settled()
    assert upstream.count(large.filename) == 1
    assert MirroredFile.objects.get(pk=row).fetching_until is None


def test_what_nobody_waits_for_is_given_up_and_begun_again_when_asked_for(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_LONELY_SECONDS", 0.0)
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(pause_after=1000, on="file")
    download = running.follow(File.objects.get(filename=large.filename).pk)
    assert download is not None
    download.leave()
    wait_until(lambda: upstream.count(large.filename) == 1, 60, lambda: "nobody asks the upstream")
    upstream.resume.set()
    settled()
    assert kept(large.filename).blob is None
    monkeypatch.setattr(downloads, "_LONELY_SECONDS", 60.0)
    upstream.behaviour = Behaviour()
    assert machine.get(path).body == large.content


def test_what_nobody_waits_for_ends_though_most_of_it_came(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_LONELY_MOST", 0.0)
    monkeypatch.setattr(downloads, "_WORTH_IT", 0.0)
    address(machine, large.filename)
    upstream.behaviour = Behaviour(pause_after=500_000, on="file")
    download = running.follow(File.objects.get(filename=large.filename).pk)
    assert download is not None
    wait_until(lambda: download.released > 0, 60, lambda: "nothing comes")
    download.leave()
    upstream.resume.set()
    settled()
    assert download.failure is not None
    assert kept(large.filename).blob is None


def test_one_mirror_leaves_the_others_room(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_places", Places(2))
    make_mirror("other", upstream.url, anonymous_read=True)
    slow, also_slow = (build_wheel("acme-tool", version) for version in ("8.0", "8.1"))
    upstream.publish(slow)
    upstream.publish(also_slow)
    path = address(machine, large.filename)
    other = machine.get("/other/simple/acme-tool/", Accept=JSON).json["files"]
    ours = next(urlsplit(file["url"]).path for file in other if file["filename"] == large.filename)
    upstream.behaviour = Behaviour(pause_after=10, on="file")
    rows = File.objects.filter(index=mirror, filename__in=[slow.filename, also_slow.filename])
    waiting = [running.follow(file.pk) for file in rows]
    wait_until(lambda: upstream.count(".whl") == 1, 60, lambda: "nobody asks the upstream")
    upstream.behaviour = Behaviour()
    assert machine.get(ours).body == large.content
    assert upstream.count(slow.filename) + upstream.count(also_slow.filename) == 1
    upstream.resume.set()
    assert machine.get(path).body == large.content
    for download in waiting:
        assert download is not None
        download.leave()


def test_what_another_process_has_put_into_the_store_meanwhile_comes_from_there(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    assert fetched(machine, large).body == large.content
    file = kept(large.filename)
    blob = file.blob
    File.objects.filter(pk=file.pk).update(blob=None)
    found = wanted.load(file.pk)  # as a process does that looks before the other one has come to its end
    assert found is not None
    File.objects.filter(pk=file.pk).update(blob=blob)
    download = Download(found)
    assert download.join()
    download.run()
    assert b"".join(downloads.pieces(download, 0, None)) == large.content
    assert upstream.count(large.filename) == 1
