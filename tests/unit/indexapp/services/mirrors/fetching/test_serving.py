"""Files of a mirror: fetched when asked for, kept, and given whole, in parts and through groups."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

import pytest

from accounts.models import AuditEntry
from indexapp.models import Blob, Change, File, Index, MirroredFile
from indexapp.services.integrity import checking
from indexapp.services.integrity.checking import Summary, Wish
from indexapp.services.mirrors import files, uses
from indexapp.storage import default_storage
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.factories.people import SYSTEM
from tests.factories.policies import make_rule
from tests.factories.publishing import make_group, make_index, make_project
from tests.plugins import process_memory
from tests.servers.static_index import Behaviour, StaticIndex
from tests.unit.indexapp.services.mirrors.fetching.asked import address, fetched, kept, listed, settled
from tests.wsgi_client import WsgiClient
from tpi_site.kit.read_only import ReadOnly

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


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
