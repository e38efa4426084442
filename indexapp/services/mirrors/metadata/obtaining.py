"""Getting the metadata of one file: from beside it, or out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from indexapp.clients.upstream import Failure, UpstreamAddress, UpstreamFailed, fetch_small, open_file
from indexapp.domain.metadata import CoreMetadata
from indexapp.models import File
from indexapp.services.mirrors import addresses
from indexapp.services.mirrors.fetching import running
from indexapp.services.mirrors.metadata import wheels
from indexapp.services.mirrors.metadata.ranged import RangedFile
from indexapp.services.mirrors.metadata.wheels import MetadataFailed
from indexapp.storage import default_storage

_TAIL = 64 * 1024
_PATIENCE = 60.0
"""Seconds for which a wheel is waited for that has to be fetched whole."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A file whose metadata is wanted; ``digests`` of what the upstream serves beside it, None where it serves none."""

    row: int
    project: str
    version: str
    filename: str
    url: str
    address: UpstreamAddress
    digests: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Obtained:
    """Metadata that was proved to be that of the file."""

    row: int
    raw: bytes
    core: CoreMetadata

    @property
    def sha256(self) -> str:
        """Of the bytes."""
        return hashlib.sha256(self.raw).hexdigest()


def asked_of(file: File) -> Asked:
    """For a row that was read with its index's upstream, project, release and what is beside it."""
    return Asked(
        file.pk,
        file.project.normalized_name,
        file.release.canonical_version,
        file.filename,
        file.mirrored.url,
        addresses.of(file.index),
        file.mirrored.metadata_digests,
    )


def obtain(asked: Asked, *, may_fetch_whole: bool = False) -> Obtained:
    """The metadata of the file; raises UpstreamFailed, MetadataFailed."""
    has_some = asked.digests is not None
    raw = _beside(asked, asked.digests or {}) if has_some else _inside(asked, may_fetch_whole=may_fetch_whole)
    return Obtained(asked.row, raw, wheels.proved(raw, normalized_name=asked.project, version=asked.version))


def _beside(asked: Asked, digests: Mapping[str, str]) -> bytes:
    path, mark, query = asked.url.partition("?")
    raw = fetch_small(asked.address, f"{path}.metadata{mark}{query}", wheels.MOST)
    for name, digest in digests.items():
        if (
            name in hashlib.algorithms_guaranteed
            and hashlib.new(name, raw, usedforsecurity=False).hexdigest() != digest
        ):
            raise MetadataFailed(f"its metadata does not have the {name} that was announced")
    return raw


def _inside(asked: Asked, *, may_fetch_whole: bool) -> bytes:
    """By reading the end of the archive, and then the one member."""
    with open_file(asked.address, asked.url, start=-_TAIL) as answer:
        is_part = answer.status == 206 and answer.size is not None  # noqa: PLR2004  partial content
        tail = b"".join(answer.body) if is_part else b""
    if is_part and answer.size is not None:
        fetch = partial(_part, asked, answer.validator)
        return wheels.of_wheel(RangedFile(fetch, answer.size, tail))
    if not may_fetch_whole:
        raise MetadataFailed("the upstream gives no parts of files")
    return _of_whole(asked)


def _part(asked: Asked, validator: str, start: int, length: int) -> bytes:
    with open_file(asked.address, asked.url, start=start, end=start + length, validator=validator) as answer:
        if answer.status != 206:  # noqa: PLR2004  partial content
            raise UpstreamFailed("The file changed while it was read.", Failure.BAD_ANSWER)
        return b"".join(answer.body)


def _of_whole(asked: Asked) -> bytes:
    """Where there are no parts the file is fetched, which somebody will ask for anyway, and read from the store."""
    download = running.follow(asked.row)
    if download is not None:
        try:
            download.wait(_PATIENCE, lambda: download.is_over)
        finally:
            download.leave()
    file = File.objects.select_related("blob").filter(pk=asked.row).first()
    if file is None or file.blob is None:
        raise MetadataFailed("it could not be fetched")
    place = file.blob.place

    def fetch(start: int, length: int) -> bytes:
        return b"".join(default_storage().read(place, start, length))

    return wheels.of_wheel(RangedFile(fetch, place.size))
