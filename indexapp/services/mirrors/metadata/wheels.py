"""The METADATA of a wheel, and whether metadata is that of the file beside which it is served."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import BinaryIO, cast

from indexapp.domain.metadata import CoreMetadata, parse_metadata
from indexapp.domain.names import normalize_name
from indexapp.domain.versions import canonical_version, parse_version
from indexapp.services.mirrors.metadata.ranged import RangedFile, TooMuch
from tpi_site.kit.errors import Refusal

MOST = 8 * 1024 * 1024
"""Bytes of metadata."""
_PARTS = 2


class MetadataFailed(Exception):
    """There is no metadata that could be served; the sentence says why."""


def of_wheel(file: RangedFile) -> bytes:
    """What the only ``*.dist-info/METADATA`` at the top of the archive holds."""
    buffered = cast("BinaryIO", io.BufferedReader(file, buffer_size=64 * 1024))
    try:
        with zipfile.ZipFile(buffered) as archive:
            found = [info for info in archive.infolist() if _is_metadata(info.filename)]
            if len(found) != 1:
                raise MetadataFailed(f"it has {len(found)} files METADATA")
            if found[0].file_size > MOST or found[0].flag_bits & 1:
                raise MetadataFailed("its METADATA is too large, or encrypted")
            with archive.open(found[0]) as stream:
                raw = stream.read(MOST + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, RuntimeError, TooMuch) as error:
        raise MetadataFailed(f"it is no wheel that can be read ({type(error).__name__})") from None
    if len(raw) > MOST:
        raise MetadataFailed("its METADATA is too large")
    return raw


def _is_metadata(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == _PARTS and parts[0].endswith(".dist-info") and parts[1] == "METADATA"


def proved(raw: bytes, *, normalized_name: str, version: str) -> CoreMetadata:
    """What the bytes say, which must be of this project and ``version`` (canonical)."""
    try:
        core = parse_metadata(raw)
        is_same = (
            normalize_name(core.name) == normalized_name and canonical_version(parse_version(core.version)) == version
        )
    except (Refusal, ValueError) as error:
        raise MetadataFailed(f"its metadata cannot be read ({type(error).__name__})") from None
    if not is_same:
        raise MetadataFailed("its metadata is that of another project or version")
    return core
