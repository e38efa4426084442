"""Central and local headers of ZIP members (APPNOTE.TXT 4.3.7 and 4.3.12), each checked by itself."""

from __future__ import annotations

import stat
import struct
from typing import BinaryIO, Final, NamedTuple

from indexapp.domain.archives import signatures
from indexapp.domain.archives.member_names import decode_name, shown
from indexapp.domain.archives.zip_extras import central_values, local_values, zip64_field
from tpi_site.kit.errors import Invalid

STORED: Final = 0
DEFLATED: Final = 8
FLAG_ENCRYPTED: Final = 1 << 0
FLAGS_LEVEL: Final = 0b110
"""How hard the compressor tried; readers ignore it."""
FLAG_DESCRIPTOR: Final = 1 << 3
FLAG_UTF8: Final = 1 << 11

_CENTRAL: Final = struct.Struct("<4s4B4H3L5H2L")
_LOCAL: Final = struct.Struct("<4s2B4H3L2H")
_KNOWN_FLAGS: Final = FLAGS_LEVEL | FLAG_DESCRIPTOR | FLAG_UTF8
_MAX_VERSION_NEEDED: Final = 63
_FILE_TYPES: Final = frozenset({0, stat.S_IFREG, stat.S_IFDIR})


class CentralHeader(NamedTuple):
    """What the directory says about one member; sizes and offset in bytes, ZIP64 resolved."""

    raw_name: bytes
    name: str
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    offset: int

    @property
    def is_directory(self) -> bool:
        """Whether the member is a directory, told by its name as all installers do."""
        return self.name.endswith("/")


class LocalHeader(NamedTuple):
    """What stands in front of a member's bytes; ``end`` is where those begin."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    end: int


def read_central_header(file: BinaryIO) -> CentralHeader:
    """Read the central header at the position of ``file`` and refuse what no wheel or sdist needs."""
    (
        signature, _made_version, _made_system, needed, _, flags, method, _time, _date, crc, compressed, size,
        name_size, extra_size, comment_size, disk, _internal, external, offset,
    ) = _CENTRAL.unpack(_exactly(file, _CENTRAL.size))  # fmt: skip
    if signature != signatures.ZIP_CENTRAL:
        raise _bad_header("zip-directory", "The ZIP directory holds a record of an unknown kind")
    raw_name = _exactly(file, name_size)
    field = zip64_field(_exactly(file, extra_size), raw_name)
    if comment_size:
        raise _bad_header("zip-comment", f"The ZIP member {shown(raw_name)} has a comment")
    if disk:
        raise _bad_header("zip-directory", f"The ZIP member {shown(raw_name)} is on another disk")
    if needed > _MAX_VERSION_NEEDED:
        raise _bad_header("zip-version", f"The ZIP member {shown(raw_name)} needs a newer version of the format")
    size, compressed, offset = central_values(field, (size, compressed, offset), raw_name)
    header = CentralHeader(raw_name, _decode(raw_name), flags, method, crc, compressed, size, offset)
    _require_plain(header)
    _require_file_or_directory(header, external >> 16)
    return header


def read_local_header(file: BinaryIO, offset: int) -> LocalHeader:
    """Read the local header at ``offset``."""
    file.seek(offset)
    signature, _needed, _, flags, method, _time, _date, crc, compressed, size, name_size, extra_size = _LOCAL.unpack(
        _exactly(file, _LOCAL.size)
    )
    if signature != signatures.ZIP_LOCAL:
        raise _bad_header("zip-local-header", f"The ZIP archive has no local header at byte {offset}")
    raw_name = _exactly(file, name_size)
    size, compressed = local_values(zip64_field(_exactly(file, extra_size), raw_name), (size, compressed), raw_name)
    end = offset + _LOCAL.size + name_size + extra_size
    return LocalHeader(raw_name, flags, method, crc, compressed, size, end)


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise _bad_header("zip-truncated", "The ZIP archive ends inside a header")
    return content


def has_readable_name(header: CentralHeader | LocalHeader) -> bool:
    """Tell whether all readers decode the name alike: it is ASCII, or marked as UTF-8.

    Without the mark they take other bytes for code page 437 or for UTF-8, each as it likes.
    """
    return header.raw_name.isascii() or bool(header.flags & FLAG_UTF8)


def _decode(raw_name: bytes) -> str:
    name = decode_name(raw_name)
    if any(part in {"", "."} for part in name.removesuffix("/").split("/")):
        raise Invalid(
            f"The ZIP member name {shown(name)} has an empty or '.' component; build it with another tool.",
            code="archive-name-component",
        )
    return name


def _require_plain(header: CentralHeader) -> None:
    """Refuse names in unknown code pages, encryption, unknown flags and methods, and impossible sizes."""
    if not has_readable_name(header):
        raise _bad_header(
            "archive-name-encoding", f"The ZIP member name {shown(header.name)} is not ASCII and not marked as UTF-8"
        )
    if header.flags & FLAG_ENCRYPTED:
        raise _bad_header("zip-encrypted", f"The ZIP member {shown(header.name)} is encrypted")
    if header.flags & ~_KNOWN_FLAGS:
        raise _bad_header("zip-flags", f"The ZIP member {shown(header.name)} has unknown flags")
    if header.method not in {STORED, DEFLATED}:
        raise _bad_header("zip-method", f"The ZIP member {shown(header.name)} is neither stored nor deflated")
    if header.method == STORED and header.size != header.compressed_size:
        raise _bad_header("zip-size", f"The stored ZIP member {shown(header.name)} has two sizes")


def _require_file_or_directory(header: CentralHeader, mode: int) -> None:
    """Refuse links, devices and the like, and directories with content; ``mode`` is zero on DOS systems."""
    kind = stat.S_IFMT(mode)
    if kind not in _FILE_TYPES or (kind == stat.S_IFDIR and not header.is_directory):
        raise _bad_header("zip-file-type", f"The ZIP member {shown(header.name)} is a link or another special file")
    if header.is_directory and header.size:
        raise _bad_header("zip-size", f"The ZIP directory {shown(header.name)} has content")


def _bad_header(code: str, fault: str) -> Invalid:
    return Invalid(f"{fault}; build the archive with another tool.", code=code)
