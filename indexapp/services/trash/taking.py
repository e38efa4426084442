"""Taking rows into the trash, inside the transaction that deletes them."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.domain.actors import Actor
from indexapp.domain import names
from indexapp.models import (
    Description,
    File,
    Index,
    Project,
    Release,
    Role,
    Trashed,
    TrashedFile,
    TrashedRelease,
    TrashedRole,
)
from indexapp.services.trash import rights
from indexapp.services.trash.rows import BATCH, batches, kept
from tpi_site.kit.errors import Invalid

Kind = Trashed.Kind


def is_on() -> bool:
    """Whether what is deleted goes through the trash."""
    return bool(settings.TPI_TRASH_DAYS)


def take_project(actor: Actor, project: Project) -> Trashed:
    """Keep the project with its releases, files and roles; the caller deletes its row."""
    entry = _entry(actor, Kind.PROJECT, project)
    entry.project_row |= kept(project)
    entry.confusable_key = project.confusable_key
    entry.save()
    _take_releases(entry, Release.objects.filter(project=project))
    _take_files(entry, File.objects.filter(project=project))
    roles = Role.objects.filter(project=project)
    TrashedRole.objects.bulk_create(
        TrashedRole(
            entry=entry, user_id=role.user_id, team_id=role.team_id, through_id=role.through_id, verbs=role.verbs
        )
        for role in roles
    )
    return entry


def take_release(actor: Actor, project: Project, release: Release) -> Trashed:
    """Keep the release with its files."""
    entry = _entry(actor, Kind.RELEASE, project, version=release.version)
    entry.save()
    _take_releases(entry, Release.objects.filter(pk=release.pk))
    _take_files(entry, File.objects.filter(release=release))
    return entry


def take_file(actor: Actor, project: Project, file: File) -> Trashed:
    """Keep the file."""
    entry = _entry(actor, Kind.FILE, project, version=file.release.version, filename=file.filename)
    entry.save()
    _take_files(entry, File.objects.filter(pk=file.pk))
    return entry


def _entry(actor: Actor, kind: str, project: Project, **names: str) -> Trashed:
    return Trashed(
        kind=kind,
        index_id=project.index_id,
        project_key=project.pk,
        project_name=project.name,
        normalized_name=project.normalized_name,
        team_id=project.team_id,
        deleted_by=actor.display_name,
        project_row=rights.mark_of(actor, project),
        **names,
    )


def _take_releases(entry: Trashed, releases: QuerySet[Release]) -> None:
    for batch in batches(releases.order_by("pk").iterator(chunk_size=BATCH)):
        texts = {row.pk: kept(row) for row in Description.objects.filter(release__in=batch)}
        TrashedRelease.objects.bulk_create(
            TrashedRelease(entry=entry, row=kept(row), description=texts.get(row.pk)) for row in batch
        )


def _take_files(entry: Trashed, files: QuerySet[File]) -> None:
    for batch in batches(files.order_by("pk").iterator(chunk_size=BATCH)):
        TrashedFile.objects.bulk_create(
            TrashedFile(
                entry=entry,
                filename=row.filename,
                blob_id=row.blob_id,
                metadata_blob_id=row.metadata_blob_id,
                row=kept(row),
            )
            for row in batch
        )
        entry.size += sum(row.size for row in batch)
        entry.files_count += len(batch)
    entry.save(update_fields=["size", "files_count"])


def require_name_free(index: Index, name: str) -> None:
    """Refuse a new project whose name, or one that people take for it, is that of a project in the trash."""
    same = Q(normalized_name=names.normalize_name(name)) | Q(confusable_key=names.confusable_key(name))
    held = Trashed.objects.filter(same, index=index, kind=Kind.PROJECT).first()
    if held is not None:
        raise Invalid(
            f"A project '{held.project_name}' of the index '{index.name}' was deleted and lies in the trash, which keeps its "
            "name: have it restored or purged first, or choose another name.",
            code="name-in-trash",
        )
