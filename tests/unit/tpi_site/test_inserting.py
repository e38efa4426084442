"""A quick insert leaves what Django's own would leave."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, models, transaction
from django.db.models.signals import post_save, pre_save

from accounts.models import AuditEntry
from indexapp.models import Change, Description, File, Release
from tests.factories.cast import Cast
from tests.factories.publishing import published
from tpi_site.kit.inserting import insert

pytestmark = [pytest.mark.database, pytest.mark.django_db]

INSERTED = [AuditEntry, Change, Description, File, Release]


def twin(row: models.Model) -> models.Model:
    """A new row with the same values."""
    fields = row._meta.concrete_fields
    return type(row)(**{field.attname: getattr(row, field.attname) for field in fields if not field.primary_key})


def test_a_row_reads_back_as_it_was_written_by_django() -> None:
    values = {"actor_name": "Bjørn", "method": "token", "action": "file.upload", "detail": {"a": [1, None, "é"]}}
    django = AuditEntry.objects.create(**values)
    ours = AuditEntry(**values)
    insert(ours)
    assert ours.pk == django.pk + 1
    left, right = (AuditEntry.objects.values().get(pk=row.pk) for row in (django, ours))
    assert right.pop("at") >= left.pop("at")
    assert {**left, "id": 0} == {**right, "id": 0}


def test_a_row_that_was_inserted_is_saved_as_a_change_of_it(cast: Cast) -> None:
    release = twin(published(cast.index).release)
    assert isinstance(release, Release)
    release.version = release.canonical_version = "9"
    insert(release)
    release.summary = "changed"
    release.save()
    assert list(Release.objects.filter(version="9").values_list("pk", "summary")) == [(release.pk, "changed")]


def test_what_the_database_refuses_is_refused(cast: Cast) -> None:
    release = twin(published(cast.index).release)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(release)


@pytest.mark.parametrize("model", INSERTED)
def test_nothing_would_happen_in_a_save_that_an_insert_leaves_out(model: type[models.Model]) -> None:
    assert model.save is models.Model.save
    assert not model._meta.parents
    assert not any(signal.has_listeners(model) for signal in (pre_save, post_save))
