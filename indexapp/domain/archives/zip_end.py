"""The end of a ZIP archive (APPNOTE.TXT 4.3.14 to 4.3.16): where its directory is."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Final, NamedTuple

from indexapp.domain.archives import signatures
from indexapp.domain.archives.limits import ArchiveLimits
from tpi_site.kit.errors import Invalid

_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_END64_FIXED: Final = _END64.size - 12
"""What the size field of a ZIP64 end record says when it has no extensible data."""
_SATURATED_16: Final = 0xFFFF
_SATURATED_32: Final = 0xFFFFFFFF


class ZipDirectory(NamedTuple):
    """Where the central directory lies (bytes) and how many headers it holds; it ends where the end records begin."""

    offset: int
    size: int
    headers: int


class _End(NamedTuple):
    disk: int
    directory_disk: int
    headers_here: int
    headers: int
    size: int
    offset: int


def find_directory(file: BinaryIO, limits: ArchiveLimits) -> ZipDirectory:
    """Find the central directory from the last bytes of ``file``.

    The end record must be the very last thing, so that no two readers can find different ones: archive comments and
    trailing bytes are refused.
    """
    end_at = file.seek(0, os.SEEK_END) - _END.size
    end = _read_end(file, end_at)
    end64, records_at = _read_end64(file, end_at)
    if end64 is not None:
        _require_same(end, end64)
        end = end64
    _require_one_disk(end)
    limits.require_member_count(end.headers)
    if end.offset + end.size != records_at:
        raise _bad_end(
            "the end record gives a wrong place for the directory, or the file has bytes in front or between"
        )
    return ZipDirectory(offset=end.offset, size=end.size, headers=end.headers)


def _read_end(file: BinaryIO, at: int) -> _End:
    if at < 0:
        raise _bad_end("the file is too short")
    file.seek(at)
    signature, *values, comment_size = _END.unpack(file.read(_END.size))
    if signature != signatures.ZIP_END or comment_size:
        raise Invalid(
            "The ZIP archive does not end with its end record: it is truncated, has a comment or has bytes"
            " after its end; upload what the build tool made, unchanged.",
            code="zip-end-missing",
        )
    return _End(*values)


def _read_end64(file: BinaryIO, end_at: int) -> tuple[_End | None, int]:
    """Return the ZIP64 end record, if the archive has one, and where the end records begin."""
    locator_at = end_at - _LOCATOR.size
    if locator_at < 0:
        return None, end_at
    file.seek(locator_at)
    signature, disk, end64_at, disks = _LOCATOR.unpack(file.read(_LOCATOR.size))
    if signature != signatures.ZIP64_LOCATOR:
        return None, end_at
    if disk != 0 or disks > 1 or end64_at != locator_at - _END64.size:
        raise _bad_end("the ZIP64 locator does not point to the record in front of it")
    file.seek(end64_at)
    signature, size, _made_by, _needed, *values = _END64.unpack(file.read(_END64.size))
    if signature != signatures.ZIP64_END or size != _END64_FIXED:
        raise _bad_end("the ZIP64 end record is broken or has extra data")
    return _End(*values), end64_at


def _require_same(end: _End, end64: _End) -> None:
    """Refuse an end record that neither repeats the ZIP64 record nor leaves the value to it."""
    saturated = _End(_SATURATED_16, _SATURATED_16, _SATURATED_16, _SATURATED_16, _SATURATED_32, _SATURATED_32)
    for narrow, wide, full in zip(end, end64, saturated, strict=True):
        if narrow not in {wide, full}:
            raise _bad_end("the two end records contradict each other")


def _require_one_disk(end: _End) -> None:
    if end.disk or end.directory_disk or end.headers_here != end.headers:
        raise _bad_end("the archive is one of several disks")


def _bad_end(fault: str) -> Invalid:
    return Invalid(
        f"The end of the ZIP archive is wrong ({fault}); upload what the build tool made, unchanged.",
        code="zip-end-record",
    )
