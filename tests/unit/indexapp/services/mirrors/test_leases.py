"""Of several nodes one fetches; the others wait for it, but not longer than their clients do."""

from __future__ import annotations

import hashlib
import socket
from datetime import timedelta
from threading import Thread

import pytest
from django.db import connections, transaction

from indexapp.models import Blob, File, Index, MirroredFile
from indexapp.services import blobs
from indexapp.services.mirrors.fetching import leases, siblings, wanted
from indexapp.services.mirrors.fetching.download import Download
from indexapp.storage import default_storage
from tests.factories.publishing import make_file, make_mirror, make_project, make_release
from tpi_site.kit import clock

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
OTHER = "another node"


@pytest.fixture
def mirror() -> Index:
    return make_mirror("outside")


@pytest.fixture
def file(mirror: Index) -> File:
    file = make_file(make_release(make_project(mirror)))
    MirroredFile.objects.create(file=file)
    File.objects.update(blob=None)
    return File.objects.get(pk=file.pk)


def stored() -> Blob:
    """The file's, with bytes in the store."""
    content = b"the bytes"
    with default_storage().spool() as spool:
        spool.file.write(content)
        kept = blobs.store(hashlib.sha256(content).hexdigest(), spool)
    with transaction.atomic():
        return Blob.objects.get(pk=blobs.claim(kept)[kept.sha256])


def taken_by_another(file: File, seconds: float) -> None:
    until = clock.now() + timedelta(seconds=seconds)
    MirroredFile.objects.filter(pk=file.pk).update(fetching_by=OTHER, fetching_until=until)


def test_a_lease_of_this_node_stops_nobody_here(file: File) -> None:
    assert leases.take(file.pk)
    assert leases.take(file.pk)
    leases.give_back(file.pk)
    assert MirroredFile.objects.get(pk=file.pk).fetching_until is None


def test_that_of_another_node_holds_until_it_is_over(file: File) -> None:
    taken_by_another(file, 60)
    assert not leases.take(file.pk)
    leases.give_back(file.pk)
    assert MirroredFile.objects.get(pk=file.pk).fetching_by == OTHER
    taken_by_another(file, -1)
    assert leases.take(file.pk)


def test_what_the_other_node_has_fetched_is_not_fetched_again(file: File) -> None:
    taken_by_another(file, 60)
    blob = stored()

    def fetch() -> None:
        File.objects.filter(pk=file.pk).update(blob=blob)
        connections.close_all()

    other = Thread(target=fetch)
    other.start()
    assert not leases.wait(file.pk)
    other.join()


def test_what_was_fetched_before_the_lease_was_taken_is_not_fetched_again(file: File) -> None:
    blob = stored()
    File.objects.filter(pk=file.pk).update(blob=blob)
    assert not leases.wait(file.pk)
    blob.damaged_at = clock.now()
    blob.save(update_fields=["damaged_at"])
    assert leases.wait(file.pk)


def test_who_sits_on_the_name_and_does_not_listen_stops_nobody(file: File) -> None:
    found = wanted.load(file.pk)
    assert found is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(siblings._name(file.pk))
        leader = siblings.lead_or_follow(Download(found))
        assert isinstance(leader, siblings.Leader)
        leader.close()


def test_nobody_waits_for_ever(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "PATIENCE", 0.1)
    taken_by_another(file, 60)
    assert leases.wait(file.pk)
