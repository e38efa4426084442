"""The frame of a ZIP archive: its raw records against its directory.

The directory and the local headers must tell the same story, and the records must lie one after the other from the
first byte of the file to the last.  Then a reader that streams from the front and a reader that seeks from the end see
the same members, nothing overlaps, and nothing is hidden between.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import BinaryIO, Final, NamedTuple

from indexapp.domain.archives import signatures
from indexapp.domain.archives.limits import ArchiveLimits
from indexapp.domain.archives.member_names import NameLedger, shown
from indexapp.domain.archives.polyglots import require_zip_only
from indexapp.domain.archives.zip_end import ZipDirectory, find_directory
from indexapp.domain.archives.zip_headers import (
    FLAG_DESCRIPTOR,
    FLAG_UTF8,
    FLAGS_LEVEL,
    CentralHeader,
    LocalHeader,
    has_readable_name,
    read_central_header,
    read_local_header,
)
from tpi_site.kit.errors import Invalid

_DESCRIPTORS: Final = {
    12: struct.Struct("<3L"),
    16: struct.Struct("<4x3L"),
    20: struct.Struct("<L2Q"),
    24: struct.Struct("<4xL2Q"),
}
_SIGNED_DESCRIPTORS: Final = frozenset({16, 24})


class ZipMember(NamedTuple):
    """One member of a sound archive; ``start`` is where its (compressed) bytes begin, sizes in bytes."""

    name: str
    method: int
    crc: int
    start: int
    compressed_size: int
    size: int

    @property
    def is_directory(self) -> bool:
        """Whether the member is a directory."""
        return self.name.endswith("/")


def read_members(
    file: BinaryIO, limits: ArchiveLimits, *, allow_data_descriptors: bool = False
) -> tuple[ZipMember, ...]:
    """Check the frame of the ZIP archive ``file`` and return its members in the order of their bytes.

    ``allow_data_descriptors`` takes archives that were written to a pipe, as old sdists were, and checks their
    descriptors too.  The content of the members is not read: see :mod:`indexapp.domain.archives.zip_content`.
    """
    require_zip_only(file)
    directory = find_directory(file, limits)
    headers = _read_directory(file, directory, limits)
    limits.require_under_ceiling(sum(header.size for header in headers), file.seek(0, os.SEEK_END))
    headers.sort(key=lambda header: header.offset)
    members = []
    position = 0
    for index, header in enumerate(headers):
        if header.offset != position:
            raise _bad_order(position, header)
        following = headers[index + 1].offset if index + 1 < len(headers) else directory.offset
        member = _read_member(file, header, following, allow_data_descriptors=allow_data_descriptors)
        position = following if header.flags & FLAG_DESCRIPTOR else member.start + member.compressed_size
        members.append(member)
    if position > directory.offset:
        raise _bad_frame("zip-overlap", "The last ZIP member overlaps the directory")
    if position < directory.offset:
        raise _bad_frame("zip-gap", "The ZIP archive has unlisted bytes in front of its directory")
    return tuple(members)


def _read_directory(file: BinaryIO, directory: ZipDirectory, limits: ArchiveLimits) -> list[CentralHeader]:
    ledger = NameLedger(limits)
    file.seek(directory.offset)
    headers = []
    for _ in range(directory.headers):
        header = read_central_header(file)
        if header.is_directory:
            ledger.add_directory(header.name[:-1], may_repeat=False)
        else:
            ledger.add_file(header.name)
        headers.append(header)
    if file.tell() != directory.offset + directory.size:
        raise _bad_frame("zip-directory", "The ZIP directory is not as long as its end record says")
    ledger.require_no_file_above_another()
    return headers


def _read_member(file: BinaryIO, header: CentralHeader, following: int, *, allow_data_descriptors: bool) -> ZipMember:
    """Compare the local header with ``header``; the next record begins at byte ``following``."""
    local = read_local_header(file, header.offset)
    if local.raw_name != header.raw_name:
        raise _mismatch(header.name, "name")
    if (local.flags ^ header.flags) & ~(FLAGS_LEVEL | FLAG_UTF8) or not has_readable_name(local):
        raise _mismatch(header.name, "flags")
    if local.method != header.method:
        raise _mismatch(header.name, "compression method")
    if not header.flags & FLAG_DESCRIPTOR:
        _require_same_sizes(local, header)
    elif allow_data_descriptors:
        _require_descriptor(file, local, header, following)
    else:
        raise _bad_frame("zip-data-descriptor", f"The ZIP member {shown(header.name)} was streamed (data descriptor)")
    return ZipMember(header.name, header.method, header.crc, local.end, header.compressed_size, header.size)


def _require_same_sizes(local: LocalHeader, header: CentralHeader) -> None:
    if local.size != header.size or local.compressed_size != header.compressed_size:
        raise _mismatch(header.name, "size")
    if local.crc != header.crc:
        raise _mismatch(header.name, "checksum")


def _require_descriptor(file: BinaryIO, local: LocalHeader, header: CentralHeader, following: int) -> None:
    """Check the descriptor after the member's bytes; a streamed local header leaves its own fields zero."""
    if local.size not in {0, header.size} or local.compressed_size not in {0, header.compressed_size}:
        raise _mismatch(header.name, "size")
    if local.crc not in {0, header.crc}:
        raise _mismatch(header.name, "checksum")
    start = local.end + header.compressed_size
    layout = _DESCRIPTORS.get(following - start)
    if layout is None:
        raise _bad_frame("zip-gap", f"The ZIP member {shown(header.name)} is not followed by its data descriptor")
    file.seek(start)
    descriptor = file.read(layout.size)
    has_signature = descriptor.startswith(signatures.ZIP_DESCRIPTOR)
    if layout.size in _SIGNED_DESCRIPTORS and not has_signature:
        raise _bad_frame("zip-gap", f"The ZIP member {shown(header.name)} is not followed by its data descriptor")
    if layout.unpack(descriptor) != (header.crc, header.compressed_size, header.size):
        raise _mismatch(header.name, "data descriptor")


def _bad_order(position: int, header: CentralHeader) -> Invalid:
    if header.offset < position:
        return _bad_frame("zip-overlap", f"The ZIP member {shown(header.name)} overlaps another one")
    if position == 0:
        return _bad_frame("zip-prefix", "The ZIP archive has unlisted bytes in front of its first member")
    return _bad_frame("zip-gap", f"The ZIP archive has unlisted bytes in front of {shown(header.name)}")


def _mismatch(name: str, what: str) -> Invalid:
    return _bad_frame("zip-mismatch", f"The {what} of {shown(name)} differs between its header and the ZIP directory")


def _bad_frame(code: str, fault: str) -> Invalid:
    return Invalid(f"{fault}; build the archive with another tool.", code=code)


def names_of_files(members: Sequence[ZipMember]) -> frozenset[str]:
    """Return the names of all members that are not directories."""
    return frozenset(member.name for member in members if not member.is_directory)
