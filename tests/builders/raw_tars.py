"""Tar members written block by block, so that each header can lie."""

from __future__ import annotations

import tarfile

from tests.builders.sdists import TarEntry, tar_entry

GLOBAL = b"g"


def symlink(target: str, name: str = "acme-1.0/docs/link") -> TarEntry:
    """Return a symbolic link."""
    return tar_entry(name, kind=tarfile.SYMTYPE, link=target)


def hard_link(target: str, name: str = "acme-1.0/copy.py") -> TarEntry:
    """Return a hard link."""
    return tar_entry(name, kind=tarfile.LNKTYPE, link=target)


def pax_record(key: str, value: str | bytes) -> bytes:
    """Return one record of a pax header."""
    body = f" {key}=".encode() + (value if isinstance(value, bytes) else value.encode()) + b"\n"
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length += 1
    return str(length).encode() + body


def extended(content: bytes, kind: bytes = b"x") -> TarEntry:
    """Return an extended header: pax (``x``), global pax (``g``), GNU long name (``L``) or long link (``K``)."""
    return tar_entry("extended", content, kind=kind)


def pax(**records: str | bytes) -> TarEntry:
    """Return a pax header of ``records``; ``__`` stands for the dot in a key."""
    return extended(b"".join(pax_record(key.replace("__", "."), value) for key, value in records.items()))


def patched(entry: TarEntry, at: int, value: bytes) -> bytes:
    """Return the blocks of ``entry`` with ``value`` at byte ``at`` of its header, and the checksum made right."""
    header = bytearray(entry[0].tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict"))
    header[at : at + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + entry[1] + bytes(-len(entry[1]) % tarfile.BLOCKSIZE)
