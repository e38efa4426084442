"""Finding the file that an address names, remembered until something is published."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from indexapp.domain.file_paths import file_path
from indexapp.domain.timestamps import iso_utc
from indexapp.models import Blob, File, Project
from indexapp.services.policies import books, gate
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.policies.gate import FREE, Ruling
from indexapp.services.serving import page_rows, project_pages
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.page_rows import ReleaseFiles
from indexapp.services.serving.watermarks import Watermark
from indexapp.storage import StoredBlob
from tpi_site.kit.key_ring import key_id_of, key_ring

_MOST = 20_000


@dataclass(slots=True)
class ServedFile:
    """A file, or the metadata beside it, as one index serves it."""

    project: tuple[int, str]
    member: ServedIndex
    is_quarantined: bool
    stored: StoredBlob
    sha256: str
    checked_at: int
    policy: int = 0
    ruling: Ruling = FREE
    is_damaged: bool = False

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.stored.size


_files: OrderedDict[tuple[int, str], ServedFile] = OrderedDict()
_lock = Lock()


def find(index: ServedIndex, path: str, watermark: Watermark) -> ServedFile | None:
    """The file at ``path`` (``ab/cd/<60 hex>/<filename>[.metadata]``) below the index's files root.

    In a group it must be of the member that decides about its project's name.
    """
    key = (index.pk, path)
    served = _files.get(key)
    if served is not None and (served.checked_at, served.policy) == watermark[1:] and _stands(served):
        return served
    served = _look_up(index, path, watermark)
    with _lock:
        if served is None:
            _files.pop(key, None)
        else:
            _files[key] = served
            while len(_files) > _MOST:
                _files.popitem(last=False)
    return served


def _stands(served: ServedFile) -> bool:
    """Whether time alone has changed nothing: what the policy says of the file, and what opens its bytes."""
    return served.ruling.until > time.time() and _has_key(served.stored)


def _has_key(stored: StoredBlob) -> bool:
    """Whether the key ring still has what wraps the key; since a rotation the row may name another."""
    return not stored.sealed_key or key_id_of(stored.sealed_key) in key_ring().keys


def has_moved(served: ServedFile) -> bool:
    """Whether the bytes lie elsewhere than this process remembered, as after they were sealed; it remembers the new place."""
    blob = Blob.objects.filter(sha256=served.sha256).first()
    if blob is None or blob.place == served.stored:
        return False
    served.stored = blob.place
    return True


def _look_up(index: ServedIndex, path: str, watermark: Watermark) -> ServedFile | None:
    prefix, _, filename = path.rpartition("/")
    sha256 = prefix.replace("/", "")
    if file_path(sha256, filename) != path:
        return None
    row = _row(index, filename, sha256)
    wants_metadata = False
    if row is None and filename.endswith(".metadata"):
        wants_metadata = True
        row = _row(index, filename.removesuffix(".metadata"), sha256)
    if row is None:
        return None
    blob = row.metadata_blob if wants_metadata else row.blob
    member = next(member for member in index.members if member.pk == row.index_id)
    if blob is None or not _decides(index, row, watermark):
        return None
    return ServedFile(
        (row.project_id, row.project.normalized_name),
        member,
        row.project.status == Project.Status.QUARANTINED,
        blob.place,
        blob.sha256,
        watermark.serial,
        watermark.policy,
        _ruling(index, member, row, watermark),
        is_damaged=blob.damaged_at is not None,
    )


def _ruling(index: ServedIndex, member: ServedIndex, row: File, watermark: Watermark) -> Ruling:
    """What the policy says of the file; its project's other files are read only to name one that is allowed."""
    screening = books.screening(index, member, row.project.normalized_name, watermark)
    if screening is None:
        return FREE
    name, release = row.project.normalized_name, row.release
    is_yanked = row.is_yanked or release.is_yanked
    line = gate.file_row(
        row.filename,
        size=row.size,
        upload_time=iso_utc(row.uploaded_at),
        yanked_reason=(row.yank_reason or release.yank_reason) if is_yanked else None,
        sha256=row.sha256,
    )
    return gate.ruling(
        screening,
        name,
        ReleaseFiles(release.sort_key, release.version, [line]),
        HostedDetails(row.project_id, name),
        lambda: page_rows.read_all(row.project_id, watermark.serial),
    )


def _row(index: ServedIndex, filename: str, sha256: str) -> File | None:
    """The row of the first member that has this file; several may have the same."""
    places = {member.pk: place for place, member in enumerate(index.members)}
    files = File.objects.select_related("project", "release", "blob", "metadata_blob")
    rows = files.filter(index_id__in=list(places), filename=filename, sha256=sha256)
    return min(rows, key=lambda row: places[row.index_id], default=None)


def _decides(index: ServedIndex, row: File, watermark: Watermark) -> bool:
    if len(index.members) == 1:
        return True
    page = project_pages.find(index, row.project.normalized_name, watermark)
    return page is not None and page.pk == row.project_id


def forget_all() -> None:
    """Empty this process's memory of files."""
    with _lock:
        _files.clear()
