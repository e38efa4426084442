"""fsck, repair and garbage collection where the files lie in a bucket of a real S3 server."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from indexapp import storage
from indexapp.models import Blob
from indexapp.services import garbage, releases
from indexapp.services.integrity import scrub
from indexapp.storage import default_storage
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.servers.ceph import Ceph
from tests.unit.indexapp.services.integrity.test_checking import codes, fsck

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("ceph")]


class Bucket:
    """The objects as the owner of the bucket sees them, past the product."""

    def __init__(self, ceph: Ceph) -> None:
        self.name = ceph.bucket()
        self.address = ceph.address(self.name)
        self._client: Any = ceph.client()

    def names(self) -> set[str]:
        listed = self._client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {entry["Key"] for entry in listed}

    def read(self, key: str) -> bytes:
        content: bytes = self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def write(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=self.name, Key=key, Body=content)


@pytest.fixture
def bucket(ceph: Ceph) -> Bucket:
    return Bucket(ceph)


def test_damage_in_the_bucket_is_named_and_repaired_and_orphans_are_collected(
    bucket: Bucket, cast: Cast, settings: Any, tmp_path: Path
) -> None:
    settings.TPI_TRASH_DAYS = 0
    settings.TPI_DATA_DIR = tmp_path
    file = published(cast.index, build_wheel(files={"noise.bin": bytes(range(256)) * 1000}))
    other = published(cast.index, build_wheel(version="2.0"))
    on_disk = settings.TPI_STORAGE_URL.removeprefix("file://")
    call_command("move_storage", bucket.address, stdout=StringIO(), stderr=StringIO())
    settings.TPI_STORAGE_URL = bucket.address
    storage.forget_default()
    assert fsck("--deep")[0] == 0

    [key] = [key for key in bucket.names() if key.endswith(file.blob.object_name)]
    whole = bucket.read(key)
    bucket.write(key, whole[:-1] + bytes([whole[-1] ^ 1]))
    code, found = fsck("--deep")
    assert (code, codes(found), found[0]["subject"]) == (1, ["blob-corrupt"], file.sha256)
    assert fsck("--deep", "--repair-from", on_disk)[0] == 0
    assert fsck("--deep")[0] == 0

    bucket.write(key, whole[:1000])
    Blob.objects.update(created_at=timezone.now() - timedelta(days=40), verified_at=None)
    assert [(fault.code.value, fault.subject) for fault in scrub.run(actor=SYSTEM).faults] == [
        ("blob-size", file.sha256)
    ]
    assert fsck("--repair-from", on_disk)[0] == 0

    with default_storage().spool() as spool:
        spool.file.write(b"of an upload that died")
        orphan = default_storage().put("5" * 64, spool).blob.object_name
    releases.delete(actor=SYSTEM, release=other.release)
    now = timezone.now()
    assert garbage.collect(older_than=now - timedelta(days=1)) == 0
    assert len(bucket.names()) == 5
    assert garbage.collect(older_than=now + timedelta(days=1)) == 3
    assert not any(key.endswith(orphan) for key in bucket.names())
    assert len(bucket.names()) == 2
    assert fsck("--deep")[0] == 0
