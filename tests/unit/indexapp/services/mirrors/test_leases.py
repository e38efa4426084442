"""Of several nodes one fetches; the others wait for it, but not longer than their clients do."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread

import pytest
from django.db import connections

from indexapp.models import Blob, File, Index, MirroredFile
from indexapp.services.mirrors.fetching import leases
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
    blob = Blob.objects.get()

    def fetch() -> None:
        File.objects.filter(pk=file.pk).update(blob=blob)
        connections.close_all()

    other = Thread(target=fetch)
    other.start()
    assert not leases.wait(file.pk)
    other.join()


def test_nobody_waits_for_ever(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "PATIENCE", 0.1)
    taken_by_another(file, 60)
    assert leases.wait(file.pk)
