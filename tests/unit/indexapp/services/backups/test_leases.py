from __future__ import annotations

from datetime import timedelta
from threading import Event

import pytest
from django.utils import timezone

from indexapp.models import Blob
from indexapp.services import garbage, projects
from indexapp.services.backups import leases
from indexapp.storage import BlobStorage, default_storage
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.threads import together

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def test_a_backup_begins_when_removals_under_way_have_ended(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its snapshot would name contents whose objects are gone already."""
    projects.delete(actor=SYSTEM, project=published(cast.index).project)
    Blob.objects.update(unreferenced_since=timezone.now() - timedelta(days=9))
    removing, begun = Event(), Event()
    really = BlobStorage.delete

    def delete_slowly(storage: BlobStorage, name: str) -> None:
        really(storage, name)
        removing.set()
        begun.wait(0.5)  # a backup that did not wait would come into being here

    monkeypatch.setattr(BlobStorage, "delete", delete_slowly)
    seen: dict[str, bool] = {}

    def begin() -> None:
        assert removing.wait(30)
        leases.begin("20261123T030133Z-c36d15", "file:///backups", "full")
        names = Blob.objects.values_list("object_name", flat=True)
        seen.update({name: default_storage().exists(name) for name in names})
        begun.set()

    def collect() -> None:
        garbage.collect(older_than=timezone.now() - timedelta(days=2))

    together([collect, begin])
    assert all(seen.values()), "a content that was being removed is still named"
    assert len(seen) < 2, "one had been removed before"
    assert Blob.objects.count() == len(seen), "nothing is removed once the backup has begun"
