"""Keeping metadata, and letting it speak for its release."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.metadata import CoreMetadata
from indexapp.models import Description, File, MirroredFile, Project, Release
from indexapp.services import blobs, changes, summaries
from indexapp.services.integrity import repair
from indexapp.services.mirrors.metadata.obtaining import Obtained
from indexapp.services.mirrors.recording import ACTOR
from indexapp.storage import default_storage

_ATTEMPTS = 5


def keep(obtained: Sequence[Obtained]) -> None:
    """Store the metadata of some files of one project and let their pages tell of it; one change where any differs."""
    if not obtained:
        return
    stored = {one.row: _stored(one) for one in obtained}
    for attempt in range(_ATTEMPTS):
        try:
            for each in stored.values():
                repair.heal(actor=ACTOR, stored=each)
            _record(obtained, stored)
            break
        except blobs.BlobVanishedError:
            if attempt == _ATTEMPTS - 1:
                raise
            stored = {one.row: _stored(one) for one in obtained}


def note_tried(rows: Sequence[int]) -> None:
    """Look for the metadata of these not before some time has gone by."""
    MirroredFile.objects.filter(pk__in=rows).update(metadata_at=timezone.now())


def _stored(one: Obtained) -> blobs.Stored:
    with default_storage().spool() as spool:
        spool.file.write(one.raw)
        return blobs.store(one.sha256, spool)


def _record(obtained: Sequence[Obtained], stored: dict[int, blobs.Stored]) -> None:
    wanted = {one.row: one for one in obtained}
    with transaction.atomic():
        project_id = File.objects.filter(pk__in=list(wanted)).values_list("project_id", flat=True).first()
        if project_id is None:
            return
        project = Project.objects.select_for_update(of=("self",)).select_related("index").get(pk=project_id)
        files = list(File.objects.select_related("release").filter(pk__in=list(wanted), project=project).order_by("pk"))
        keys = blobs.claim(*(stored[file.pk] for file in files))
        shown = []
        for file in files:
            one = wanted[file.pk]
            if file.metadata_sha256 != one.sha256:
                shown.append(file.filename)
            file.metadata_blob_id, file.metadata_sha256 = keys[one.sha256], one.sha256
            _describe(file.release, one.core, file.kind)
        File.objects.bulk_update(files, ["metadata_blob", "metadata_sha256"])
        note_tried([file.pk for file in files])
        summaries.refresh(project)
        if shown:
            changes.record(
                actor=ACTOR, kind=ChangeKind.PROJECT_MIRRORED, index=project.index, project=project, metadata=shown[:20]
            )


def _describe(release: Release, core: CoreMetadata, kind: str) -> None:
    """Let the first metadata that becomes known of a release speak for it; a wheel's instead of an sdist's."""
    if release.metadata_source in {"bdist_wheel", kind}:
        return
    release.summary, release.metadata_source = core.summary, kind
    release.metadata = {key: value for key, value in core.as_json().items() if key != "description"}
    if core.requires_python:
        release.requires_python = core.requires_python
    release.save(update_fields=["summary", "metadata", "metadata_source", "requires_python"])
    Description.objects.update_or_create(
        release=release, defaults={"content_type": core.description_content_type, "raw": core.description}
    )
