"""Releases and files after their upload: yanking, unyanking, deleting."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.services import audit
from indexapp import permissions
from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.reasons import clean_reason
from indexapp.models import File, Project, Release, RetiredFilename
from indexapp.services import changes, projects, quotas, summaries
from indexapp.services.trash import taking
from tpi_site.kit.errors import NotFound

_GONE = "It was deleted in the meantime; reload the page."


def yank(*, actor: Actor, release: Release, reason: str = "") -> Release:
    """Mark a release so that installers take it only when it is asked for exactly (PEP 592)."""
    return _set_release_yank(actor, release, yanked=True, reason=clean_reason(reason))


def unyank(*, actor: Actor, release: Release) -> Release:
    """Take the mark away."""
    return _set_release_yank(actor, release, yanked=False, reason="")


def _set_release_yank(actor: Actor, release: Release, *, yanked: bool, reason: str) -> Release:
    project = release.project
    permissions.require(actor, Verb.YANK, project.index, project)
    projects.require_ours(project.index)
    with transaction.atomic():
        project = projects.lock(project)
        projects.require_not_frozen(actor, project)
        release.is_yanked, release.yank_reason = yanked, reason
        _save(release, ["is_yanked", "yank_reason"])
        summaries.refresh(project)
        action = "release.yank" if yanked else "release.unyank"
        audit.record(actor=actor, action=action, subject=release, reason=reason)
        kind = ChangeKind.RELEASE_YANKED if yanked else ChangeKind.RELEASE_UNYANKED
        changes.record(
            actor=actor, kind=kind, index=project.index, project=project, version=release.version, reason=reason
        )
    return release


def yank_file(*, actor: Actor, file: File, reason: str = "") -> File:
    """Mark one file of a release as yanked."""
    return _set_file_yank(actor, file, yanked=True, reason=clean_reason(reason))


def unyank_file(*, actor: Actor, file: File) -> File:
    """Take the mark of one file away; a mark of its release stays."""
    return _set_file_yank(actor, file, yanked=False, reason="")


def _set_file_yank(actor: Actor, file: File, *, yanked: bool, reason: str) -> File:
    permissions.require(actor, Verb.YANK, file.index, file.project)
    projects.require_ours(file.index)
    with transaction.atomic():
        project = projects.lock(file.project)
        projects.require_not_frozen(actor, project)
        file.is_yanked, file.yank_reason = yanked, reason
        _save(file, ["is_yanked", "yank_reason"])
        action = "file.yank" if yanked else "file.unyank"
        audit.record(actor=actor, action=action, subject=file, reason=reason)
        kind = ChangeKind.FILE_YANKED if yanked else ChangeKind.FILE_UNYANKED
        changes.record(
            actor=actor,
            kind=kind,
            index=project.index,
            project=project,
            version=file.release.version,
            filename=file.filename,
            reason=reason,
        )
    return file


def _save(row: Release | File, fields: list[str]) -> None:
    """Update an existing row; one that was deleted meanwhile is not brought back."""
    if not type(row)._default_manager.filter(pk=row.pk).update(**{name: getattr(row, name) for name in fields}):
        raise NotFound(_GONE)


def delete(*, actor: Actor, release: Release) -> None:
    """Delete a release with its files, into the trash where there is one; their names stay refused."""
    project = release.project
    permissions.require(actor, Verb.DELETE, project.index, project)
    projects.require_ours(project.index)
    with transaction.atomic():
        project = projects.lock(project)
        projects.require_not_frozen(actor, project)
        files = File.objects.filter(release=release)
        is_kept = taking.is_on() and bool(taking.take_release(actor, project, release))
        removed = _retire(project, files, is_kept=is_kept)
        audit.record(actor=actor, action="release.delete", subject=release, files=removed)
        version = release.version
        if not Release.objects.filter(pk=release.pk).delete()[0]:
            raise NotFound(_GONE)
        summaries.refresh(project)
        changes.record(
            actor=actor,
            kind=ChangeKind.RELEASE_DELETED,
            index=project.index,
            project=project,
            version=version,
            files=removed,
        )


def delete_file(*, actor: Actor, file: File) -> None:
    """Delete one file, into the trash where there is one; its name stays refused. A release may be left without files."""
    permissions.require(actor, Verb.DELETE, file.index, file.project)
    projects.require_ours(file.index)
    with transaction.atomic():
        project = projects.lock(file.project)
        projects.require_not_frozen(actor, project)
        audit.record(actor=actor, action="file.delete", subject=file, sha256=file.sha256)
        is_kept = taking.is_on() and bool(taking.take_file(actor, project, file))
        if not _retire(project, File.objects.filter(pk=file.pk), is_kept=is_kept):
            raise NotFound(_GONE)
        changes.record(
            actor=actor,
            kind=ChangeKind.FILE_DELETED,
            index=project.index,
            project=project,
            version=file.release.version,
            filename=file.filename,
            sha256=file.sha256,
        )


def _retire(project: Project, files: QuerySet[File], *, is_kept: bool) -> list[str]:
    """Delete the rows of ``files`` and keep their names refused; returns the names.  What the trash has still counts."""
    queryset = File.objects.filter(pk__in=files)
    rows = list(queryset.values_list("filename", "size"))
    RetiredFilename.objects.bulk_create(
        [RetiredFilename(index=project.index, filename=name) for name, _ in rows], ignore_conflicts=True
    )
    queryset.delete()
    removed = sum(size for _, size in rows)
    if not is_kept:
        quotas.charge(index_id=project.index_id, team_id=project.team_id, size=-removed)
    project.total_size = max(0, project.total_size - removed)
    project.save(update_fields=["total_size"])
    return [name for name, _ in rows]
