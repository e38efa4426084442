"""The text of a project page, cut into pieces, so that a change costs what it touches and not what the project holds.

A piece is a run of releases.  Where one ends is decided by a release's sort key alone: so every process cuts, tags and
compresses the same page in the same way, and a new release moves no cut but its own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import chain
from typing import NamedTuple
from zlib import crc32

from indexapp.domain.content_encoding import ContentCoding, GzipPiece, encode, gzip_of, gzip_piece
from indexapp.domain.escaping import html_bytes
from indexapp.domain.etags import make_etag
from indexapp.domain.simple_page import PageForm, ProjectPage
from indexapp.services.serving.page_rows import ReleaseFiles

_MEAN = 64
"""Releases of a piece, on average."""


class Piece(NamedTuple):
    """A run of releases: its last sort key, its versions, its text's size in bytes and digest."""

    upto: str
    versions: tuple[str, ...]
    size: int
    digest: bytes


_Cut = tuple[Piece, bytes | memoryview]


@dataclass(frozen=True, slots=True)
class PageText:
    """A whole page as bytes; ``serial`` is that of its project when it was read, ``start`` is where the first piece is."""

    serial: int
    body: bytes
    etag: str
    start: int
    pieces: tuple[Piece, ...]
    packed: dict[bytes, GzipPiece] = field(default_factory=dict)
    """Pieces compressed so far, by digest."""

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        packed = list(self.packed.values())  # at once: who compresses for an older page may be adding to it
        return len(self.body) + sum(len(piece.content) for piece in packed)


@dataclass(frozen=True, slots=True)
class PageMaker:
    """Makes the texts of one page in one form; ``about`` says everything but the versions."""

    form: PageForm
    about: ProjectPage

    def make(self, releases: Iterable[ReleaseFiles]) -> PageText:
        """The text of all of a project's releases."""
        return self._assemble(list(self._cut(releases)) if self.about.offers_files else [], {})

    def remake(
        self, old: PageText, keys: Iterable[str], read: Callable[[str, str | None], list[ReleaseFiles]]
    ) -> PageText:
        """The text after the releases with these sort keys changed, came or went.

        ``read(after, upto)`` gives the releases of a stretch of sort keys as they are now.
        """
        ends = [piece.upto for piece in old.pieces]
        stale = {min(bisect_left(ends, key), len(ends) - 1) for key in keys}
        kept = list(self._kept(old))
        cuts: list[_Cut] = []
        number = 0
        while number < len(kept):
            if number in stale:
                number, releases = _read_run(ends, number, read)
                cuts += self._cut(releases)
            else:
                cuts.append(kept[number])
            number += 1
        return self._assemble(cuts, old.packed)

    def _kept(self, old: PageText) -> Iterator[_Cut]:
        view, position = memoryview(old.body), old.start
        for piece in old.pieces:
            yield piece, view[position : position + piece.size]
            position += piece.size + len(self.form.separator)

    def _cut(self, releases: Iterable[ReleaseFiles]) -> Iterator[_Cut]:
        run: list[ReleaseFiles] = []
        for release in releases:
            run.append(release)
            if _ends_piece(release.sort_key):
                yield self._piece(run)
                run = []
        if run:
            yield self._piece(run)

    def _piece(self, run: list[ReleaseFiles]) -> _Cut:
        files = chain.from_iterable(release.files for release in run)
        text = html_bytes(self.form.separator.join(self.form.lines(self.about.files_base, files)))
        versions = tuple(release.version for release in run)
        return Piece(run[-1].sort_key, versions, len(text), blake2b(text, digest_size=16).digest()), text

    def _assemble(self, cuts: list[_Cut], packed: dict[bytes, GzipPiece]) -> PageText:
        pieces = tuple(piece for piece, _ in cuts)
        about = replace(self.about, versions=list(chain.from_iterable(piece.versions for piece in pieces)))
        head, tail = (html_bytes(text) for text in self.form.frame(about))
        body = b"".join([head, self.form.separator.encode().join(text for _, text in cuts), tail])
        etag = make_etag(head, tail, *(piece.digest for piece in pieces))
        still = {piece.digest: packed[piece.digest] for piece in pieces if piece.digest in packed}
        return PageText(about.last_serial, body, etag, len(head), pieces, still)


def _ends_piece(sort_key: str) -> bool:
    return crc32(sort_key.encode()) % _MEAN == 0


def _read_run(
    ends: list[str], number: int, read: Callable[[str, str | None], list[ReleaseFiles]]
) -> tuple[int, list[ReleaseFiles]]:
    """Read piece ``number`` anew, and the next ones as long as the release that ended it is gone; the last number."""
    after = ends[number - 1] if number else ""
    last = len(ends) - 1
    while True:
        releases = read(after, ends[number] if number < last else None)
        if number == last or (releases and releases[-1].sort_key == ends[number]):
            return number, releases
        number += 1


def in_coding(text: PageText, form: PageForm, coding: ContentCoding) -> bytes:
    """The text's bytes in a content coding; of a page in pieces only those that are new are compressed."""
    if coding != "gzip" or len(text.pieces) <= 1:
        return encode(text.body, coding)
    view, position = memoryview(text.body), text.start
    separator = form.separator.encode()
    between = gzip_piece(separator)
    parts = [gzip_piece(view[:position])]
    for number, piece in enumerate(text.pieces):
        if number and separator:
            parts.append(between)
        if piece.digest not in text.packed:
            text.packed[piece.digest] = gzip_piece(view[position : position + piece.size])
        parts.append(text.packed[piece.digest])
        position += piece.size + len(separator)
    parts.append(gzip_piece(view[position - len(separator) :]))
    return gzip_of(parts, crc32(text.body))
