"""ZIP archives written record by record, so that each field of each record can lie."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

STORED = 0
DEFLATED = 8


@dataclass(frozen=True, kw_only=True)
class RawEntry:
    """One member; ``local`` and ``central`` override fields of one header by name.

    Their keys: ``signature name flags method crc compressed_size size extra needed``, and for ``central`` also
    ``comment disk external offset made_by``.
    """

    name: bytes = b"acme/__init__.py"
    content: bytes = b"ANSWER = 42\n"
    method: int = STORED
    flags: int = 0
    payload: bytes | None = None
    after: bytes = b""
    local: Mapping[str, Any] = field(default_factory=dict)
    central: Mapping[str, Any] = field(default_factory=dict)
    is_listed: bool = True
    is_present: bool = True

    @property
    def packed(self) -> bytes:
        """The bytes between the local header and the next record."""
        if self.payload is not None:
            return self.payload
        if self.method == DEFLATED:
            deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            return deflater.compress(self.content) + deflater.flush()
        return self.content

    @property
    def fields(self) -> dict[str, Any]:
        """What both headers say unless overridden."""
        return {
            "name": self.name,
            "needed": 20,
            "flags": self.flags,
            "method": self.method,
            "crc": zlib.crc32(self.content),
            "compressed_size": len(self.packed),
            "size": len(self.content),
            "extra": b"",
        }


def extra_field(kind: int, content: bytes) -> bytes:
    """Return one extra field."""
    return struct.pack("<HH", kind, len(content)) + content


def zip64_extra(*values: int) -> bytes:
    """Return a ZIP64 extra field of 64-bit ``values``."""
    return extra_field(0x0001, struct.pack(f"<{len(values)}Q", *values))


def descriptor(content: bytes, packed_size: int, *, signature: bytes = b"PK\x07\x08", wide: bool = False) -> bytes:
    """Return the data descriptor of ``content``."""
    layout = "<L2Q" if wide else "<3L"
    return signature + struct.pack(layout, zlib.crc32(content), packed_size, len(content))


def raw_zip(
    entries: Sequence[RawEntry],
    *,
    prefix: bytes = b"",
    before_directory: bytes = b"",
    after_directory: bytes = b"",
    trailing: bytes = b"",
    end: Mapping[str, Any] | None = None,
    end64: Mapping[str, Any] | None = None,
) -> bytes:
    """Write the records one after the other.

    ``prefix``, ``before_directory``, ``after_directory`` and ``trailing`` are put where they say; offsets count the
    prefix.  ``end`` overrides ``disk directory_disk headers_here headers size offset comment``; ``end64``, if given,
    adds a ZIP64 end record with a locator and overrides the same fields of it, its ``record_size``, its
    ``extensible`` bytes and the locator's ``locator_offset`` and ``disks``.
    """
    body, offsets = prefix, []
    for entry in entries:
        offsets.append(len(body))
        if entry.is_present:
            body += _local(entry) + entry.packed + entry.after
    body += before_directory
    listed = [(entry, offset) for entry, offset in zip(entries, offsets, strict=True) if entry.is_listed]
    directory = b"".join(_central(entry, offset) for entry, offset in listed)
    fields = {
        "disk": 0,
        "directory_disk": 0,
        "headers_here": len(listed),
        "headers": len(listed),
        "size": len(directory),
        "offset": len(body),
    }
    body += directory + after_directory
    if end64 is not None:
        body += _end64(fields | dict(end64), len(body))
    return body + _end(fields | dict(end or {})) + trailing


def _local(entry: RawEntry) -> bytes:
    values: dict[str, Any] = {"signature": b"PK\x03\x04"} | entry.fields | dict(entry.local)
    header = struct.pack(
        "<4s5H3L2H",
        values["signature"], values["needed"], values["flags"], values["method"], 0, 33, values["crc"],
        values["compressed_size"], values["size"], len(values["name"]), len(values["extra"]),
    )  # fmt: skip
    return b"".join([header, values["name"], values["extra"]])


def _central(entry: RawEntry, offset: int) -> bytes:
    own = {"comment": b"", "disk": 0, "external": 0o100644 << 16, "offset": offset, "made_by": 0x0314}
    values: dict[str, Any] = {"signature": b"PK\x01\x02"} | own | entry.fields | dict(entry.central)
    header = struct.pack(
        "<4s6H3L5H2L",
        values["signature"], values["made_by"], values["needed"], values["flags"], values["method"], 0, 33,
        values["crc"], values["compressed_size"], values["size"], len(values["name"]), len(values["extra"]),
        len(values["comment"]), values["disk"], 0, values["external"], values["offset"],
    )  # fmt: skip
    return b"".join([header, values["name"], values["extra"], values["comment"]])


def _end(values: Mapping[str, Any]) -> bytes:
    comment: bytes = values.get("comment", b"")
    return struct.pack(
        "<4s4H2LH", b"PK\x05\x06", values["disk"], values["directory_disk"], values["headers_here"],
        values["headers"], values["size"], values["offset"], len(comment),
    ) + comment  # fmt: skip


def _end64(values: Mapping[str, Any], position: int) -> bytes:
    extensible: bytes = values.get("extensible", b"")
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", values.get("record_size", 44 + len(extensible)), 45, 45, values["disk"],
        values["directory_disk"], values["headers_here"], values["headers"], values["size"], values["offset"],
    )  # fmt: skip
    locator_offset = values.get("locator_offset", position)
    return record + extensible + struct.pack("<4sLQL", b"PK\x06\x07", 0, locator_offset, values.get("disks", 1))
