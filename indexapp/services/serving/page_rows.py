"""Reading what a project page shows: two queries, no objects, because a page may have thousands of files."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import connection

from indexapp.domain.file_paths import file_path
from indexapp.domain.simple_page import FileRow


class ReleaseFiles(NamedTuple):
    """A release that has files, and those by name; ``sort_key`` orders releases."""

    sort_key: str
    version: str
    files: list[FileRow]


_RELEASES = """
    SELECT id, sort_key, version, is_yanked, yank_reason FROM indexapp_release WHERE project_id = %s{stretch}
     ORDER BY sort_key
"""
_FILES = """
    SELECT release_id, filename, sha256, size, {uploaded}, requires_python, is_yanked, yank_reason, metadata_sha256
      FROM indexapp_file WHERE {which}
"""
_UPLOADED = {
    # Whole seconds are stored there without a fraction.
    "sqlite": "substr(replace(uploaded_at, ' ', 'T') || '.000000', 1, 26) || 'Z'",
    "postgresql": "to_char(uploaded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
}


def read_all(project_id: int) -> list[ReleaseFiles]:
    """All releases of the project that have files, in order."""
    releases = _query(_RELEASES.format(stretch=""), [project_id])
    files = _query(_FILES.format(which="project_id = %s", uploaded=_UPLOADED[connection.vendor]), [project_id])
    return _together(releases, files)


def read_stretch(project_id: int, after: str, upto: str | None) -> list[ReleaseFiles]:
    """Those with a sort key above ``after``, and not above ``upto`` if there is one."""
    stretch, bounds = (
        (" AND sort_key > %s", [after]) if upto is None else (" AND sort_key > %s AND sort_key <= %s", [after, upto])
    )
    releases = _query(_RELEASES.format(stretch=stretch), [project_id, *bounds])
    which = f"release_id IN (SELECT id FROM indexapp_release WHERE project_id = %s{stretch})"  # noqa: S608  ours
    files = _query(_FILES.format(which=which, uploaded=_UPLOADED[connection.vendor]), [project_id, *bounds])
    return _together(releases, files)


def _query(sql: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Any] = cursor.fetchall()
    return rows


def _together(releases: list[Any], files: list[Any]) -> list[ReleaseFiles]:
    """Each release with its files; those of a release that came between the two queries wait for the next reading."""
    by_release: dict[int, list[FileRow]] = {row[0]: [] for row in releases}
    marks = {pk: reason if is_yanked else None for pk, _, _, is_yanked, reason in releases}
    for release, filename, sha256, size, uploaded, requires_python, is_yanked, reason, metadata in files:
        if release not in by_release:
            continue
        mark = marks[release]
        yanked = (reason or mark or "") if is_yanked or mark is not None else None
        row = (
            filename,
            file_path(sha256, filename),
            sha256,
            size,
            uploaded,
            requires_python or None,
            yanked,
            metadata or None,
            None,
        )
        by_release[release].append(row)
    found = [ReleaseFiles(key, version, sorted(by_release[pk])) for pk, key, version, _, _ in releases]
    return [release for release in found if release.files]
