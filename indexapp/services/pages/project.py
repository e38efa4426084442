"""Everything that a project's page shows of one release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from indexapp.services import descriptions
from indexapp.services.pages import mirrored, sides
from indexapp.services.pages.access import OpenProject
from indexapp.services.pages.lists import projects_of
from indexapp.services.pages.mirrored import Mirrored
from indexapp.services.pages.sides import Sides
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
    source: str = ""
    """The index that holds it."""


@dataclass(frozen=True)
class ListedRelease:
    """A version of the history; ``sources`` are the indexes that have it; with ``is_refused`` nothing of it is given out."""

    row: Release
    sources: tuple[str, ...]
    is_refused: bool


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
    releases: list[ListedRelease]
    releases_cut: bool
    maintainers: list[Maintainer] | None
    vulnerabilities: tuple[KnownAdvisory, ...]
    exposed: frozenset[str]
    """The versions among ``releases`` of which an advisory speaks."""
    refusal: str = ""
    """Why nothing of the release is given out, or, where the policy hides every release, of the latest."""
    mirrored: Mirrored | None = None
    sources: tuple[str, ...] = ()
    """The indexes that have the release, or, without one, the project."""
    merged_with: str = ""
    """The mirror whose files the index offers under this name too."""


def load(opened: OpenProject, actor: Actor, *, version: str | None = None, whole: bool = False) -> ProjectView:
    """The page of ``version``, or of the latest; ``whole`` lifts the limits of its lists."""
    project = Project.objects.select_related("index").filter(pk=opened.page.pk).first()
    if project is None:
        raise NotFound("It was deleted in the meantime.")
    both = sides.of(opened.page)
    release = _release(both, version)
    same = both.same(release) if release else []
    metadata = CoreMetadata.from_json(release.metadata) if release else CoreMetadata()
    requirements = group_requirements(_first(metadata.requires_dist), metadata.provides_extra)
    files, files_cut = _cut(both.files(same), FILES_SHOWN, whole=whole)
    releases, releases_cut = _releases(both, whole=whole)
    known = matching.advisories_for(project.normalized_name)
    return ProjectView(
        project=project,
        release=release,
        newer=_newer(both, release) if version is not None else "",
        metadata=metadata,
        license=license_words(metadata),
        description=_description(release),
        links=web_links(metadata.project_urls, metadata.home_page, metadata.download_url),
        requirements=requirements,
        linked=_linked(opened, actor, requirements),
        files=[_shown(file, {one.pk: one for one in same}, both) for file in files],
        files_cut=files_cut,
        releases=releases,
        releases_cut=releases_cut,
        maintainers=_maintainers(opened, project, actor),
        vulnerabilities=exposure.affecting(known, release.version) if release else (),
        exposed=frozenset(one.row.version for one in releases if exposure.affecting(known, one.row.version)),
        refusal=both.refusal(same),
        mirrored=mirrored.of(opened, actor),
        sources=both.sources(same) or (both.ours.index,),
        merged_with=both.theirs.index if both.theirs else "",
    )


def _first(requirements: Sequence[str]) -> list[str]:
    """The requirements that fit within the page's limits."""
    ends = accumulate(map(len, requirements[:_MOST_REQUIREMENTS]))
    return [line for line, end in zip(requirements, ends, strict=False) if end <= _REQUIREMENTS_LENGTH]


def _release(both: Sides, version: str | None) -> Release | None:
    if version is None:
        return both.latest_first(both.releases()).select_related("description").first()
    try:
        canonical = canonical_version(version)
    except Invalid:
        canonical = ""
    rows = both.newest_first(both.releases(with_hidden=True).filter(canonical_version=canonical))
    found = list(rows.select_related("description"))
    shown = [one for one in found if one.version not in both.of(one.project_id).seen.hidden_versions]
    if not found:
        raise NotFound("The project has no such version; choose one from its release history.")
    if not shown:
        both.of(found[0].project_id).seen.require(found[0].version)
    return (shown or found)[0]


def _newer(both: Sides, release: Release | None) -> str:
    latest = both.latest_first(both.releases()).values_list("sort_key", "version").first()
    return latest[1] if latest and release and latest[0] != release.sort_key else ""


def _description(release: Release | None) -> SafeString:
    row: Description | None = getattr(release, "description", None)
    return descriptions.rendered(row.content_type, row.raw) if row else SafeString("")


def _cut(rows: QuerySet[T], limit: int, *, whole: bool) -> tuple[list[T], bool]:
    limit = _MOST_ROWS if whole else limit
    found = list(rows[: limit + 1])
    return found[:limit], len(found) > limit


def _releases(both: Sides, *, whole: bool) -> tuple[list[ListedRelease], bool]:
    """The newest; of a version that both sides have, ours."""
    limit = _MOST_ROWS if whole else RELEASES_SHOWN
    rows = both.newest_first(both.releases()).only(
        *("version", "sort_key", "is_prerelease", "is_yanked", "yank_reason", "created_at", "project_id")
    )
    found = [
        ListedRelease(same[0], tuple(both.of(one.project_id).index for one in same), both.is_refused(same))
        for same in sides.by_version(list(rows[: 2 * limit + 1 if both.theirs else limit + 1]))
    ]
    return found[:limit], len(found) > limit


def _shown(file: File, releases: Mapping[int, Release], both: Sides) -> ShownFile:
    side, release = both.of(file.project_id), releases[file.release_id]
    path, rule = file_path(file.sha256, file.filename), side.seen.rules.get(file.filename)
    return ShownFile(
        file,
        describe_file(file.filename),
        path,
        file.is_yanked or release.is_yanked,
        file.yank_reason or release.yank_reason,
        rule if rule and not rule.allows else None,
        side.seen.file_refusals.get(file.filename, ""),
        side.index,
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
