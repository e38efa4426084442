"""Reading an archive of OSV records, ``all.zip``, where it lies: one record at a time in memory, nothing unpacked to disk.

The archive is taken from others: how many members it has is looked at before its directory is read, what a member says of
its own size is not believed, and all that it unpacks to is bounded.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from indexapp.domain.archives.limits import GIB, MIB, ArchiveLimits
from indexapp.domain.archives.zip_end import find_directory
from indexapp.domain.osv.record import MAX_RECORD_SIZE
from tpi_site.kit.errors import Invalid

LIMITS = ArchiveLimits(max_members=500_000, max_total_size=16 * GIB, ratio_floor=256 * MIB, max_ratio=40)
MAX_ARCHIVE_SIZE = 2 * GIB
MAX_DIRECTORY_SIZE = 32 * MIB
_SUFFIX = ".json"


class Member(NamedTuple):
    """One record of the archive: its name there without the ending, and its bytes; None of what is too large."""

    name: str
    body: bytes | None


class ArchiveInvalid(Invalid):
    """The file is no archive of OSV records that can be read; the sentence says why."""

    default_code = "osv-archive-invalid"


def members(path: Path) -> Iterator[Member]:
    """The records of the archive, in its order; raises :class:`ArchiveInvalid`."""
    try:
        size = path.stat().st_size
        _require_sound(path, size)
        with zipfile.ZipFile(path) as archive:
            yield from _members(archive, size)
    except ArchiveInvalid:
        raise
    except Invalid as refusal:
        fault = refusal.detail.partition(";")[0].rstrip(".")  # what follows is told to who uploads a distribution
        raise ArchiveInvalid(
            f"{path.name} is no archive of OSV records that can be read: {fault}. Fetch it anew, whole, and import that.",
            code=refusal.code,
        ) from None
    except OSError as error:
        raise ArchiveInvalid(f"{path.name} cannot be read: {error.strerror or error}.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ArchiveInvalid(f"{path.name} is no sound ZIP archive: {str(error).rstrip('.')}.") from None


def _require_sound(path: Path, size: int) -> None:
    if size > MAX_ARCHIVE_SIZE:
        raise ArchiveInvalid(f"{path.name} has more than {MAX_ARCHIVE_SIZE} bytes.")
    with path.open("rb") as file:
        directory = find_directory(file, LIMITS)
    if directory.size > MAX_DIRECTORY_SIZE:
        raise ArchiveInvalid(f"The directory of {path.name} has more than {MAX_DIRECTORY_SIZE} bytes.")


def _members(archive: zipfile.ZipFile, size: int) -> Iterator[Member]:
    unpacked = 0
    for info in archive.infolist():
        if info.is_dir() or not info.filename.endswith(_SUFFIX):
            continue
        with archive.open(info) as file:
            body = file.read(MAX_RECORD_SIZE + 1)
        unpacked += len(body)
        LIMITS.require_under_ceiling(unpacked, size)
        name = info.filename.rpartition("/")[2].removesuffix(_SUFFIX)
        yield Member(name, body if len(body) <= MAX_RECORD_SIZE else None)
