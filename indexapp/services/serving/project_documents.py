"""The JSON API's documents: what a project or one of its releases says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.db.models import QuerySet

from indexapp.domain.file_paths import file_path
from indexapp.domain.metadata import CoreMetadata
from indexapp.domain.project_json import Ownership, ReleaseFile, ReleaseInfo, render_project, render_release
from indexapp.domain.timestamps import iso_utc
from indexapp.domain.versions import canonical_version, parse_version
from indexapp.models import Description, File, Project, Release
from indexapp.services import summaries
from indexapp.services.policies import sight
from indexapp.services.serving.project_pages import ServedProject
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

    def file(self, sha256: str, filename: str) -> str:
        """The file, below ``/packages/`` because bandersnatch takes nothing else."""
        return f"{self._base}/packages/{self._index}/{file_path(sha256, filename)}"


def project(page: ServedProject, addresses: Addresses) -> bytes | None:
    """The document of the project, told by its latest release; None when there is no release."""
    row = Project.objects.filter(pk=page.pk).first()
    seen = sight.of(page.screening, page.pk, page.normalized_name, page.serial)
    latest = summaries.latest_release(row, seen.hidden_versions) if row else None
    if row is None:
        return None
    if latest is None:
        for version in seen.refusals:
            seen.require(version)
        return None
    info = _info(row, latest, addresses)
    releases: dict[str, list[ReleaseFile]] = {}
    for version in Release.objects.filter(project=row).order_by("sort_key").values_list("version", flat=True):
        if version not in seen.hidden_versions:
            releases[version] = []
    for file in _files(File.objects.filter(project=row)):
        if file.filename not in seen.hidden_files:
            releases.setdefault(file.release.version, []).append(_file(file, addresses.file))
    return render_project(info, releases, ownership=Ownership(), last_serial=row.last_serial)


def release(page: ServedProject, version: str, addresses: Addresses) -> bytes | None:
    """The document of one release; None when there is no such version, a refusal when the policy keeps all of it back."""
    try:
        canonical = canonical_version(parse_version(version))
    except Invalid:
        return None
    row = Release.objects.select_related("project").filter(project_id=page.pk, canonical_version=canonical).first()
    if row is None:
        return None
    seen = sight.of(page.screening, page.pk, page.normalized_name, page.serial)
    seen.require(row.version)
    shown = (file for file in _files(File.objects.filter(release=row)) if file.filename not in seen.hidden_files)
    files = (_file(file, addresses.file) for file in shown)
    info = _info(row.project, row, addresses)
    return render_release(info, files, ownership=Ownership(), last_serial=row.project.last_serial)


def _files(files: QuerySet[File]) -> Iterable[File]:
    return files.select_related("release").order_by("release__sort_key", "filename")


def _file(file: File, address: Callable[[str, str], str]) -> ReleaseFile:
    yanked = file.is_yanked or file.release.is_yanked
    return ReleaseFile(
        filename=file.filename,
        url=address(file.sha256, file.filename),
        packagetype=file.kind,
        python_version=file.python_tag,
        size=file.size,
        upload_time=iso_utc(file.uploaded_at),
        sha256=file.sha256,
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
