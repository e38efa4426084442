"""The JSON API's documents: what a project or one of its releases says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from indexapp.domain.file_paths import file_path
from indexapp.domain.metadata import CoreMetadata
from indexapp.domain.project_json import (
    Ownership,
    ReleaseFile,
    ReleaseInfo,
    Vulnerability,
    render_project,
    render_release,
)
from indexapp.domain.timestamps import iso_utc
from indexapp.domain.versions import canonical_version, parse_version
from indexapp.models import Description, File, Project, Release
from indexapp.models.querysets import FileQuerySet
from indexapp.services import summaries
from indexapp.services.policies import sight
from indexapp.services.policies.sight import Sight
from indexapp.services.serving.project_pages import ServedProject
from indexapp.services.vulnerabilities import matching
from tpi_site.kit.errors import Invalid


class Addresses:
    """Makes the absolute addresses that the documents name; ``base`` is the site's, without a final slash."""

    def __init__(self, base: str, index: str) -> None:
        self._base = base
        self._index = index

    def project(self, name: str) -> str:
        """The project's page for people."""
        return f"{self._base}/{self._index}/project/{name}/"

    def release(self, name: str, version: str) -> str:
        """The release's page for people."""
        return f"{self.project(name)}{version}/"

    def advisory(self, osv_id: str) -> str:
        """The record of an advisory."""
        return f"{self._base}/osv/v1/vulns/{osv_id}"

    def file(self, sha256: str, filename: str) -> str:
        """The file, below ``/packages/`` because bandersnatch takes nothing else."""
        return f"{self._base}/packages/{self._index}/{file_path(sha256, filename)}"


def project(page: ServedProject, addresses: Addresses) -> bytes | None:
    """The document of the project, told by its latest release; None when there is no release."""
    row = Project.objects.filter(pk=page.pk).first()
    sights = sights_of(page)
    found = Release.objects.shown().filter(project__in=list(sights))
    for pk, seen in sights.items():
        if seen.hidden_versions:
            found = found.exclude(project_id=pk, version__in=seen.hidden_versions)
    latest = found.order_by(*summaries.LATEST_FIRST).first()
    if row is None:
        return None
    if latest is None:
        for seen in sights.values():
            for version in seen.refusals:
                seen.require(version)
        return None
    info = _info(row, latest, addresses)
    releases: dict[str, list[ReleaseFile]] = {}
    for version in found.order_by("sort_key").values_list("version", flat=True):
        releases[version] = []
    for file in _files(page, File.objects.filter(project__in=list(sights))):
        if file.filename not in sights[file.project_id].hidden_files:
            releases.setdefault(file.release.version, []).append(_file(file, addresses.file))
    return render_project(
        info,
        releases,
        ownership=Ownership(),
        last_serial=page.serial,
        vulnerabilities=_vulnerabilities(latest, row.normalized_name, addresses),
    )


def release(page: ServedProject, version: str, addresses: Addresses) -> bytes | None:
    """The document of one release; None when there is no such version, a refusal when the policy keeps all of it back."""
    try:
        canonical = canonical_version(parse_version(version))
    except Invalid:
        return None
    found = Release.objects.shown().select_related("project").filter(canonical_version=canonical)
    rows = sorted(found.filter(project__in=projects_of(page)), key=lambda release: release.project_id != page.pk)
    if not rows:
        return None
    row, sights = rows[0], sights_of(page)
    sights[row.project_id].require(row.version)
    shown = (
        file
        for file in _files(page, File.objects.filter(release__in=rows))
        if file.filename not in sights[file.project_id].hidden_files
    )
    files = (_file(file, addresses.file) for file in shown)
    info = _info(row.project, row, addresses)
    return render_release(
        info,
        files,
        ownership=Ownership(),
        last_serial=page.serial,
        vulnerabilities=_vulnerabilities(row, row.project.normalized_name, addresses),
    )


def _vulnerabilities(row: Release, normalized_name: str, addresses: Addresses) -> list[Vulnerability]:
    """Those too that were withdrawn, which say so."""
    return [
        Vulnerability(
            id=one.osv_id,
            link=addresses.advisory(one.osv_id),
            aliases=one.aliases,
            summary=one.summary,
            details=one.details,
            fixed_in=one.fixed_versions,
            withdrawn=iso_utc(one.withdrawn_at) if one.withdrawn_at else None,
        )
        for one in matching.every_advisory_for(normalized_name)
        if one.affects(row.version)
    ]


def projects_of(page: ServedProject) -> list[int]:
    """The project, and that of a mirror whose files stand beside its own."""
    if page.beside is None or page.beside.place.status == Project.Status.QUARANTINED:
        return [page.pk]
    return [page.pk, page.beside.place.pk]


def sights_of(page: ServedProject) -> dict[int, Sight]:
    """What the policy lets through of each of the page's projects, by id."""
    pks, name, serial = projects_of(page), page.normalized_name, page.serial
    sides = cache(page.sides) if len(pks) > 1 else None
    found = {page.pk: sight.of(page.screening, page.pk, name, serial, sides)}
    for pk in pks[1:]:
        found[pk] = sight.of(page.screening_beside, pk, name, serial, sides)
    return found


def _files(page: ServedProject, files: FileQuerySet) -> Iterable[File]:
    """In order; of two of one name that of the project itself."""
    rows = files.shown().select_related("release").order_by("release__sort_key", "filename")
    if page.beside is None:
        return rows
    own = {file.filename for file in rows if file.project_id == page.pk}
    return [file for file in rows if file.project_id == page.pk or file.filename not in own]


def _file(file: File, address: Callable[[str, str], str]) -> ReleaseFile:
    yanked = file.is_yanked or file.release.is_yanked
    return ReleaseFile(
        filename=file.filename,
        url=address(file.sha256, file.filename),
        packagetype=file.kind,
        python_version=file.python_tag,
        size=file.size,
        upload_time=iso_utc(file.uploaded_at),
        sha256="" if file.is_unhashed else file.sha256,
        blake2b_256=file.blake2b_256,
        md5=file.md5,
        comment_text=file.comment,
        requires_python=file.requires_python or None,
        yanked_reason=(file.yank_reason or file.release.yank_reason) if yanked else None,
        core_metadata_sha256=file.metadata_sha256 or None,
    )


def _info(row: Project, latest: Release, addresses: Addresses) -> ReleaseInfo:
    core = CoreMetadata.from_json(latest.metadata)
    description = Description.objects.filter(release=latest).first()
    return ReleaseInfo(
        name=row.name,
        version=latest.version,
        project_url=addresses.project(row.normalized_name),
        release_url=addresses.release(row.normalized_name, latest.version),
        summary=core.summary or None,
        description=description.raw if description else None,
        description_content_type=description.content_type or None if description else None,
        keywords=core.keywords or None,
        license=core.license or None,
        license_expression=core.license_expression or None,
        license_files=core.license_files,
        classifiers=core.classifiers,
        author=core.author or None,
        author_email=core.author_email or None,
        maintainer=core.maintainer or None,
        maintainer_email=core.maintainer_email or None,
        requires_python=core.requires_python or None,
        requires_dist=core.requires_dist,
        provides_extra=core.provides_extra,
        platform=", ".join(core.platforms) or None,
        home_page=core.home_page or None,
        download_url=core.download_url or None,
        project_urls=core.project_urls,
        dynamic=core.dynamic,
        yanked_reason=latest.yank_reason if latest.is_yanked else None,
    )
