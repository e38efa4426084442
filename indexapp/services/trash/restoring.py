"""Having deleted things back: the rows as they were, under the keys they had."""

from __future__ import annotations

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.services import audit, generations
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Description, File, Project, Release, RetiredFilename, Role, Trashed
from indexapp.services import changes, projects, public_names, search, summaries
from indexapp.services.trash import rights
from indexapp.services.trash.rows import BATCH, batches, insert_all, revived
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict, NotFound

_KINDS = {
    Trashed.Kind.PROJECT: ChangeKind.PROJECT_RESTORED,
    Trashed.Kind.RELEASE: ChangeKind.RELEASE_RESTORED,
    Trashed.Kind.FILE: ChangeKind.FILE_RESTORED,
}


def restore(*, actor: Actor, entry: Trashed, with_roles: bool = True) -> Project:
    """Undo the deletion, with the same right as it took; refuses where something else has come into its place.

    Without ``with_roles`` a project comes back to who holds rights on its index alone.
    """
    rights.require(actor, entry)
    with transaction.atomic():
        is_whole = entry.kind == Trashed.Kind.PROJECT
        live = None if is_whole else _locked_home(entry)
        entry = locked(entry)
        project = live or _revive_project(actor, entry)
        projects.require_not_frozen(actor, project)
        rights.require_as_wide(actor, entry)
        keys = _revive_releases(entry, project)
        _revive_files(entry, project, keys)
        if is_whole:
            if with_roles:
                _revive_roles(entry, project)
            search.put(project)
            generations.bump_access()
        else:
            project.total_size += entry.size
            summaries.refresh(project)
        audit.record(
            actor=actor,
            action="trash.restore",
            subject=entry,
            kind=entry.kind,
            files=entry.files_count,
            key=project.pk,
            roles=rights.holders(entry) if with_roles else [],
        )
        found = entry.files_count
        kind, version, filename = _KINDS[Trashed.Kind(entry.kind)], entry.version, entry.filename
        index = entry.index
        entry.delete()
        changes.record(
            actor=actor,
            kind=kind,
            index=index,
            project=project,
            version=version,
            filename=filename,
            saving=["total_size"],
            files=found,
        )
    return project


def locked(entry: Trashed) -> Trashed:
    """The entry, which nobody else restores or purges meanwhile."""
    rows = Trashed.objects.select_for_update(of=("self",)).select_related("index")
    found = rows.filter(pk=entry.pk).first()
    if found is None:
        raise NotFound("It is not in the trash any more; reload the page.")
    return found


def _locked_home(entry: Trashed) -> Project:
    project = Project.objects.select_related("index").filter(pk=entry.project_key).first()
    if project is None:
        raise Conflict(
            f"The project '{entry.project_name}' is deleted itself; restore it first.", code="project-in-trash"
        )
    return projects.lock(project)


def _revive_project(actor: Actor, entry: Trashed) -> Project:
    locking.hold(f"names:{entry.index_id}")
    if Project.objects.filter(index=entry.index, normalized_name=entry.normalized_name).exists():
        raise Conflict(f"There is a project '{entry.project_name}' again; it has the name.", code="name-taken")
    public_names.require_may_take(actor, entry.index, entry.normalized_name)  # without files it was ours no more
    project = revived(Project, entry.project_row)
    project.index, project.team_id = entry.index, entry.team_id
    insert_all([project], "created_at")
    return project


def _revive_releases(entry: Trashed, project: Project) -> dict[int, int]:
    """The releases' keys, where a release of the same version has come to be meanwhile, by those they had."""
    keys: dict[int, int] = {}
    for batch in batches(entry.releases.order_by("pk").iterator(chunk_size=BATCH)):
        found = [(revived(Release, kept.row), kept.description) for kept in batch]
        versions = [release.canonical_version for release, _ in found]
        live = project.releases.filter(canonical_version__in=versions)
        there = dict(live.values_list("canonical_version", "pk"))
        new = [(release, text) for release, text in found if release.canonical_version not in there]
        keys |= {release.pk: there.get(release.canonical_version, release.pk) for release, _ in found}
        insert_all([release for release, _ in new], "created_at")
        insert_all([revived(Description, text) for _, text in new if text is not None])
    return keys


def _revive_files(entry: Trashed, project: Project, keys: dict[int, int]) -> None:
    for batch in batches(entry.files.order_by("pk").iterator(chunk_size=BATCH)):
        rows = [revived(File, kept.row) for kept in batch]
        names = [row.filename for row in rows]
        taken = File.objects.filter(index=entry.index, filename__in=names).values_list("filename", flat=True).first()
        if taken is not None:
            raise Conflict(f"There is a file '{taken}' again; delete it first.", code="file-name-taken")
        homes = _homes_of(rows, entry, project, keys)
        for row in rows:
            row.release_id = homes[row.release_id]
        _require_no_sdist({row.release_id for row in rows if row.kind == "sdist"})
        insert_all(rows)
        RetiredFilename.objects.filter(index=entry.index, filename__in=names).delete()


def _homes_of(rows: list[File], entry: Trashed, project: Project, keys: dict[int, int]) -> dict[int, int]:
    """The releases' keys by those the files had: of what came back with them, or of what is there."""
    homes = {row.release_id: keys.get(row.release_id) for row in rows}
    lacking = [before for before, now in homes.items() if now is None]
    if lacking:
        there = project.releases.filter(pk__in=lacking) | project.releases.filter(version=entry.version)
        versions = dict(there.values_list("pk", "version"))
        same = next((key for key, version in versions.items() if version == entry.version), None)
        homes |= {before: before if before in versions else same for before in lacking}
    found = {before: now for before, now in homes.items() if now is not None}
    if len(found) < len(homes):
        raise Conflict(f"The release {entry.version} is deleted itself; restore it first.", code="release-in-trash")
    return found


def _require_no_sdist(releases: set[int]) -> None:
    if releases and File.objects.filter(release_id__in=releases, kind="sdist").exists():
        raise Conflict("The release has another sdist now; delete that first.", code="sdist-exists")


def _revive_roles(entry: Trashed, project: Project) -> None:
    Role.objects.bulk_create(
        Role(
            index=entry.index,
            project=project,
            user_id=kept.user_id,
            team_id=kept.team_id,
            through_id=kept.through_id,
            verbs=kept.verbs,
        )
        for kept in entry.roles.all()
    )
