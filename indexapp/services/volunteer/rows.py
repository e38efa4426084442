"""The tables of a volunteer's ledger, and their rows."""

from __future__ import annotations

from typing import Final, NamedTuple

TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS project (
    name TEXT PRIMARY KEY, display TEXT NOT NULL, listed INTEGER, have INTEGER, tells INTEGER DEFAULT 0,
    chosen INTEGER DEFAULT 1, asked INTEGER DEFAULT 0, page INTEGER DEFAULT 0, dirty INTEGER DEFAULT 0,
    offered INTEGER DEFAULT 0, etag TEXT DEFAULT '', modified TEXT DEFAULT '', status TEXT DEFAULT 'active',
    reason TEXT DEFAULT '', missing INTEGER DEFAULT 0,
    failures INTEGER DEFAULT 0, retry_at REAL DEFAULT 0, failure TEXT DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file (
    path TEXT PRIMARY KEY, project TEXT NOT NULL, position INTEGER, rank INTEGER, filename TEXT, version TEXT, sha256 TEXT,
    size INTEGER, upload_time TEXT, requires_python TEXT, yanked TEXT, metadata TEXT, provenance TEXT, url TEXT,
    wanted INTEGER DEFAULT 1, held INTEGER DEFAULT 0, done INTEGER DEFAULT 0, over INTEGER DEFAULT 0,
    has_metadata INTEGER DEFAULT 0, has_provenance INTEGER DEFAULT 0, gone_at REAL, tried INTEGER DEFAULT 0,
    failures INTEGER DEFAULT 0, retry_at REAL DEFAULT 0, failure TEXT DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting ON project (coalesce(listed, 0) DESC, name)
    WHERE chosen = 1 AND (listed IS NULL OR have IS NULL OR listed > have);
CREATE INDEX IF NOT EXISTS files_of ON file (project);
CREATE INDEX IF NOT EXISTS lacking ON file (rank, upload_time) WHERE wanted = 1 AND done = 0 AND over = 0;
CREATE INDEX IF NOT EXISTS leaving ON file (gone_at) WHERE wanted = 0;
CREATE INDEX IF NOT EXISTS unsettled ON project (dirty) WHERE dirty = 1;
CREATE INDEX IF NOT EXISTS going ON project (page) WHERE page = 2;
"""
FILE: Final = (
    *("path", "project", "position", "rank", "filename", "version", "sha256", "size", "upload_time", "requires_python"),
    *("yanked", "metadata", "provenance", "url", "held", "has_metadata", "has_provenance", "failures"),
)
KNOWN: Final = ("name", "listed", "have", "tells", "etag", "modified", "page")
THERE, GOING = 1, 2
"""Of a project's page: in the tree, and on its way out of it."""


class Known(NamedTuple):
    """A project whose page is to be asked for; serials are None where nobody has told one."""

    name: str
    listed: int | None
    have: int | None
    tells: int
    etag: str
    modified: str
    page: int


class KnownFile(NamedTuple):
    """A row of a file; ``size`` is None until it is known, ``yanked`` None for what is not."""

    path: str
    project: str
    position: int
    rank: int
    filename: str
    version: str
    sha256: str
    size: int | None
    upload_time: str
    requires_python: str | None
    yanked: str | None
    metadata: str | None
    provenance: str | None
    url: str
    held: int = 0
    has_metadata: int = 0
    has_provenance: int = 0
    failures: int = 0


class Totals(NamedTuple):
    """What is there: projects with a page, files and their bytes; and what is wanted and not there yet."""

    projects: int
    files: int
    bytes: int
    lacking: int
    lacking_bytes: int
    over: int
    failing: int
