"""``RECORD``: the list of a wheel's files with their hashes (binary distribution format)."""

from __future__ import annotations

import base64
import codecs
import csv
import hashlib
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from indexapp.domain.archives.limits import KIB
from indexapp.domain.archives.member_names import shown
from tpi_site.kit.errors import Invalid

_COLUMNS: Final = 3
_MAX_LINE: Final = 16 * KIB
_MAX_DIGITS: Final = 19
_ALGORITHMS: Final = frozenset({"sha256", "sha384", "sha512"})
_UNLISTED: Final = ("RECORD", "RECORD.jws", "RECORD.p7s")


class RecordedFile(NamedTuple):
    """One row; ``digest`` is URL-safe base64 without padding, ``size`` is bytes or None where the row gives none."""

    algorithm: str
    digest: str
    size: int | None


def read_record(pieces: Iterable[bytes], *, dist_info: str) -> dict[str, RecordedFile]:
    """Parse ``RECORD``, given in pieces; directories and the rows of ``RECORD`` and its signatures are left out.

    Refused: what is not CSV of three columns, paths given twice, and hashes other than SHA-256, 384 and 512.
    """
    exempt = exempt_names(dist_info)
    files: dict[str, RecordedFile] = {}
    rows = csv.reader(_lines(pieces), strict=True)
    try:
        for row in rows:
            if not row:
                continue
            if len(row) != _COLUMNS:
                raise _bad_record(f"has a row of {len(row)} columns instead of {_COLUMNS} (line {rows.line_num})")
            path = row[0]
            if path in exempt or path.endswith("/"):
                continue
            if path in files:
                raise _bad_record(f"lists {shown(path)} twice")
            files[path] = _recorded(path, row[1], row[2])
    except csv.Error:
        raise _bad_record(f"is not CSV (line {rows.line_num})") from None
    return files


def exempt_names(dist_info: str) -> frozenset[str]:
    """Return the paths that ``RECORD`` need not list: itself and its signatures."""
    return frozenset(f"{dist_info}/{name}" for name in _UNLISTED)


def require_same_files(recorded: dict[str, RecordedFile], present: frozenset[str], *, dist_info: str) -> None:
    """Refuse with ``wheel-record`` when ``RECORD`` and the archive do not hold the same files."""
    listed = present - exempt_names(dist_info)
    unlisted = next(iter(listed - recorded.keys()), None)
    if unlisted is not None:
        raise _bad_record(f"does not list {shown(unlisted)}, which is in the archive")
    missing = next(iter(recorded.keys() - listed), None)
    if missing is not None:
        raise _bad_record(f"lists {shown(missing)}, which is not in the archive")


def require_same_size(path: str, recorded: RecordedFile, size: int) -> None:
    """Refuse with ``wheel-record`` when the row gives another size than the archive."""
    if recorded.size not in {None, size}:
        raise _bad_record(f"gives another size for {shown(path)} than the archive")


def checked(pieces: Iterable[bytes], path: str, recorded: RecordedFile) -> Iterator[bytes]:
    """Pass ``pieces`` through, and refuse with ``wheel-record`` at their end if the hash is another."""
    digest = hashlib.new(recorded.algorithm, usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
        yield piece
    if base64.urlsafe_b64encode(digest.digest()).rstrip(b"=") != recorded.digest.encode():
        raise _bad_record(f"gives another hash for {shown(path)} than its content has")


def _recorded(path: str, hash_column: str, size_column: str) -> RecordedFile:
    algorithm, _, digest = hash_column.partition("=")
    if algorithm not in _ALGORITHMS or not digest:
        raise _bad_record(f"has no sha256, sha384 or sha512 hash for {shown(path)}")
    size = None
    if size_column:
        if not (size_column.isascii() and size_column.isdigit() and len(size_column) <= _MAX_DIGITS):
            raise _bad_record(f"has a size that is not a number for {shown(path)}")
        size = int(size_column)
    return RecordedFile(algorithm, digest.rstrip("="), size)


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Cut the decoded text at line feeds only, as the format does; keep no more than one piece and one line."""
    rest = ""
    try:
        for text in codecs.iterdecode(pieces, "utf-8"):
            *lines, rest = (rest + text).split("\n")
            yield from lines
            if len(rest) > _MAX_LINE:
                raise _bad_record("has a line that is too long")
    except UnicodeDecodeError:
        raise _bad_record("is not UTF-8") from None
    yield rest


def _bad_record(fault: str) -> Invalid:
    return Invalid(f"The wheel's RECORD {fault}; build the wheel again.", code="wheel-record")
