"""Extra fields of ZIP headers (APPNOTE.TXT 4.5 and 4.6.9): the ones that can change a name or a size."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from indexapp.domain.archives.member_names import shown
from tpi_site.kit.errors import Invalid

SATURATED: Final = 0xFFFFFFFF
"""What a 32-bit field holds when its value is in the ZIP64 field."""

_ZIP64: Final = 0x0001
_UNICODE_PATH: Final = 0x7075
_LOCAL_ZIP64_SIZE: Final = 16
_FIELD: Final = struct.Struct("<HH")
_UNICODE_PATH_HEAD: Final = struct.Struct("<BL")


def zip64_field(extra: bytes, raw_name: bytes) -> bytes | None:
    """Return the content of the ZIP64 field in ``extra``, or None, after checking all fields that matter.

    A Unicode path field must repeat ``raw_name``; a second field of either kind is refused.
    """
    if not extra:
        return None
    found: dict[int, bytes] = {}
    position = 0
    while position + _FIELD.size <= len(extra):
        kind, size = _FIELD.unpack_from(extra, position)
        position += _FIELD.size
        if position + size > len(extra):
            raise _bad_extra(raw_name, "has an extra field that runs over its end")
        if kind in {_ZIP64, _UNICODE_PATH}:
            if kind in found:
                raise _bad_extra(raw_name, "has the same extra field twice")
            found[kind] = extra[position : position + size]
        position += size
    if extra[position:].strip(b"\0"):
        raise _bad_extra(raw_name, "has a broken extra field")
    if _UNICODE_PATH in found:
        _require_same_path(found[_UNICODE_PATH], raw_name)
    return found.get(_ZIP64)


def _require_same_path(content: bytes, raw_name: bytes) -> None:
    if len(content) < _UNICODE_PATH_HEAD.size:
        raise _bad_extra(raw_name, "has a broken Unicode path field")
    version, crc = _UNICODE_PATH_HEAD.unpack_from(content)
    path = content[_UNICODE_PATH_HEAD.size :]
    if version != 1 or crc != zlib.crc32(raw_name) or path != raw_name:
        raise _bad_extra(raw_name, "has a Unicode path field that does not repeat its name")


def central_values(field: bytes | None, plain: tuple[int, int, int], raw_name: bytes) -> tuple[int, int, int]:
    """Return (size, compressed size, offset) of a central header whose 32-bit fields are ``plain``.

    The field must hold the saturated values and no more; where nothing is saturated it may repeat the plain values.
    """
    if field is None and SATURATED not in plain:
        return plain
    values = _numbers(field, raw_name)
    wide = [value == SATURATED for value in plain]
    if not any(wide):
        if values != list(plain[: len(values)]):
            raise _bad_extra(raw_name, "has a ZIP64 field that contradicts its header")
        return plain
    if len(values) != sum(wide):
        raise _bad_extra(raw_name, "has a ZIP64 field of the wrong size")
    size, compressed, offset = (values.pop(0) if is_wide else value for value, is_wide in zip(plain, wide, strict=True))
    return size, compressed, offset


def local_values(field: bytes | None, plain: tuple[int, int], raw_name: bytes) -> tuple[int, int]:
    """Return (size, compressed size) of a local header whose 32-bit fields are ``plain``.

    The local field holds both sizes or is absent (APPNOTE.TXT 4.5.3).
    """
    if field is None and SATURATED not in plain:
        return plain
    if field is None or len(field) != _LOCAL_ZIP64_SIZE:
        raise _bad_extra(raw_name, "has a ZIP64 field of the wrong size")
    size, compressed = _numbers(field, raw_name)
    for wide, narrow in ((size, plain[0]), (compressed, plain[1])):
        if narrow not in {SATURATED, wide}:
            raise _bad_extra(raw_name, "has a ZIP64 field that contradicts its header")
    return size, compressed


def _numbers(field: bytes | None, raw_name: bytes) -> list[int]:
    if field is None:
        return []
    if len(field) not in {8, 16, 24}:
        raise _bad_extra(raw_name, "has a ZIP64 field of the wrong size")
    return list(struct.unpack(f"<{len(field) // 8}Q", field))


def _bad_extra(raw_name: bytes, fault: str) -> Invalid:
    return Invalid(
        f"The ZIP member {shown(raw_name)} {fault}; build the archive with another tool.",
        code="zip-extra-field",
    )
