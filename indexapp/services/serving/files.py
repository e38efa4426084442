"""Finding the file that an address names, remembered until something is published."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from threading import Lock

from django.db.models import Q

from indexapp.domain.file_paths import file_path
from indexapp.domain.timestamps import iso_utc
from indexapp.models import Blob, File, Project
from indexapp.services.policies import books, gate, learning
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.policies.gate import FREE, Ruling, Side
from indexapp.services.serving import page_rows, project_pages
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.page_rows import ReleaseFiles
from indexapp.services.serving.watermarks import Watermark
from indexapp.storage import StoredBlob
from tpi_site.kit import read_only
from tpi_site.kit.key_ring import key_id_of, key_ring

_MOST = 20_000


@dataclass(slots=True)
class ServedFile:
    """A file, or the metadata beside it, as one index serves it.

    ``stored`` is None for a mirror's file of which only the upstream has the bytes; ``row`` is the file's id.  What was
    fetched or given up since is not a change that others see, so who finds no bytes looks again (:func:`look_again`).
    """

    row: int
    project: tuple[int, str]
    member: ServedIndex
    is_quarantined: bool
    stored: StoredBlob | None
    sha256: str
    checked_at: int
    resolution: int
    policy: int = 0
    ruling: Ruling = FREE
    is_damaged: bool = False
    is_metadata: bool = False
    is_hidden: bool = False
    """Its upstream took it back, and the mirror follows."""
    is_awaited: bool = False
    """This site is a replica, and the bytes are still to come from its primary."""
    beside: tuple[ServedIndex, tuple[int, str]] | None = None
    """Of a refused file of a merged name the other project: who may read that is told ``ruling_of_both``."""
    ruling_of_both: Ruling = FREE
    wants: tuple[learning.Want, ...] = ()
    """What is learned of a mirror's file before the ruling counts."""

    @property
    def bytes_at(self) -> StoredBlob:
        """Where the bytes are; only asked of a file that has some."""
        if self.stored is None:
            raise LookupError(self.row)
        return self.stored

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.bytes_at.size


_files: OrderedDict[tuple[int, str], ServedFile] = OrderedDict()
_lock = Lock()


def find(index: ServedIndex, path: str, watermark: Watermark) -> ServedFile | None:
    """The file at ``path`` (``ab/cd/<60 hex>/<filename>[.metadata]``) below the index's files root.

    In a group it must be of the member that decides about its project's name.
    """
    key = (index.pk, path)
    served = _files.get(key)
    if served is not None and _is_true(served, index, watermark) and _stands(served):
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


def _is_true(served: ServedFile, index: ServedIndex, watermark: Watermark) -> bool:
    now = (watermark.serial, index.resolution, watermark.policy)
    return (served.checked_at, served.resolution, served.policy) == now


def _stands(served: ServedFile) -> bool:
    """Whether time alone has changed nothing: what the policy says of the file, and what opens its bytes."""
    return served.ruling.until > time.time() and _has_key(served.stored)


def _has_key(stored: StoredBlob | None) -> bool:
    """Whether the key ring still has what wraps the key; since a rotation the row may name another."""
    return stored is None or not stored.sealed_key or key_id_of(stored.sealed_key) in key_ring().keys


def has_moved(served: ServedFile) -> bool:
    """Whether the bytes lie elsewhere than this process remembered, as after they were sealed; it remembers the new place."""
    blob = Blob.objects.filter(sha256=served.sha256).first()
    if blob is None or blob.place == served.stored:
        return False
    served.stored = blob.place
    return True


def look_again(served: ServedFile) -> bool:
    """Whether a file of a mirror or replica has its bytes by now, or has them still; the process remembers what it finds."""
    file = File.objects.select_related("blob", "metadata_blob").filter(pk=served.row).first()
    blob = None if file is None else file.metadata_blob if served.is_metadata else file.blob
    served.stored = blob.place if blob else None
    if blob is not None:
        served.sha256, served.is_damaged, served.is_awaited = blob.sha256, blob.damaged_at is not None, False
    return blob is not None


def told_size(served: ServedFile) -> int:
    """How many bytes the upstream's page says that a mirror's file has; 0 where it does not say."""
    return File.objects.filter(pk=served.row).values_list("size", flat=True).first() or 0


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
    if not _is_to_be_had(row, blob, wants_metadata=wants_metadata) or not _decides(index, row, watermark):
        return None
    ruling = ruling_of(index, member, row, watermark)
    beside, of_both = _of_both(index, member, row, watermark) if ruling.refusal else (None, FREE)
    return ServedFile(
        row.pk,
        (row.project_id, row.project.normalized_name),
        member,
        row.project.status == Project.Status.QUARANTINED,
        blob.place if blob else None,
        blob.sha256 if blob else "",
        watermark.serial,
        resolution=index.resolution,
        policy=watermark.policy,
        ruling=replace(ruling, until=min(ruling.until, of_both.until)),
        beside=beside,
        ruling_of_both=of_both,
        is_damaged=blob is not None and blob.damaged_at is not None,
        is_metadata=wants_metadata,
        is_hidden=row.is_hidden,
        is_awaited=blob is None and not member.is_mirror,
        wants=wants_of(index, member, row, ruling, watermark) if member.is_mirror else (),
    )


def _is_to_be_had(row: File, blob: Blob | None, *, wants_metadata: bool) -> bool:
    """Whether the bytes are here, or an upstream or the primary may have them."""
    if blob is not None:
        return True
    beside = getattr(row, "mirrored", None)
    if beside is None:
        return read_only.primary() is not None and (not wants_metadata or bool(row.metadata_sha256))
    return not wants_metadata or beside.metadata_digests is not None


def _of_both(
    index: ServedIndex, member: ServedIndex, row: File, watermark: Watermark
) -> tuple[tuple[ServedIndex, tuple[int, str]] | None, Ruling]:
    """Where the name is merged: the project of the other side, and the ruling that names what is allowed of both."""
    name = row.project.normalized_name
    page = project_pages.find(index, name, watermark) if name in index.merged else None
    if page is None or page.beside is None:
        return None, FREE
    other = page.beside if page.pk == row.project_id else None
    told = (other.member, (other.place.pk, name)) if other else (page.member, (page.pk, name))
    return told, ruling_of(index, member, row, watermark, page.sides)


def ruling_of(
    index: ServedIndex,
    member: ServedIndex,
    row: File,
    watermark: Watermark,
    sides: Callable[[], Iterable[Side]] | None = None,
) -> Ruling:
    """What the policy says of the file; its project's other files are read only to name one that is allowed.

    ``row`` was read with its project and release.  ``sides`` reads more than that project's files for it.
    """
    screening = books.screening(index, member, row.project.normalized_name, watermark)
    if screening is None:
        return FREE
    name, release = row.project.normalized_name, row.release
    is_yanked = row.is_yanked or release.is_yanked
    line = gate.file_row(
        row.filename,
        size=row.size or None,
        upload_time=iso_utc(row.uploaded_at),
        yanked_reason=(row.yank_reason or release.yank_reason) if is_yanked else None,
        sha256=row.sha256,
    )
    details = HostedDetails(row.project_id, name)
    return gate.ruling(
        screening,
        name,
        ReleaseFiles(release.sort_key, release.version, [line]),
        details,
        sides or (lambda: [Side(screening, page_rows.read_all(row.project_id, watermark.serial), details)]),
    )


def wants_of(
    index: ServedIndex, member: ServedIndex, row: File, found: Ruling, watermark: Watermark
) -> tuple[learning.Want, ...]:
    """What is to be learned of a mirror's file, read with its release and what is beside it, before the ruling counts."""
    screening = books.screening(index, member, row.project.normalized_name, watermark)
    return learning.wanted(screening, found, row, member.name)


def _row(index: ServedIndex, filename: str, sha256: str) -> File | None:
    """The row of the first member that has this file; several may have the same.

    A mirror's file keeps the address under which it was listed before its digest was known.
    """
    places = {member.pk: place for place, member in enumerate(index.members)}
    files = File.objects.select_related("project", "release", "blob", "metadata_blob")
    wanted = Q(sha256=sha256)
    if index.mirrors:
        files = files.select_related("project", "release", "blob", "metadata_blob", "mirrored")
        wanted |= Q(mirrored__address_digest=sha256)
    rows = files.filter(wanted, index_id__in=list(places), filename=filename)
    return min(rows, key=lambda row: places[row.index_id], default=None)


def _decides(index: ServedIndex, row: File, watermark: Watermark) -> bool:
    if len(index.members) == 1 and not index.mirrors:  # a mirror has none of what is ours
        return True
    page = project_pages.find(index, row.project.normalized_name, watermark)
    if page is None or page.pk == row.project_id:
        return page is not None
    is_beside = page.beside is not None and page.beside.place.pk == row.project_id
    return is_beside and not File.objects.filter(project_id=page.pk, filename=row.filename).exists()


def forget_all() -> None:
    """Empty this process's memory of files."""
    with _lock:
        _files.clear()
