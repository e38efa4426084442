"""Undoing what was found: bytes from another store, and what can be told from the rest without one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from accounts.domain.actors import Actor
from accounts.services import audit
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Blob, Change, File, Following, Project, Quota
from indexapp.services import blobs, changes, quotas
from indexapp.services.blobs import Stored
from indexapp.services.integrity import quarantine, rows
from indexapp.services.integrity.faults import HOLDS_BACK, Code, Fault
from indexapp.services.integrity.objects import digest_of
from indexapp.services.projects import lock
from indexapp.storage import BlobDamaged, BlobStorage, Spool, StoredBlob, addresses, default_storage
from indexapp.storage.names import name_of
from indexapp.storage.telling import told
from tpi_site.kit import locking
from tpi_site.kit.errors import Invalid
from tpi_site.kit.key_ring import LOCK, key_ring


def source_at(place: str) -> BlobStorage:
    """The store to take bytes from: its address, or the folder that has ``blobs`` in it, or that folder itself."""
    address = addresses.address_of(place)
    folder = addresses.folder_of(address)
    if folder is not None and not (folder / "blobs").is_dir():
        raise Invalid(f"There is no folder 'blobs' at {place}.", code="repair-source")
    try:
        return BlobStorage(addresses.store_for(address, settings.TPI_DATA_DIR / "tmp"), encrypting=False)
    except ImproperlyConfigured:
        raise Invalid(
            f"{told(place)} is neither a folder with 'blobs' in it nor a store's address.", code="repair-source"
        ) from None
    except OSError as error:
        raise Invalid(f"There are no files at {place}: {addresses.reason(error)}", code="repair-source") from None


def repair(*, actor: Actor, fault: Fault, source: BlobStorage | None = None) -> bool:
    """Undo the fault; False where it cannot be, or not with what is at hand."""
    if fault.code in HOLDS_BACK and fault.blob is not None:
        return source is not None and _restore(actor, fault.blob, source)
    if fault.code is Code.KEY_WRONG and fault.blob is not None:
        return _take_key(actor, fault.blob)
    if Following.objects.exists():
        return False  # the rows are the primary's, and are put right there
    match fault.code:
        case Code.FILE_SIZE:
            return _recount_file(actor, fault)
        case Code.PROJECT_SIZE | Code.PROJECT_SERIAL:
            return _recount_project(actor, fault)
        case Code.QUOTA_USED:
            return _recount_quota(actor, fault)
    return False


def _restore(actor: Actor, blob: Blob, source: BlobStorage) -> bool:
    """Put the bytes anew, after they were proved to have the blob's digest."""
    storage = default_storage()
    for place in _places(blob, source):
        with suppress(FileNotFoundError, BlobDamaged), storage.spool() as spool:
            digest = hashlib.sha256()
            for piece in source.read(place):
                digest.update(piece)
                spool.file.write(piece)
            if digest.hexdigest() == blob.sha256:
                _record(actor, blob, storage.restore(blob.sha256, spool))
                return True
    return False


def put_anew(*, actor: Actor, blob: Blob, spool: Spool) -> None:
    """Let bytes that were proved to be the blob's lie where damaged ones do, and serve them again."""
    _record(actor, blob, default_storage().restore(blob.sha256, spool))


def heal(*, actor: Actor, stored: Stored) -> None:
    """Let bytes that an upload has put, and has proved by that, serve where the row was held back or spoke of others.

    Raises BlobVanishedError where they are gone again.
    """
    blob = Blob.objects.filter(sha256=stored.sha256).first()
    if blob is None or (blob.damaged_at is None and not stored.is_new):
        return
    with transaction.atomic():
        blobs.hold(stored.object_name)
        if not default_storage().exists(stored.object_name):
            raise blobs.BlobVanishedError(stored.sha256)
        try:
            _record(actor, blob, stored.place)
        except BlobDamaged:  # its key was removed meanwhile
            raise blobs.BlobVanishedError(stored.sha256) from None
    if blob.damaged_at is not None:
        quarantine.ring()


def _places(blob: Blob, source: BlobStorage) -> Iterator[StoredBlob]:
    """Where another store may have the bytes: as the row says, sealed under the name of now, or plain."""
    yield blob.place
    for digits in key_ring().names_of(blob.sha256):
        sealed = source.by_any_head(name_of(digits), blob.size)
        if sealed is not None:
            yield sealed
    yield StoredBlob(name_of(blob.sha256), blob.size)


def _record(actor: Actor, blob: Blob, place: StoredBlob) -> None:
    with transaction.atomic():
        locking.hold_shared(LOCK)
        place = default_storage().under_current_key(place)
        Blob.objects.filter(pk=blob.pk).update(object_name=place.object_name, sealed_key=place.sealed_key)
        if not quarantine.give_free(actor=actor, blob=blob):  # found just now, and never held back
            audit.record(actor=actor, action="blob.repair", subject=blob)


def _take_key(actor: Actor, blob: Blob) -> bool:
    """The head's key, where all the bytes that it opens have the row's digest."""
    storage = default_storage()
    found = storage.by_head(blob.object_name, blob.size)
    if found is None or digest_of(found, storage) != blob.sha256:
        return False
    with transaction.atomic():
        locking.hold_shared(LOCK)
        found = default_storage().under_current_key(found)
        Blob.objects.filter(pk=blob.pk, object_name=found.object_name).update(sealed_key=found.sealed_key)
        audit.record(actor=actor, action="blob.repair", subject=blob, code=Code.KEY_WRONG.value)
    return True


def _recount_file(actor: Actor, fault: Fault) -> bool:
    with transaction.atomic():
        file = File.objects.select_related("blob", "release", "project__index").filter(pk=fault.row).first()
        if file is None or file.blob is None:
            return False
        lock(file.project)
        File.objects.filter(pk=file.pk).update(size=file.blob.size)
        audit.record(actor=actor, action="file.recount", subject=file, before=file.size, after=file.blob.size)
        changes.record(
            actor=actor,
            kind=ChangeKind.FILE_REPAIRED,
            index=file.project.index,
            project=file.project,
            version=file.release.version,
            filename=file.filename,
        )
    return True


def _recount_project(actor: Actor, fault: Fault) -> bool:
    with transaction.atomic():
        project = Project.objects.select_for_update(of=("self",)).select_related("index").filter(pk=fault.row).first()
        if project is None:
            return False
        size, serial = project.total_size, project.last_serial
        if fault.code is Code.PROJECT_SIZE:
            size = sum(File.objects.filter(project=project).values_list("size", flat=True))
        else:
            serial = max(rows.newest_serial(project), min(serial, _last_of_all()))  # readers may have seen it
        Project.objects.filter(pk=project.pk).update(total_size=size, last_serial=serial)
        before = {"total_size": project.total_size, "last_serial": project.last_serial}
        after = {"total_size": size, "last_serial": serial}
        audit.record(actor=actor, action="project.recount", subject=project, before=before, after=after)
    return True


def _recount_quota(actor: Actor, fault: Fault) -> bool:
    """With the row locked, nobody has counted what is not committed yet: the account moves before the counters do."""
    with transaction.atomic():
        if Quota.objects.select_for_update().filter(pk=fault.row).first() is None:
            return False
        quota = quotas.with_real_use().get(pk=fault.row)
        Quota.objects.filter(pk=quota.pk).update(used=quota.real)
        audit.record(actor=actor, action="quota.recount", subject=quota, before=quota.used, after=quota.real)
    return True


def _last_of_all() -> int:
    return Change.objects.order_by("-serial").values_list("serial", flat=True).first() or 0
