"""Inspecting a source distribution, ``.tar.gz`` or ``.zip`` (source distribution file format, PEP 625 and 639)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Final

from indexapp.domain.archives.gzip_stream import GzipStream
from indexapp.domain.archives.limits import ArchiveLimits
from indexapp.domain.archives.member_names import shown
from indexapp.domain.archives.polyglots import require_gzip_only
from indexapp.domain.archives.tar_members import TarKind, TarReader
from indexapp.domain.archives.tar_rules import TarLayout
from indexapp.domain.archives.zip_content import bytes_of, content_of, require_size
from indexapp.domain.archives.zip_framing import ZipMember, names_of_files, read_members
from tpi_site.kit.errors import Invalid

_DEFAULT_LIMITS: Final = ArchiveLimits()
_PKG_INFO: Final = "PKG-INFO"


@dataclass(frozen=True, slots=True)
class SdistInspection:
    """What a sound sdist holds.

    ``metadata`` is ``PKG-INFO`` byte for byte, ``total_size`` the unpacked bytes (of the tar stream, or of all ZIP
    members), ``files`` the paths of all that are no directories, each beginning with ``top_directory``.
    ``is_content_checked`` is False for a ZIP archive that unpacks to more than ``record_hash_budget``.
    """

    metadata: bytes
    top_directory: str
    is_content_checked: bool
    members: int
    total_size: int
    files: frozenset[str]


def inspect_sdist(
    file: BinaryIO,
    *,
    filename: str,
    limits: ArchiveLimits = _DEFAULT_LIMITS,
    allow_data_descriptors: bool = False,
) -> SdistInspection:
    """Check the sdist in ``file`` and return what it holds; every broken rule is an ``Invalid`` that names it.

    The suffix of ``filename`` tells the format.  ``allow_data_descriptors`` takes ZIP archives written to a pipe.
    """
    if filename.endswith(".tar.gz"):
        return _inspect_tar(file, limits)
    if filename.endswith(".zip"):
        return _inspect_zip(file, limits, read_members(file, limits, allow_data_descriptors=allow_data_descriptors))
    raise Invalid(
        f"{shown(filename)} is not the file name of an sdist; upload a .tar.gz (or an old .zip).",
        code="sdist-filename",
    )


def require_sdist_licenses(inspection: SdistInspection, license_files: Iterable[str]) -> None:
    """Refuse with ``license-file-missing`` a ``License-File`` that is not below the top directory (PEP 639)."""
    for path in license_files:
        name = f"{inspection.top_directory}/{path}"
        if name not in inspection.files:
            raise Invalid(
                f"License-File {shown(path)} does not exist in the sdist at {shown(name)}; add it or drop the field.",
                code="license-file-missing",
            )


def _inspect_tar(file: BinaryIO, limits: ArchiveLimits) -> SdistInspection:
    require_gzip_only(file)
    stream = GzipStream(file, limits)
    reader = TarReader(stream, limits)
    layout = TarLayout(limits)
    top, metadata, count = _TopDirectory(), None, 0
    for member in reader.members():
        count += 1
        path = layout.add(member)
        if path:
            top.add(path, is_directory=member.kind is TarKind.DIRECTORY)
        if path == top.pkg_info and member.kind is TarKind.FILE:
            require_size(path, member.size, limit=limits.max_metadata_size)
            metadata = reader.content()
    layout.finish()
    if metadata is None:
        raise _no_pkg_info()
    return SdistInspection(metadata, top.name, True, count, stream.total, layout.files)


def _inspect_zip(file: BinaryIO, limits: ArchiveLimits, members: tuple[ZipMember, ...]) -> SdistInspection:
    top, metadata = _TopDirectory(), None
    total_size = sum(member.size for member in members)
    is_content_checked = total_size <= limits.record_hash_budget
    for member in members:
        top.add(member.name, is_directory=member.is_directory)
        if member.name == top.pkg_info:
            metadata = bytes_of(file, member, limit=limits.max_metadata_size)
        elif is_content_checked:
            deque(content_of(file, member), maxlen=0)
    if metadata is None:
        raise _no_pkg_info()
    return SdistInspection(metadata, top.name, is_content_checked, len(members), total_size, names_of_files(members))


class _TopDirectory:
    """The one directory at the top of an sdist; its name need not be that of the file (old sdists differ)."""

    def __init__(self) -> None:
        self.name = ""

    @property
    def pkg_info(self) -> str:
        """The path of the sdist's metadata."""
        return f"{self.name}/{_PKG_INFO}"

    def add(self, path: str, *, is_directory: bool) -> None:
        """Refuse a path outside the directory that the first one named."""
        top, slash, _ = path.partition("/")
        self.name = self.name or top
        if top != self.name or not (slash or is_directory):
            raise Invalid(
                f"The sdist has {shown(path)} beside its top directory; it must have one top directory for everything.",
                code="sdist-top-directory",
            )


def _no_pkg_info() -> Invalid:
    return Invalid(
        "The sdist has no PKG-INFO file in its top directory; build it with a tool that makes complete sdists.",
        code="sdist-incomplete",
    )
