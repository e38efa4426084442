"""What of a project's page is copied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from packaging.version import Version

from indexapp.clients.upstream import Page, UpstreamFile
from indexapp.domain.copy_filter import Copied
from indexapp.domain.file_paths import file_path
from indexapp.domain.timestamps import iso_utc
from indexapp.domain.volunteer.configuration import Configuration
from indexapp.services.static_export.forms import FILES
from indexapp.services.volunteer.rows import KnownFile


@dataclass(frozen=True, slots=True)
class Plan:
    """The files that are wanted, the paths of those that are not any more, and what could not be looked at.

    ``unproved`` have no SHA-256, and ``replaced`` have another one under a name that was known.
    """

    wanted: list[KnownFile]
    unwanted: list[str]
    unproved: int
    replaced: list[str]


def plan(configuration: Configuration, page: Page, known: Iterable[KnownFile]) -> Plan:
    """Compare a page with what is known of the project."""
    rows = {row.path: row for row in known}
    chosen = _chosen(configuration, page)
    wanted = {row.path: row for row in (_row(page.name, *each, rows) for each in chosen)}
    names = {file.filename for file in page.files}
    kept = {path for path, row in rows.items() if configuration.keeps_deleted and row.filename not in names}
    before = {row.filename: row.sha256 for row in rows.values()}
    return Plan(
        wanted=list(wanted.values()),
        unwanted=[path for path in rows if path not in wanted and path not in kept],
        unproved=sum("sha256" not in file.digests for file in page.files),
        replaced=[row.filename for row in wanted.values() if before.get(row.filename, row.sha256) != row.sha256],
    )


def _chosen(configuration: Configuration, page: Page) -> list[tuple[int, int, UpstreamFile]]:
    """The files with their places on the page, and the ranks of their releases: 0 is the newest."""
    if page.status == "quarantined":
        return []
    offered = [
        Copied(place, file.filename, file.version, file.size or 0, file.requires_python or "")
        for place, file in enumerate(page.files)
        if "sha256" in file.digests
        and (configuration.follows_yanks or file.yanked is None)
        and configuration.choice.takes_version(page.name, file.version)
    ]
    chosen = configuration.filter.choose(offered)
    ranks = {
        version: rank for rank, version in enumerate(sorted({Version(each.version) for each in chosen}, reverse=True))
    }
    return [(each.key, ranks[Version(each.version)], page.files[each.key]) for each in chosen]


def _row(project: str, position: int, rank: int, file: UpstreamFile, known: dict[str, KnownFile]) -> KnownFile:
    path = f"{FILES}{file_path(file.digests['sha256'], file.filename)}"
    before = known.get(path)
    moment = iso_utc(file.upload_time or datetime.now(UTC))
    return KnownFile(
        path=path,
        project=project,
        position=position,
        rank=rank,
        filename=file.filename,
        version=file.version,
        sha256=file.digests["sha256"],
        size=file.size,
        upload_time=before.upload_time if before and file.upload_time is None else moment,
        requires_python=file.requires_python,
        yanked=file.yanked,
        metadata=(file.core_metadata or {}).get("sha256"),
        provenance=file.provenance,
        url=file.url,
    )
