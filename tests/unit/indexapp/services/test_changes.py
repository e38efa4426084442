from __future__ import annotations

import pytest
from django.db import transaction

from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Change, Project
from indexapp.services import changes
from tests.factories.cast import Cast
from tests.factories.publishing import make_project
from tpi_site.kit import locking

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_a_change_keeps_names_that_outlive_what_they_name(cast: Cast) -> None:
    project = make_project(cast.index, "acme")
    serial = changes.record(
        actor=cast.actor("uploader"),
        kind=ChangeKind.FILE_ADDED,
        index=cast.index,
        project=project,
        version="1.0",
        filename="acme-1.0.tar.gz",
        sha256="ab",
    )
    row = Change.objects.get(serial=serial)
    assert (row.kind, row.index_id, row.index_name) == ("file-added", cast.index.pk, "main")
    assert (row.project, row.version, row.filename) == ("acme", "1.0", "acme-1.0.tar.gz")
    assert (row.actor_name, row.detail) == ("uploader", {"sha256": "ab"})


def test_the_project_knows_its_last_serial(cast: Cast) -> None:
    project = make_project(cast.index, "acme")
    actor, kind = cast.actor("uploader"), ChangeKind.PROJECT_STATUS
    first = changes.record(actor=actor, kind=kind, index=cast.index, project=project)
    changes.record(actor=actor, kind=ChangeKind.INDEX_CHANGED, index=cast.index)
    assert Project.objects.get(pk=project.pk).last_serial == project.last_serial == first
    second = changes.record(actor=actor, kind=kind, index=cast.index, project=project)
    assert Project.objects.get(pk=project.pk).last_serial == second > first


def test_what_is_saved_with_the_serial(cast: Cast) -> None:
    project = make_project(cast.index, "acme", total_size=1)
    project.total_size, project.summary = 7, "not named"
    changes.record(
        actor=cast.actor("uploader"),
        kind=ChangeKind.FILE_ADDED,
        index=cast.index,
        project=project,
        saving=["total_size"],
    )
    stored = Project.objects.get(pk=project.pk)
    assert (stored.total_size, stored.summary) == (7, "")


@pytest.mark.django_db(transaction=True)
def test_a_lock_is_taken_inside_a_transaction_or_not_at_all() -> None:
    with pytest.raises(RuntimeError):
        locking.hold("changes")
    with transaction.atomic():
        locking.hold("changes")
        locking.hold("changes")


def test_the_stored_kinds_never_change() -> None:
    assert {kind.value for kind in ChangeKind} == {
        "index-created",
        "index-changed",
        "index-deleted",
        "project-created",
        "project-status",
        "project-deleted",
        "release-created",
        "release-yanked",
        "release-unyanked",
        "release-deleted",
        "file-added",
        "file-replaced",
        "file-yanked",
        "file-unyanked",
        "file-deleted",
        "file-damaged",
        "file-repaired",
        "project-restored",
        "release-restored",
        "file-restored",
        "trash-purged",
        "installation-restored",
        "installation-promoted",
        "project-mirrored",
        "file-mirrored",
        "policy-changed",
    }
