"""Sound sdists as .tar.gz and .zip, and tar archives of any members."""

from __future__ import annotations

import gzip
import re
import tarfile
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from tests.builders.core_metadata import Built, core_metadata
from tests.builders.wheels import write_zip

TarEntry = tuple[tarfile.TarInfo, bytes]
TarForm = Literal[0, 1, 2]  # tarfile's USTAR_FORMAT, GNU_FORMAT, PAX_FORMAT


def tar_entry(name: str, content: bytes = b"", *, kind: bytes = tarfile.REGTYPE, link: str = "") -> TarEntry:
    """Return one member for :func:`write_tar`; ``kind`` is tar's type flag."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    info.size = len(content)
    return info, content


def write_tar(entries: Iterable[TarEntry], *, form: TarForm = tarfile.PAX_FORMAT) -> bytes:
    """Return an uncompressed tar archive; the content follows its header whatever the type flag is."""
    pieces = []
    for info, content in entries:
        pieces.append(info.tobuf(form, "utf-8", "strict"))
        pieces.append(content + bytes(-len(content) % tarfile.BLOCKSIZE))
    return b"".join(pieces) + bytes(2 * tarfile.BLOCKSIZE)


def write_tar_gz(entries: Iterable[TarEntry], *, form: TarForm = tarfile.PAX_FORMAT) -> bytes:
    """Return a gzip-compressed tar archive whose bytes depend on nothing but the arguments."""
    return gzip.compress(write_tar(entries, form=form), mtime=0)


def build_sdist(
    name: str = "acme-tool",
    version: str = "1.0",
    *,
    files: Mapping[str, bytes] | None = None,
    metadata_version: str = "2.4",
    headers: Iterable[tuple[str, str]] = (),
    description: str = "",
    licenses: Mapping[str, bytes] | None = None,
    pkg_info: bytes | None = None,
    top: str | None = None,
    leave_out: Collection[str] = (),
    suffix: str = ".tar.gz",
) -> Built:
    """Build an sdist with the suffix ``.tar.gz`` or ``.zip``.

    ``files`` and ``licenses`` (which add a License-File header each) are relative to the top directory.
    Hooks: ``pkg_info`` replaces PKG-INFO byte for byte, ``top`` renames the top directory, ``leave_out`` names files
    that shall be missing.
    """
    stem = f"{re.sub(r'[-_.]+', '_', name).lower()}-{version}"
    top = stem if top is None else top
    licenses = licenses or {}
    headers = [*headers, *(("License-File", path) for path in licenses)]
    if pkg_info is None:
        pkg_info = core_metadata(
            name, version, metadata_version=metadata_version, headers=headers, description=description
        )
    members = {"PKG-INFO": pkg_info, "pyproject.toml": b"[build-system]\n", **(files or {}), **licenses}
    present = [(f"{top}/{path}", content) for path, content in members.items() if path not in leave_out]
    if suffix == ".zip":
        return Built(stem + suffix, write_zip(present))
    directory = tar_entry(top, kind=tarfile.DIRTYPE)
    return Built(stem + suffix, write_tar_gz([directory, *(tar_entry(path, content) for path, content in present)]))
