"""Files that are two archives at once.

A file that one installer opens as ZIP and another as tar can hold two different projects.  pip, for one, asks whether
a file is a ZIP archive before it looks at the name.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Final

from indexapp.domain.archives import signatures
from indexapp.domain.archives.tar_blocks import BLOCK_SIZE, is_checksum_valid
from tpi_site.kit.errors import Invalid

_END: Final = struct.Struct("<4s4H2LH")
_LOCATOR_SIZE: Final = 20
_TAIL_SIZE: Final = 0xFFFF + _END.size + _LOCATOR_SIZE


def require_zip_only(file: BinaryIO) -> None:
    """Refuse a file that does not begin like a ZIP archive, or that is a tar archive as well."""
    file.seek(0)
    head = file.read(BLOCK_SIZE)
    if not head.startswith((signatures.ZIP_LOCAL, signatures.ZIP_END)):
        raise Invalid(
            "The file does not begin like a ZIP archive; upload what the build tool made, unchanged.",
            code="archive-not-zip",
        )
    if len(head) == BLOCK_SIZE and is_checksum_valid(head):
        raise _polyglot()


def require_gzip_only(file: BinaryIO) -> None:
    """Refuse a file that does not begin like gzip, or that is a ZIP archive as well."""
    file.seek(0)
    if file.read(len(signatures.GZIP)) != signatures.GZIP:
        raise Invalid(
            "The file does not begin like a gzip stream; upload what the build tool made, unchanged.",
            code="archive-not-gzip",
        )
    if _has_zip_directory(file):
        raise _polyglot()


def _polyglot() -> Invalid:
    return Invalid(
        "The file is both a ZIP and a tar archive; upload a file of one format.",
        code="archive-polyglot",
    )


def _has_zip_directory(file: BinaryIO) -> bool:
    """Tell whether a lenient reader would find a ZIP directory from the end of ``file``."""
    size = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, size - _TAIL_SIZE))
    tail = file.read(_TAIL_SIZE)
    found = tail.rfind(signatures.ZIP_END)
    while found >= 0:
        if len(tail) - found >= _END.size and _points_to_directory(file, tail, found, start):
            return True
        found = tail.rfind(signatures.ZIP_END, 0, found)
    return False


def _points_to_directory(file: BinaryIO, tail: bytes, found: int, start: int) -> bool:
    if tail[max(0, found - _LOCATOR_SIZE) : found].startswith(signatures.ZIP64_LOCATOR):
        return True
    directory_size, offset = _END.unpack_from(tail, found)[5:7]
    if directory_size == 0:
        return True
    # Some readers count from the end record backwards, others trust the offset; either makes it a ZIP archive.
    for position in (start + found - directory_size, offset):
        if position >= 0:
            file.seek(position)
            if file.read(len(signatures.ZIP_CENTRAL)) == signatures.ZIP_CENTRAL:
                return True
    return False
