"""Files of a mirror: fetched when asked for, proved, kept, and never wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import DatabaseError

from accounts.models import Alarm, AuditEntry
from indexapp.models import Blob, Change, File, Index, MirroredFile
from indexapp.services.integrity import checking
from indexapp.services.integrity.checking import Summary, Wish
from indexapp.services.mirrors import files, uses
from indexapp.services.mirrors.fetching import download as downloads
from indexapp.services.mirrors.fetching import keeping, receiving, running, wanted
from indexapp.services.mirrors.fetching.download import BrokenOff, Download
from indexapp.services.mirrors.places import Places
from indexapp.storage import default_storage
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.factories.people import SYSTEM
from tests.factories.policies import make_rule
from tests.factories.publishing import make_group, make_index, make_mirror, make_project
from tests.plugins import process_memory
from tests.servers.ports import wait_until
from tests.servers.static_index import Behaviour, StaticFile, StaticIndex
from tests.wsgi_client import Answer, WsgiClient
from tpi_site.kit.read_only import ReadOnly

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
JSON = "application/vnd.pypi.simple.v1+json"
LARGE = build_wheel("acme-tool", "2.0", files={"acme_tool/noise.bin": bytes(range(256)) * 4000}, compression=0)


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tries follow each other at once; and no download goes on when the database is emptied."""
    monkeypatch.setattr(receiving, "_PAUSE", 0.01)
    yield
    wait_until(lambda: not running.under_way(), 20, lambda: "a download does not end")


@pytest.fixture
def large(upstream: StaticIndex) -> Built:
    upstream.publish(LARGE)
    return LARGE


def listed(machine: WsgiClient, filename: str) -> dict[str, Any]:
    answer = machine.get("/outside/simple/acme-tool/", Accept=JSON)
    assert answer.status == 200, answer.body
    return next(file for file in answer.json["files"] if file["filename"] == filename)


def address(machine: WsgiClient, filename: str) -> str:
    return urlsplit(listed(machine, filename)["url"]).path


def fetched(machine: WsgiClient, built: Built, **headers: str) -> Answer:
    return machine.get(address(machine, built.filename), **headers)


def settled() -> None:
    wait_until(lambda: not running.under_way(), 20, lambda: "a download does not end")


def kept(filename: str) -> File:
    settled()
    return File.objects.select_related("blob", "mirrored").get(filename=filename)


def test_a_file_is_fetched_once_and_kept(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    first = fetched(machine, large)
    assert (first.status, first.body) == (200, large.content)
    assert first.headers["Content-Length"] == str(len(large.content))
    file = kept(large.filename)
    assert file.blob is not None
    assert file.sha256 == file.blob.sha256 == hashlib.sha256(large.content).hexdigest()
    assert file.md5 == hashlib.md5(large.content, usedforsecurity=False).hexdigest()
    assert file.mirrored.fetched_at is not None
    upstream.behaviour = Behaviour(status=503)
    for _ in range(2):
        again = fetched(machine, large)
        assert (again.status, again.body) == (200, large.content)
        assert again.headers["ETag"] == f'"{file.sha256}"'
        process_memory.forget()
    assert upstream.count(large.filename) == 1
    assert not [fault for fault, _ in checking.check(actor=SYSTEM, wish=Wish(deep=True), summary=Summary())]


def test_a_small_file_is_held_back_until_it_is_proved(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    built = build_wheel("acme-tool", "1.0")
    assert fetched(machine, built).body == built.content
    assert kept(built.filename).blob is not None


@pytest.mark.parametrize("digests", [{"sha256": "0" * 64}, {"md5": "0" * 32}, {"blake2b": "0" * 128}])
def test_wrong_bytes_reach_neither_client_whole_nor_the_store(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, digests: dict[str, str]
) -> None:
    upstream.publish(StaticFile(LARGE.filename, LARGE.content, digests=digests))
    with pytest.raises(BrokenOff, match="other bytes"):
        fetched(machine, LARGE)
    file = kept(LARGE.filename)
    assert file.blob is None
    assert "other bytes" in file.mirrored.conflict
    assert not Blob.objects.filter(sha256=hashlib.sha256(LARGE.content).hexdigest()).exists()
    assert Alarm.objects.filter(code="mirror-conflict", ended_at=None).count() == 1
    refused = fetched(machine, LARGE)  # the upstream is not asked again at once
    assert (refused.status, refused.code) == (503, "upstream-mismatch")
    assert refused.headers["Retry-After"]
    assert upstream.count(LARGE.filename) == 1


def test_a_small_wrong_file_is_a_refusal(machine: WsgiClient, upstream: StaticIndex, mirror: Index) -> None:
    built = build_wheel("acme-tool", "3.0")
    upstream.publish(StaticFile(built.filename, built.content, digests={"sha256": "0" * 64}))
    path = address(machine, built.filename)
    answer = machine.get(path)
    assert (answer.status, answer.code) == (503, "upstream-mismatch")
    assert kept(built.filename).blob is None


def test_a_conflict_that_cannot_be_noted_is_told_and_costs_no_place(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwritable(*_: Any, **__: Any) -> None:
        raise DatabaseError("the server has gone away")

    monkeypatch.setattr(keeping.audit, "record", unwritable)
    upstream.publish(StaticFile(LARGE.filename, LARGE.content, digests={"sha256": "0" * 64}))
    with pytest.raises(BrokenOff, match="other bytes"):
        fetched(machine, LARGE)
    settled()
    refused = fetched(machine, LARGE)
    assert (refused.status, refused.code) == (503, "upstream-mismatch")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whatever_ends_a_thread_its_place_is_free_again(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = address(machine, large.filename)
    row = File.objects.get(filename=large.filename).pk

    def ended(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(downloads.receiving, "receive", ended)
        download = running.follow(row)
        assert download is not None
        settled()
    assert download.failure is not None
    with pytest.raises(BrokenOff):
        download.read(0)
    download.leave()
    assert machine.get(path).body == large.content


def test_a_size_that_was_a_lie_is_a_conflict(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    path = address(machine, large.filename)
    File.objects.filter(filename=large.filename).update(size=len(large.content) - 1)
    answer = machine.get(path)
    assert (answer.status, answer.code) == (503, "upstream-mismatch")
    file = kept(large.filename)
    assert file.blob is None
    assert "were announced" in file.mirrored.conflict


def test_a_broken_connection_is_gone_on_with(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(fault="truncate", on="file")
    asked: list[int] = []
    real = receiving.open_file

    def once_bad(*arguments: Any, **named: Any) -> Any:
        asked.append(named["start"])
        if len(asked) > 1:
            upstream.behaviour = Behaviour()
        return real(*arguments, **named)

    monkeypatch.setattr(receiving, "open_file", once_bad)
    assert machine.get(path).body == large.content
    assert asked[0] == 0 < asked[1]
    assert kept(large.filename).blob is not None


def test_without_parts_it_begins_again_and_is_held_against_what_came(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(fault="truncate", on="file", has_etags=False, has_ranges=False)
    real, tries = receiving.open_file, []

    def once_bad(*arguments: Any, **named: Any) -> Any:
        tries.append(named["start"])
        if len(tries) > 1:
            upstream.behaviour = Behaviour(has_etags=False, has_ranges=False)
        return real(*arguments, **named)

    monkeypatch.setattr(receiving, "open_file", once_bad)
    assert machine.get(path).body == large.content
    assert tries == [0, 0] or len(tries) == 2


def test_an_upstream_that_always_breaks_off_gives_nothing(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(fault="truncate", on="file", has_ranges=False)
    with pytest.raises(BrokenOff, match="upstream"):
        machine.get(path)
    assert kept(large.filename).blob is None


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(status=500),
        Behaviour(status=429, retry_after="7"),
        Behaviour(fault="reset"),
        Behaviour(fault="garbage"),
        Behaviour(redirect_to="http://10.255.255.1/"),
        Behaviour(redirect_to="file:///etc/passwd"),
    ],
)
def test_a_failing_upstream_is_503_and_not_404(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, behaviour: Behaviour
) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = behaviour
    answer = machine.get(path)
    assert (answer.status, answer.code) == (503, "upstream-unavailable")
    assert answer.headers["Retry-After"]


def test_what_the_upstream_has_no_more_is_said(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    path = address(machine, large.filename)
    upstream.remove(large.filename)
    for _ in range(2):
        answer = machine.get(path)
        assert (answer.status, answer.code) == (410, "upstream-gone")
    assert upstream.count(large.filename) == 1


def test_a_file_without_digest_gets_one_and_keeps_its_old_address(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    upstream.behaviour = Behaviour(hashes="none")
    old = address(machine, large.filename)
    assert listed(machine, large.filename)["hashes"] == {}
    assert machine.get(old).body == large.content
    sha256 = hashlib.sha256(large.content).hexdigest()
    assert kept(large.filename).sha256 == sha256
    now = listed(machine, large.filename)
    assert now["hashes"] == {"sha256": sha256}
    for path in (old, urlsplit(now["url"]).path):
        process_memory.forget()
        assert machine.get(path).body == large.content
    assert upstream.count(large.filename) == 1


@pytest.mark.parametrize(
    "fault", ["endless", "endless-chunks", "huge-length", "long-length", "short-length", "gzip-bomb"]
)
def test_bodies_that_lie_or_do_not_end_are_not_kept(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, fault: Any
) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(fault=fault, on="file")
    try:
        answer = machine.get(path)
    except (BrokenOff, AssertionError):  # the transfer ended early
        pass
    else:
        assert answer.status == 503
    file = kept(large.filename)
    assert file.blob is None
    assert Blob.objects.filter(size__gt=100_000).count() == 0


def test_a_file_above_the_limit_is_not_fetched(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    path = address(machine, large.filename)
    Index.objects.filter(pk=mirror.pk).update(max_file_size=len(large.content) - 1)
    answer = machine.get(path)
    assert (answer.status, answer.code) == (503, "file-too-large")
    assert kept(large.filename).blob is None


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-99", 0, 100), ("bytes=-1000", -1000, None), ("bytes=500000-500099", 500_000, 500_100)],
)
def test_a_part_comes_out_of_the_download(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, asked: str, start: int, stop: int | None
) -> None:
    answer = fetched(machine, large, Range=asked)
    assert (answer.status, answer.body) == (206, large.content[start:stop])
    assert answer.headers["Content-Range"].endswith(f"/{len(large.content)}")
    assert kept(large.filename).blob is not None


def test_a_head_says_the_size_and_asks_nobody_where_that_is_known(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    answer = machine.head(address(machine, large.filename))
    assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(large.content)))
    assert upstream.count(large.filename) == 0


def test_a_head_waits_for_the_size_where_only_the_upstream_knows_it(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    upstream.behaviour = Behaviour(forms=("html",))
    answer = machine.head(address(machine, large.filename))
    assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(large.content)))


def test_a_group_passes_the_file_on_but_not_of_a_name_that_is_ours(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    ours = make_index("ours", anonymous_read=True)
    make_group("all", ours, mirror, anonymous_read=True)
    process_memory.forget()
    path = address(machine, large.filename)
    through = path.replace("/outside/", "/all/", 1)
    assert machine.get(through).body == large.content
    settled()
    make_project(ours, "acme-tool")
    process_memory.forget()
    for each in (path, through, f"{through}.metadata"):
        assert machine.get(each).status in {401, 404}
    assert upstream.count(large.filename) == 1


def test_bytes_that_are_lost_or_damaged_are_fetched_again(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    assert fetched(machine, large).body == large.content
    blob = kept(large.filename).blob
    assert blob is not None
    default_storage().delete(blob.object_name)
    assert fetched(machine, large).body == large.content
    settled()
    assert default_storage().holds(Blob.objects.get(pk=blob.pk).place, blob.sha256)
    path = default_storage().objects.local_path(Blob.objects.get(pk=blob.pk).object_name)
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(b"x" * path.stat().st_size)
    list(checking.check(actor=SYSTEM, wish=Wish(deep=True), summary=Summary()))
    assert Blob.objects.get(pk=blob.pk).damaged_at is not None
    assert fetched(machine, large).body == large.content
    settled()
    assert Blob.objects.get(pk=blob.pk).damaged_at is None
    assert upstream.count(large.filename) == 3


def test_an_offline_mirror_serves_what_it_has(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    other = build_wheel("acme-tool", "1.0")
    path = address(machine, other.filename)
    assert fetched(machine, large).body == large.content
    settled()
    mirror.upstream.is_offline = True
    mirror.upstream.save()
    assert fetched(machine, large).status == 200
    answer = machine.get(path)
    assert (answer.status, answer.code) == (503, "upstream-unavailable")
    assert upstream.count(other.filename) == 0


def test_a_drip_begins_before_it_ends(machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(pause_after=700_000, on="file")
    row = File.objects.get(filename=large.filename).pk
    download = running.follow(row)
    assert download is not None
    try:
        wait_until(lambda: download.released > 500_000, 20, lambda: "nothing is released")
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
    wait_until(lambda: upstream.count(large.filename) == 1, 20, lambda: "nobody asks the upstream")
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
    wait_until(lambda: download.released > 0, 20, lambda: "nothing comes")
    download.leave()
    upstream.resume.set()
    settled()
    assert download.failure is not None
    assert kept(large.filename).blob is None


def test_an_upstream_that_drips_is_given_up(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_WINDOW", 0.5)
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(fault="drip", on="file")
    with pytest.raises(BrokenOff, match="bytes a second"):  # the first few had been sent on
        machine.get(path)
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
    wait_until(lambda: upstream.count(".whl") == 1, 20, lambda: "nobody asks the upstream")
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


def test_in_read_only_mode_files_pass_through_and_nothing_is_written(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, settings: Any
) -> None:
    path = address(machine, large.filename)
    settled()

    def rows() -> list[Any]:
        return [list(table.objects.order_by("pk").values()) for table in (File, MirroredFile, Blob, AuditEntry, Change)]

    before = rows()
    settings.TPI_READ_ONLY = True
    assert machine.get(path).body == large.content
    settled()
    metadata = machine.get(f"{path}.metadata")
    assert (metadata.status, metadata.code) == (503, "read-only")
    assert uses.write() == 0
    with pytest.raises(ReadOnly):
        files.fetch(File.objects.get(filename=large.filename).pk)
    assert rows() == before
    settings.TPI_READ_ONLY = False
    assert machine.get(f"{path}.metadata").status == 200  # at once
    assert machine.get(path).body == large.content
    assert kept(large.filename).blob is not None


def test_a_blocked_file_is_refused_before_the_upstream_hears_of_it(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    path = address(machine, large.filename)
    make_rule(mirror, "block", name="nothing from there", projects=["acme-tool"])
    process_memory.forget()
    for each in (machine.get(path), machine.get(path, Range="bytes=0-9"), machine.get(f"{path}.metadata")):
        assert (each.status, each.code) == (403, "policy-blocked")
    assert machine.head(path).status == 403
    assert not any(large.filename in asked.path for asked in upstream.requests)
