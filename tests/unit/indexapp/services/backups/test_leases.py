from __future__ import annotations

from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from indexapp.models import Backup, Blob
from indexapp.services import garbage, projects
from indexapp.services.backups import leases
from indexapp.storage import BlobStorage, default_storage, forget_default
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index, published
from tests.threads import together

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _no_trash(settings: Any) -> None:
    """What is deleted is gone at once."""
    settings.TPI_TRASH_DAYS = 0


def test_what_a_row_has_left_stays_for_a_backup_that_names_it(cast: Cast, settings: Any) -> None:
    """Published again where sealing was turned on meanwhile, a content has another object than the snapshot says."""
    settings.TPI_ENCRYPT = False
    forget_default()
    plain = published(cast.index).blob.object_name
    row = leases.begin("20261123T030133Z-c36d15", "file:///backups", "full")
    settings.TPI_ENCRYPT = True
    forget_default()
    assert published(make_index("other")).blob.object_name != plain
    in_days = timezone.now() + timedelta(days=2)
    garbage.collect(older_than=in_days)
    assert default_storage().exists(plain)
    Backup.objects.filter(pk=row.pk).update(lease_until=None)
    garbage.collect(older_than=in_days)
    assert not default_storage().exists(plain)


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


@pytest.mark.parametrize("apart", [-30, 30])
def test_a_node_whose_clock_is_wrong_sees_a_lease_as_the_others_do(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, apart: int
) -> None:
    really = timezone.now
    with monkeypatch.context() as there:  # the node that backs up, and renews
        there.setattr(timezone, "now", lambda: really() + timedelta(minutes=apart))
        row = leases.begin("20261123T030133Z-c36d15", "file:///backups", "full")
        keeper = leases.Keeper(row)
        there.setattr(keeper, "_next", 0.0)
        keeper.keep()
    assert _is_held()
    lasting = Backup.objects.get().lease_until
    assert lasting is not None
    assert timedelta(minutes=10) < lasting - really() < timedelta(minutes=20)
    monkeypatch.setattr(timezone, "now", lambda: really() + timedelta(minutes=apart))  # the one that collects
    assert _is_held()
    Backup.objects.update(lease_until=really() - timedelta(seconds=1))
    assert not _is_held()


def _is_held() -> bool:
    with transaction.atomic():
        return leases.is_held()
