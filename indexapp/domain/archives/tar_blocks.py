"""One header block of a tar archive (POSIX.1-2017 pax interchange format, and GNU tar's older variant)."""

from __future__ import annotations

from typing import Final, NamedTuple

from indexapp.domain.archives.member_names import shown
from tpi_site.kit.errors import Invalid

BLOCK_SIZE: Final = 512

_MAGIC_POSIX: Final = b"ustar\x00"
_NAME: Final = slice(0, 100)
_SIZE: Final = slice(124, 136)
_NUMBERS: Final = (slice(100, 108), slice(108, 116), slice(116, 124), slice(136, 148))
"""Mode, user, group and time: not used here, but readers fail where one is no number."""
_CHECKSUM: Final = slice(148, 156)
_TYPE: Final = slice(156, 157)
_LINK: Final = slice(157, 257)
_MAGIC: Final = slice(257, 263)
_PREFIX: Final = slice(345, 500)
_BASE256: Final = 0x80
_BASE256_MARKS: Final = frozenset({0x80, 0xFF})
"""Positive and negative; a size is never negative, but a time may be."""
_MAX_SIZE: Final = 2**63


class TarBlock(NamedTuple):
    """What one header block says; names are raw bytes up to their NUL, ``size`` is the bytes of content after it."""

    raw_name: bytes
    kind: bytes
    size: int
    raw_link: bytes


def is_checksum_valid(block: bytes) -> bool:
    """Tell whether ``block`` carries the sum of its own bytes, as every tar header does and nothing else."""
    stated = _octal(block[_CHECKSUM])
    unsigned = sum(block) - sum(block[_CHECKSUM]) + 8 * ord(" ")
    # Some old programs summed signed bytes; readers accept both.
    return stated == unsigned or stated == unsigned - 256 * sum(byte >= _BASE256 for byte in block)


def parse_block(block: bytes) -> TarBlock:
    """Parse a header block of 512 bytes that is not all zeros."""
    if not is_checksum_valid(block):
        raise Invalid(
            "The tar archive has a header with a wrong checksum; build the archive again and upload it unchanged.",
            code="tar-checksum",
        )
    raw_name = _until_nul(block[_NAME])
    prefix = _until_nul(block[_PREFIX])
    if prefix and block[_MAGIC] != _MAGIC_POSIX:
        # Readers disagree whether these bytes belong to the name in formats older than POSIX.
        raise Invalid(
            f"The tar member {shown(raw_name)} has a name prefix that its format does not know; use the pax format.",
            code="tar-header",
        )
    if prefix:
        raw_name = prefix + b"/" + raw_name
    if not all(block[field.start] in _BASE256_MARKS or _octal(block[field]) is not None for field in _NUMBERS):
        raise _bad_number(raw_name)
    return TarBlock(raw_name, block[_TYPE], _size(block[_SIZE], raw_name), _until_nul(block[_LINK]))


def _until_nul(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _size(field: bytes, raw_name: bytes) -> int:
    """Read a size: octal digits or, GNU's way, a big-endian number marked by the highest bit."""
    size = int.from_bytes(field[1:], "big") if field[0] == _BASE256 else _octal(field)
    if size is None or size >= _MAX_SIZE:
        raise _bad_number(raw_name)
    return size


def _bad_number(raw_name: bytes) -> Invalid:
    return Invalid(
        f"The tar member {shown(raw_name)} has a header field that is not a number; build it with another tool.",
        code="tar-header",
    )


def _octal(field: bytes) -> int | None:
    digits = _until_nul(field).strip(b" ")
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        return None
    return int(digits, 8)
