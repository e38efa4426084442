"""The one short transaction in which an upload becomes visible."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.services import audit
from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.form_hints import FormFields
from indexapp.domain.versions import canonical_version, version_sort_key
from indexapp.models import Description, File, Index, Project, Release
from indexapp.services import blobs, changes, projects, quotas, summaries
from indexapp.services.blobs import Stored
from indexapp.services.serving import watermarks
from indexapp.services.uploads import admission, holdings
from indexapp.services.uploads.incoming import Accepted, Incoming
from indexapp.services.uploads.inspection import Inspected
from tpi_site.kit.inserting import insert


@dataclass(frozen=True)
class Kept:
    """The two blobs of an upload: the file, and the metadata that is served beside it."""

    file: Stored
    metadata: Stored | None


def record(*, actor: Actor, incoming: Incoming, form: FormFields, inspected: Inspected, kept: Kept) -> Accepted:
    """Write project, release, file, audit and change rows, or none of them.

    What was checked before the transaction is checked again inside it, because another upload may have come between.
    """
    index, filename = incoming.index, incoming.filename
    canonical = canonical_version(inspected.name.version)
    with transaction.atomic():
        held = holdings.look(
            index, name=inspected.metadata.name, canonical_version=canonical, filename=filename, locking=True
        )
        project, is_new_project = held.project, False
        if project is None:
            project, is_new_project = projects.get_or_create(actor=actor, index=index, name=inspected.metadata.name)
        if not is_new_project:
            if held.project is None:  # another upload made it while this one waited for the lock
                held = holdings.look(index, name=project.name, canonical_version=canonical, filename=filename)
            admission.require_may_upload(actor, index, project, project.name, watermarks.read())
        project.index = index
        if admission.is_same_file(index, held, filename, kept.file.sha256):
            return Accepted(is_new=False)
        admission.require_not_repeated(index, held, filename, incoming.relay_key)
        admission.require_open(index, held)
        admission.require_only_sdist(held, inspected.name.kind, filename)
        admission.require_room(index, held, kept.file.place.size)
        is_new_release = held.release_id is None
        release = (
            _new_release(project, inspected) if held.release_id is None else Release.objects.get(pk=held.release_id)
        )
        size_before = project.total_size
        replaced = _remove_replaced(index, project, filename)
        file = _write_file(actor, incoming, form, inspected, release, kept)
        project.total_size += file.size
        grown = project.total_size - size_before
        is_described = _describe(release, inspected, is_new=is_new_release, is_replacement=replaced)
        if is_described and project.summary != inspected.metadata.summary:
            summaries.refresh(project)
        quotas.charge(index_id=index.pk, team_id=project.team_id, size=grown)
        news: dict[str, bool | str] = {"new_project": is_new_project, "new_release": is_new_release}
        if incoming.relay_key:
            news["relay"] = incoming.relay_key
        _log(actor, project, release, file, replaced, news)
    return Accepted(is_new=True, warnings=inspected.warnings)


def _new_release(project: Project, inspected: Inspected) -> Release:
    version = inspected.name.version
    release = Release(
        project=project,
        version=str(version),
        canonical_version=canonical_version(version),
        sort_key=version_sort_key(version),
        is_prerelease=version.is_prerelease,
    )
    _take_metadata(release, inspected)
    insert(release)
    return release


def _take_metadata(release: Release, inspected: Inspected) -> None:
    core = inspected.metadata
    release.summary = core.summary
    release.requires_python = core.requires_python
    release.metadata = {key: value for key, value in core.as_json().items() if key != "description"}
    release.metadata_source = inspected.name.kind


def _describe(release: Release, inspected: Inspected, *, is_new: bool, is_replacement: bool) -> bool:
    """Let the artefact's metadata speak for the release, if it is to; whether it now does.

    The first artefact's does, later a wheel's instead of an sdist's, and that of what replaces one of the same kind.
    """
    values = {
        "content_type": inspected.metadata.description_content_type,
        "raw": inspected.metadata.description,
    }
    if is_new or not Description.objects.filter(release=release).exists():
        insert(Description(release=release, **values))
        return True
    is_same_kind = release.metadata_source == inspected.name.kind
    if not (is_replacement if is_same_kind else inspected.name.kind == "bdist_wheel"):
        return False
    _take_metadata(release, inspected)
    release.save(update_fields=["summary", "requires_python", "metadata", "metadata_source"])
    Description.objects.filter(release=release).update(**values)
    return True


def _remove_replaced(index: Index, project: Project, filename: str) -> bool:
    """In a snapshot index, the file of this name that the new one replaces."""
    if index.profile != Index.Profile.SNAPSHOT:
        return False
    old = File.objects.filter(index=index, filename=filename)
    size = sum(old.values_list("size", flat=True))
    deleted, _ = old.delete()
    project.total_size -= size
    return bool(deleted)


def _write_file(
    actor: Actor, incoming: Incoming, form: FormFields, inspected: Inspected, release: Release, kept: Kept
) -> File:
    rows = blobs.claim(kept.file, *filter(None, [kept.metadata]))
    digest = incoming.digest
    file = File(
        index=incoming.index,
        project=release.project,
        release=release,
        filename=incoming.filename,
        kind=inspected.name.kind,
        python_tag=inspected.name.python_tag,
        size=kept.file.place.size,
        sha256=digest.sha256,
        blake2b_256=digest.blake2_256,
        md5=digest.md5,
        requires_python=inspected.metadata.requires_python,
        metadata_sha256=kept.metadata.sha256 if kept.metadata else "",
        comment=form.comment,
        attestations=list(form.attestations or ()),
        uploaded_at=timezone.now(),
        uploaded_by=actor.display_name,
        blob_id=rows[kept.file.sha256],
        metadata_blob_id=rows[kept.metadata.sha256] if kept.metadata else None,
    )
    insert(file)
    return file


def _log(
    actor: Actor,
    project: Project,
    release: Release,
    file: File,
    replaced: bool,  # noqa: FBT001  private, called once
    news: dict[str, bool | str],
) -> None:
    index = project.index
    audit.record(
        actor=actor,
        action="file.replace" if replaced else "file.upload",
        subject=file,
        index=index.name,
        project=project.normalized_name,
        version=release.version,
        sha256=file.sha256,
        size=file.size,
    )
    changes.record(
        actor=actor,
        kind=ChangeKind.FILE_REPLACED if replaced else ChangeKind.FILE_ADDED,
        index=index,
        project=project,
        version=release.version,
        filename=file.filename,
        saving=["total_size"],
        sha256=file.sha256,
        **news,
    )
