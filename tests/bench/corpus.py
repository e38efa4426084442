"""Rows in bulk: projects with releases and files that look like real ones, written past the services.

Blobs have rows but no bytes; what a measurement downloads is uploaded for real.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from packaging.version import Version

from indexapp.domain.names import confusable_key
from indexapp.domain.versions import canonical_version, version_sort_key
from tests.bench.databases import Database, Work

_SUMMARY = "One of many projects"
_FILES_OF_A_RELEASE = ("{stem}-py3-none-any.whl", "{stem}.tar.gz")


@dataclass(frozen=True)
class Shape:
    """``projects`` projects of ``files`` files each (two of a release)."""

    projects: int
    files: int
    prefix: str = "project"

    def name(self, number: int) -> str:
        """The normalised name of one of the projects."""
        return f"{self.prefix}-{number:06d}"


def seed(database: Database, *shapes: Shape) -> None:
    """Write the shapes into the default index of a prepared database that nobody has open."""
    with database.working(in_bulk=True) as work:
        for shape in shapes:
            _seed(work, shape)


def _seed(work: Work, shape: Shape) -> None:
    index_id, index_name = work.row("SELECT id, name FROM indexapp_index WHERE is_default")
    first = {table: _next_id(work, table) for table in ("project", "release", "file", "blob")}
    (serial,) = work.row("SELECT COALESCE(MAX(serial), 0) + 1 FROM indexapp_change")
    versions = _versions(shape.files // len(_FILES_OF_A_RELEASE))
    projects = [(first["project"] + number, shape.name(number)) for number in range(shape.projects)]
    _seed_projects(work, shape, projects, index_id, serial)
    release = ["id", "project_id", "version", "canonical_version", "sort_key", "summary", "requires_python"]
    releases = (
        (first["release"] + place * len(versions) + step, pk, *version, _SUMMARY, ">=3.9", "bdist_wheel")
        for place, (pk, _) in enumerate(projects)
        for step, version in enumerate(versions)
    )
    work.put("indexapp_release", [*release, "metadata_source"], releases)
    _seed_files(work, shape, projects, versions, first, index_id)
    change = ["serial", "kind", "index_id", "index_name", "project", "version", "filename"]
    changes = (
        (serial + number, "file-added", index_id, index_name, name, version, filename)
        for number, (_, name, _, version, filename) in enumerate(_files(projects, versions, first["release"]))
    )
    work.put("indexapp_change", change, changes)


def _seed_projects(
    work: Work, shape: Shape, projects: Sequence[tuple[int, str]], index_id: int, first_serial: int
) -> None:
    columns = ["id", "index_id", "name", "normalized_name", "confusable_key", "status", "summary", "total_size"]
    last = count(first_serial + shape.files - 1, shape.files)
    rows = (
        (pk, index_id, name, name, confusable_key(name), "active", _SUMMARY, shape.files * 10_240, next(last))
        for pk, name in projects
    )
    work.put("indexapp_project", [*columns, "last_serial"], rows)
    if work.vendor == "sqlite":
        work.put("indexapp_search", ["rowid", "name", "summary"], ((pk, name, _SUMMARY) for pk, name in projects))


def _next_id(work: Work, table: str) -> int:
    return int(work.row(f"SELECT COALESCE(MAX(id), 0) + 1 FROM indexapp_{table}")[0])


def _versions(number: int) -> list[tuple[str, str, str]]:
    texts = [f"{1 + step // 100}.{step // 10 % 10}.{step % 10}" for step in range(number)]
    return [(text, canonical_version(text), version_sort_key(Version(text))) for text in texts]


def _files(
    projects: Sequence[tuple[int, str]], versions: Sequence[tuple[str, str, str]], first_release: int
) -> Iterator[tuple[int, str, int, str, str]]:
    """Project id and name, release id, version and file name of every file."""
    release = count(first_release)
    for pk, name in projects:
        stem = name.replace("-", "_")
        for version, _, _ in versions:
            release_id = next(release)
            for pattern in _FILES_OF_A_RELEASE:
                yield pk, name, release_id, version, pattern.format(stem=f"{stem}-{version}")


def _seed_files(
    work: Work,
    shape: Shape,
    projects: Sequence[tuple[int, str]],
    versions: Sequence[tuple[str, str, str]],
    first: dict[str, int],
    index_id: int,
) -> None:
    digests = [secrets.token_hex(32) for _ in range(shape.projects * shape.files)]
    blobs = (
        (first["blob"] + number, digest, 10_240, f"{digest[:2]}/{digest[2:]}") for number, digest in enumerate(digests)
    )
    work.put("indexapp_blob", ["id", "sha256", "size", "object_name"], blobs)
    columns = ["id", "index_id", "project_id", "release_id", "filename", "kind", "size", "sha256", "blake2b_256", "md5"]
    files = (
        (first["file"] + number, index_id, pk, release, filename,
         "bdist_wheel" if filename.endswith(".whl") else "sdist", 10_240, digest, digest, digest[:32], ">=3.9",
         digest if filename.endswith(".whl") else "", "robot", first["blob"] + number)
        for number, (digest, (pk, _, release, _, filename)) in enumerate(
            zip(digests, _files(projects, versions, first["release"]), strict=True)
        )
    )  # fmt: skip
    work.put("indexapp_file", [*columns, "requires_python", "metadata_sha256", "uploaded_by", "blob_id"], files)


def touch(database: Database, project: str, *, kind: str = "release-yanked") -> None:
    """Yank or unyank the project's latest release, or log something of another ``kind``, past the services."""
    with database.working() as work:
        pk, index_id, index_name, release, version = work.row(
            "SELECT p.id, i.id, i.name, r.id, r.version FROM indexapp_project p"
            " JOIN indexapp_index i ON i.id = p.index_id JOIN indexapp_release r ON r.project_id = p.id"
            " WHERE p.normalized_name = ? ORDER BY r.sort_key DESC LIMIT 1",
            project,
        )
        (serial,) = work.row("SELECT MAX(serial) + 1 FROM indexapp_change")
        work.row("UPDATE indexapp_release SET is_yanked = NOT is_yanked WHERE id = ?", release)
        work.put(
            "indexapp_change",
            ["serial", "kind", "index_id", "index_name", "project", "version"],
            [(serial, kind, index_id, index_name, project, version)],
        )
        work.row("UPDATE indexapp_project SET last_serial = ? WHERE id = ?", serial, pk)
