"""Everything that a project's page shows of one release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from django.db.models import Q, QuerySet
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb, as_words, from_mask
from indexapp import permissions
from indexapp.domain.file_paths import file_path
from indexapp.domain.license_words import license_words
from indexapp.domain.metadata import CoreMetadata
from indexapp.domain.policy.rules import Rule
from indexapp.domain.requirement_groups import RequirementGroup, group_requirements
from indexapp.domain.tag_words import describe_file
from indexapp.domain.versions import canonical_version
from indexapp.domain.web_links import WebLink, web_links
from indexapp.models import Description, File, Project, Release
from indexapp.services import descriptions, summaries
from indexapp.services.pages import mirrored
from indexapp.services.pages.access import OpenProject
from indexapp.services.pages.lists import projects_of
from indexapp.services.pages.mirrored import Mirrored
from indexapp.services.policies import sight
from indexapp.services.policies.sight import Sight
from indexapp.services.serving import gate
from indexapp.services.vulnerabilities import exposure, matching
from indexapp.services.vulnerabilities.matching import KnownAdvisory
from tpi_site.kit.errors import Invalid, NotFound

T = TypeVar("T", Release, File)
RELEASES_SHOWN = 20
FILES_SHOWN = 100
_MOST_ROWS = 5_000
_MOST_REQUIREMENTS = 500
_REQUIREMENTS_LENGTH = 64 * 1024
"""Characters of requirements that a page reads; each page does so anew."""
_MOST_ROLES = 200


@dataclass(frozen=True)
class ShownFile:
    """A file of the release; ``words`` say where it installs, ``path`` is that below the index's files root.

    ``rule`` is the policy's that keeps it back or has its use noted, and ``refusal`` what who asks for it reads.
    """

    row: File
    words: str
    path: str
    is_yanked: bool
    yank_reason: str
    rule: Rule | None = None
    refusal: str = ""


@dataclass(frozen=True)
class Maintainer:
    """Who holds which verbs here; ``is_inherited`` when it is for the whole index."""

    name: str
    is_team: bool
    verbs: list[str]
    is_inherited: bool


@dataclass(frozen=True)
class ProjectView:
    """What the page is made of; lists are cut at the module's limits, ``*_cut`` say so.

    ``release`` is None for a project without releases; ``newer`` names the version that an installer would rather take.
    """

    project: Project
    release: Release | None
    newer: str
    metadata: CoreMetadata
    license: str
    description: SafeString
    links: list[WebLink]
    requirements: list[RequirementGroup]
    linked: frozenset[str]
    files: list[ShownFile]
    files_cut: bool
    releases: list[Release]
    releases_cut: bool
    maintainers: list[Maintainer] | None
    vulnerabilities: tuple[KnownAdvisory, ...]
    exposed: frozenset[str]
    """The versions among ``releases`` of which an advisory speaks."""
    refusal: str = ""
    """Why nothing of the release is given out, or, where the policy hides every release, of the latest."""
    refused: frozenset[str] = frozenset()
    """The versions among ``releases`` of which nothing is given out."""
    mirrored: Mirrored | None = None
    merged_with: str = ""
    """The mirror whose files the index offers under this name too."""


def load(opened: OpenProject, actor: Actor, *, version: str | None = None, whole: bool = False) -> ProjectView:
    """The page of ``version``, or of the latest; ``whole`` lifts the limits of its lists."""
    project = Project.objects.select_related("index").filter(pk=opened.page.pk).first()
    if project is None:
        raise NotFound("It was deleted in the meantime.")
    seen = sight.of(opened.page.screening, project.pk, project.normalized_name, opened.page.serial)
    release = _release(project, version, seen)
    metadata = CoreMetadata.from_json(release.metadata) if release else CoreMetadata()
    requirements = group_requirements(_first(metadata.requires_dist), metadata.provides_extra)
    files, files_cut = _cut(_files(release, seen), FILES_SHOWN, whole=whole)
    releases, releases_cut = _cut(_releases(project, seen), RELEASES_SHOWN, whole=whole)
    known = matching.advisories_for(project.normalized_name)
    return ProjectView(
        project=project,
        release=release,
        newer=_newer(project, release, seen) if version is not None else "",
        metadata=metadata,
        license=license_words(metadata),
        description=_description(release),
        links=web_links(metadata.project_urls, metadata.home_page, metadata.download_url),
        requirements=requirements,
        linked=_linked(opened, actor, requirements),
        files=[_shown(file, release, seen) for file in files],
        files_cut=files_cut,
        releases=releases,
        releases_cut=releases_cut,
        maintainers=_maintainers(opened, project, actor),
        vulnerabilities=exposure.affecting(known, release.version) if release else (),
        exposed=frozenset(one.version for one in releases if exposure.affecting(known, one.version)),
        refusal=_refusal(release, seen),
        refused=frozenset(one.version for one in releases if one.version in seen.refusals),
        mirrored=mirrored.of(opened, actor),
        merged_with=opened.page.beside.member.name if opened.page.beside else "",
    )


def _first(requirements: Sequence[str]) -> list[str]:
    """The requirements that fit within the page's limits."""
    ends = accumulate(map(len, requirements[:_MOST_REQUIREMENTS]))
    return [line for line, end in zip(requirements, ends, strict=False) if end <= _REQUIREMENTS_LENGTH]


def _release(project: Project, version: str | None, seen: Sight) -> Release | None:
    rows = Release.objects.shown().filter(project=project).select_related("description")
    if version is None:
        return _not_hidden(rows, seen).order_by(*summaries.LATEST_FIRST).first()
    try:
        canonical = canonical_version(version)
    except Invalid:
        canonical = ""
    found = rows.filter(canonical_version=canonical).first()
    if found is None:
        raise NotFound("The project has no such version; choose one from its release history.")
    if found.version in seen.hidden_versions:
        seen.require(found.version)
    return found


def _refusal(release: Release | None, seen: Sight) -> str:
    if release is not None:
        return seen.refusals.get(release.version, "")
    return next(reversed(list(seen.refusals.values())), "")


def _not_hidden(releases: QuerySet[Release], seen: Sight) -> QuerySet[Release]:
    return releases.exclude(version__in=seen.hidden_versions) if seen.hidden_versions else releases


def _newer(project: Project, release: Release | None, seen: Sight) -> str:
    shown = _not_hidden(Release.objects.shown().filter(project=project), seen)
    latest = shown.order_by(*summaries.LATEST_FIRST).values_list("pk", "version").first()
    return latest[1] if latest and release and latest[0] != release.pk else ""


def _description(release: Release | None) -> SafeString:
    row: Description | None = getattr(release, "description", None)
    return descriptions.rendered(row.content_type, row.raw) if row else SafeString("")


def _cut(rows: QuerySet[T], limit: int, *, whole: bool) -> tuple[list[T], bool]:
    limit = _MOST_ROWS if whole else limit
    found = list(rows[: limit + 1])
    return found[:limit], len(found) > limit


def _releases(project: Project, seen: Sight) -> QuerySet[Release]:
    rows = _not_hidden(Release.objects.shown().filter(project=project), seen).order_by("-sort_key")
    return rows.only("version", "is_prerelease", "is_yanked", "yank_reason", "created_at", "project_id")


def _files(release: Release | None, seen: Sight) -> QuerySet[File]:
    """Source distributions first, then wheels by name."""
    if release is None:
        return File.objects.none()
    files = File.objects.shown().filter(release=release)
    rows = files.defer("attestations", "comment").order_by("-kind", "filename")
    return rows.exclude(filename__in=seen.hidden_files) if seen.hidden_files else rows


def _shown(file: File, release: Release | None, seen: Sight) -> ShownFile:
    is_yanked = file.is_yanked or bool(release and release.is_yanked)
    reason = file.yank_reason or (release.yank_reason if release else "")
    path, rule = file_path(file.sha256, file.filename), seen.rules.get(file.filename)
    return ShownFile(
        file,
        describe_file(file.filename),
        path,
        is_yanked,
        reason,
        rule if rule and not rule.allows else None,
        seen.file_refusals.get(file.filename, ""),
    )


def _linked(opened: OpenProject, actor: Actor, groups: list[RequirementGroup]) -> frozenset[str]:
    """The required projects that this index has and the actor may see: the names worth a link."""
    names = {one.project for group in groups for one in group.requirements if one.project}
    if not names:
        return frozenset()
    rows = projects_of(opened.index, actor, opened.watermark).filter(normalized_name__in=names)
    return frozenset(rows.order_by().values_list("normalized_name", flat=True))


def _maintainers(opened: OpenProject, project: Project, actor: Actor) -> list[Maintainer] | None:
    """Who may do what here, for those who administer it; None for others."""
    if Verb.ADMINISTER not in gate.verbs_on(actor, project.index, project, opened.watermark):
        return None
    rows = permissions.roles_visible_to(actor).filter(Q(project=None) | Q(project=project), index=project.index)
    rows = rows.select_related("user", "team").order_by("project_id", "id")[:_MOST_ROLES]
    return [
        Maintainer(
            str(row.user or row.team), row.team_id is not None, as_words(from_mask(row.verbs)), not row.project_id
        )
        for row in rows
    ]
