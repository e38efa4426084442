"""Files that somebody asks for while the disk fills up: kept, passed through, refused, in that order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from indexapp import storage
from indexapp.domain.file_paths import file_path
from indexapp.models import Blob, File, Following, Index, WantedBlob
from indexapp.services.mirrors import files
from indexapp.services.mirrors.fetching import running
from tests.builders.core_metadata import Built
from tests.factories.publishing import published
from tests.factories.replication import make_following
from tests.plugins import process_memory
from tests.servers.fixed import Fixed
from tests.servers.small_disk import fill, small_disk
from tests.servers.static_index import StaticIndex
from tests.unit.indexapp.services.mirrors.fetching.asked import LARGE, fetched, kept, settled
from tests.wsgi_client import WsgiClient
from tpi_site.kit import read_only
from tpi_site.kit.errors import Unavailable

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

MIB = 2**20


@pytest.fixture
def disk(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """16 MiB for files, of which 4 are to stay free, and 2 of those are for what goes through."""
    with small_disk(tmp_path / "small", 16) as folder:
        settings.TPI_STORAGE_URL = f"file://{folder / 'files'}"
        settings.TPI_MIN_FREE_MB = 4
        storage.forget_default()
        yield folder
        settled()
    storage.forget_default()


def test_a_mirrors_file_goes_through_a_disk_that_is_nearly_full(
    disk: Path, machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    fill(disk, leaving=3 * MIB + MIB // 2)
    for _ in range(2):
        answer = fetched(machine, large)
        assert (answer.status, answer.body) == (200, large.content)
        assert kept(large.filename).blob is None
        process_memory.forget()
    assert upstream.count(large.filename) == 2
    fill(disk, leaving=2 * MIB + MIB // 2)
    answer = fetched(machine, large)
    assert (answer.status, answer.code) == (503, "disk-nearly-full")
    assert answer.headers["Retry-After"]
    assert large.filename in answer.reason
    with pytest.raises(Unavailable) as refused:
        files.fetch(kept(large.filename).pk)
    assert refused.value.code == "disk-nearly-full"
    (disk / "ballast").unlink()
    process_memory.forget()
    assert fetched(machine, large).body == large.content
    assert kept(large.filename).blob is not None


def test_a_job_fetches_nothing_that_could_not_be_kept(
    disk: Path, machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    fetched(machine, large)
    row = kept(large.filename)
    File.objects.update(blob=None)
    process_memory.forget()
    fill(disk, leaving=3 * MIB + MIB // 2)
    with pytest.raises(Unavailable) as refused:
        files.fetch(row.pk)
    assert refused.value.code == "disk-nearly-full"
    assert kept(large.filename).blob is None


def test_what_a_replica_has_from_its_primary_goes_through_likewise(
    disk: Path, main: Index, machine: WsgiClient, settings: Any
) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    Index.objects.update(anonymous_read=True)
    file = published(main, LARGE)
    assert file.blob is not None
    name = file.blob.object_name
    path = f"/files/{file_path(file.sha256, file.filename)}"
    File.objects.update(blob=None)
    Blob.objects.filter(sha256=file.sha256).delete()
    storage.default_storage().delete(name)
    WantedBlob.objects.create(
        sha256=file.sha256, size=file.size, rank=0, files=[file.pk], next_at=timezone.now() - timedelta(days=1)
    )
    with Fixed(200, LARGE.content) as primary:
        make_following(primary.url)
        read_only.remember(None, float("inf"), of=primary.url)
        fill(disk, leaving=3 * MIB + MIB // 2)
        answer = machine.get(path)
        settled()
        assert (answer.status, answer.body) == (200, LARGE.content)
        assert File.objects.get().blob_id is None
        running.forget_all()
        fill(disk, leaving=2 * MIB + MIB // 2)
        answer = machine.get(path)
        assert (answer.status, answer.code) == (503, "disk-nearly-full")
        (disk / "ballast").unlink()
        running.forget_all()
        assert machine.get(path).body == LARGE.content
        settled()
    assert File.objects.get().blob_id is not None
    read_only.remember(None, float("inf"))
    Following.objects.all().delete()
