"""The digests of :mod:`indexapp.domain.replication.trees`, read a stretch of rows at a time, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from indexapp.domain.replication import trees
from indexapp.domain.replication.rows import plain
from indexapp.domain.replication.trees import CHUNK, Chunk, Document
from indexapp.models import File, Index, Project, Release

_STRETCH = 1024
"""Projects that are read at once; no fewer than a chunk has."""
_MOST_FILES = 20_000
"""Files of a page, after which no further stretch is begun: an answer takes about a second."""
_MOST_VERSIONS = 250_000
_PROJECT = ("name", "normalized_name", "status", "status_reason", "summary", "total_size", "last_serial")
_RELEASE = ("version", "is_yanked", "yank_reason", "summary", "requires_python", "is_prerelease")
_FILE = (
    "filename",
    "sha256",
    "size",
    "kind",
    "metadata_sha256",
    "requires_python",
    "is_yanked",
    "yank_reason",
    "is_hidden",
    "is_unhashed",
    "has_provenance",
    "uploaded_at",
)
FIELDS = {"project": ("index", *_PROJECT), "release": _RELEASE[1:], "file": ("version", *_FILE[1:])}
"""What the values of a document's parts are called."""
_UPLOADED = _FILE.index("uploaded_at")


class Page(NamedTuple):
    """Chunks in order, and the number from which the next page goes on; None at the end."""

    chunks: list[Chunk]
    next: int | None


def page(first: int) -> Page:
    """The chunks from this number on, as many as are read in about a second."""
    found: list[Chunk] = []
    files = 0
    names = _index_names()
    while files < _MOST_FILES:
        rows = _project_rows(first * CHUNK)
        chunks = [list(group) for _, group in groupby(rows, lambda row: row[0] // CHUNK)]
        if len(rows) == _STRETCH and len(chunks) > 1:
            chunks.pop()  # the rest of it comes with the next stretch
        for chunk in _digested(chunks, names):
            found.append(chunk)
            files += chunk.files
        if len(rows) < _STRETCH:
            return Page(found, None)
        first = found[-1].number + 1
    return Page(found, first)


def chunks(numbers: Sequence[int]) -> list[Chunk]:
    """These chunks, as far as they hold projects."""
    names = _index_names()
    found: list[Chunk] = []
    for number in numbers:
        rows = _project_rows(number * CHUNK, (number + 1) * CHUNK)
        found += _digested([rows] if rows else [], names)
    return found


def versions(first: int) -> tuple[dict[int, str], int | None]:
    """By number what tells whether a chunk is another one, and where to go on; None at the end."""
    rows = Project.objects.filter(pk__gte=first * CHUNK).order_by("pk").values_list("pk", "last_serial")
    found: dict[int, str] = {}
    last, taken = first, 0
    for number, group in groupby(rows[:_MOST_VERSIONS].iterator(5000), lambda row: row[0] // CHUNK):
        pairs = list(group)
        taken += len(pairs)
        found[number], last = trees.version_of(pairs), number
    if taken < _MOST_VERSIONS:
        return found, None
    del found[last]
    return found, last


def of_chunk(number: int) -> dict[int, tuple[str, str]]:
    """By primary key the digest of each project of a chunk, and that of what it holds."""
    rows = _project_rows(number * CHUNK, (number + 1) * CHUNK)
    return {each.key: (each.digest.hex(), each.held_digest.hex()) for each in _documents(rows, _index_names())}


def document(key: int) -> Document | None:
    """What readers see of the project with this primary key; None where there is none."""
    return next(_documents(_project_rows(key, key + 1), _index_names()), None)


def _index_names() -> dict[int, str]:
    return dict(Index.objects.order_by().values_list("pk", "name"))


def _project_rows(first: int, end: int | None = None) -> list[Any]:
    rows = Project.objects.filter(pk__gte=first).order_by("pk")
    if end is not None:
        rows = rows.filter(pk__lt=end)
    return list(rows.values_list("pk", "index_id", *_PROJECT)[:_STRETCH])


def _digested(chunks: list[list[Any]], names: dict[int, str]) -> Iterator[Chunk]:
    every = _documents([row for rows in chunks for row in rows], names)
    for rows in chunks:
        number = rows[0][0] // CHUNK
        digests, held, files, contents_held = [], [], 0, 0
        for _ in rows:
            one = next(every)
            digests.append(one.digest)
            held.append(one.held_digest)
            files += len(one.files)
            contents_held += sum(map(sum, one.held.values()))
        version = trees.version_of([(row[0], row[-1]) for row in rows])
        yield Chunk(number, version, trees.leaf(digests), trees.leaf(held), len(rows), files, contents_held)


def _documents(rows: list[Any], names: dict[int, str]) -> Iterator[Document]:
    """The projects of a stretch in the order of their keys, with all that is theirs: three statements."""
    if not rows:
        return
    theirs = {"project_id__gte": rows[0][0], "project_id__lte": rows[-1][0]}
    order = ("project_id", "pk")
    releases = Release.objects.filter(**theirs).order_by(*order).values_list("project_id", "pk", *_RELEASE)
    files = File.objects.filter(**theirs).order_by(*order)
    listed = files.values_list("project_id", "release_id", "blob_id", "metadata_blob_id", *_FILE)
    releases_of, files_of = _Groups(releases.iterator(5000)), _Groups(listed.iterator(5000))
    for row in rows:
        key = row[0]
        versions, told, shown, held = {}, {}, {}, {}
        for _, release, version, *values in releases_of.take(key):
            versions[release] = version
            told[version] = values
        for _, release, blob, beside, filename, *values in files_of.take(key):
            values[_UPLOADED - 1] = plain(values[_UPLOADED - 1])
            shown[filename] = [versions.get(release, ""), *values]
            held[filename] = [blob is not None, beside is not None]
        project = dict(zip(FIELDS["project"], (names[row[1]], *row[2:]), strict=True))
        yield Document(key, project, told, shown, held)


class _Groups:
    """Rows in the order of their first column, handed out by it."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._groups = groupby(rows, itemgetter(0))
        self._next = next(self._groups, None)

    def take(self, key: int) -> Iterator[Any]:
        """The rows with this key; keys are asked for in their order."""
        while self._next is not None and self._next[0] < key:
            self._next = next(self._groups, None)
        if self._next is None or self._next[0] != key:
            return iter(())
        return self._next[1]
