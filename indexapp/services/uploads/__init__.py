"""Accepting an upload.

The order of the checks is PyPI's as far as a client can tell, but nothing is written before the artefact was read: rights,
digests, the file name, what the index holds, the archive, its metadata against the form; then the bytes are put, and one
short transaction makes them visible.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace

from django.db import DatabaseError

from accounts.domain.actors import Actor
from indexapp.domain.filenames import parse_filename
from indexapp.domain.form_hints import FormFields
from indexapp.domain.profiles import UploadProfile
from indexapp.domain.versions import canonical_version
from indexapp.models import File
from indexapp.services import blobs
from indexapp.services.integrity import repair
from indexapp.services.serving import watermarks
from indexapp.services.uploads import admission, holdings
from indexapp.services.uploads.incoming import Accepted, Incoming
from indexapp.services.uploads.inspection import Inspected, inspect
from indexapp.services.uploads.recording import Kept, record
from indexapp.storage import default_storage
from tpi_site.kit.errors import Invalid

_ATTEMPTS = 10


def accept(*, actor: Actor, incoming: Incoming) -> Accepted:
    """Publish the incoming file, or refuse it and leave nothing behind.

    The same name with the same bytes is accepted again and changes nothing, so that a client may always repeat; where what is
    kept of them is damaged, they take its place.
    """
    form = FormFields.read(incoming.fields)
    is_known = _is_known(actor, incoming, form)
    if is_known and _lies_whole(incoming):
        return Accepted(is_new=False)
    inspected = inspect(incoming, form)
    return _publish(actor, incoming, form, inspected, heals=is_known)


def _lies_whole(incoming: Incoming) -> bool:
    """Whether the file can be served, by reading it: an answer that it is there is relied upon like any other."""
    found = File.objects.filter(index=incoming.index, filename=incoming.filename)
    file = found.select_related("blob", "metadata_blob").first()
    return file is not None and all(blobs.is_whole(blob) for blob in (file.blob, file.metadata_blob) if blob)


def _is_known(actor: Actor, incoming: Incoming, form: FormFields) -> bool:
    """The checks that need no look into the archive; True when exactly this file is there."""
    index, filename = incoming.index, incoming.filename
    named = parse_filename(
        filename, profile=UploadProfile(index.profile), expected_name=form.name, expected_version=form.version
    )
    held = holdings.look(index, name=form.name, canonical_version=canonical_version(named.version), filename=filename)
    admission.require_may_upload(actor, index, held.project, form.name, watermarks.read())
    if incoming.content_type.startswith("image/"):
        raise Invalid("Invalid distribution file. An image is not a distribution.", code="content-type")
    admission.require_file_fits(index, incoming.spool.size)
    incoming.digest.require_match(form.digests)
    if admission.is_same_file(index, held, filename, incoming.digest.sha256):
        return True
    admission.require_open(index, held)
    admission.require_only_sdist(held, named.kind, filename)
    admission.require_room(index, held, incoming.spool.size)
    return False


def _publish(actor: Actor, incoming: Incoming, form: FormFields, inspected: Inspected, *, heals: bool) -> Accepted:
    """Put the bytes and record them; what vanishes in between, or is held back, is put once more and healed.

    What has not vanished stays meanwhile: an unnamed file whose name was taken away can be given no other.
    """
    kept = _keep(incoming, inspected)
    try:
        for _ in range(_ATTEMPTS - 1):
            try:
                if heals:
                    _heal(actor, kept)
                accepted = record(actor=actor, incoming=incoming, form=form, inspected=inspected, kept=kept)
                break
            except blobs.BlobVanishedError:
                kept, heals = _keep_again(kept, incoming, inspected), True
        else:
            accepted = record(actor=actor, incoming=incoming, form=form, inspected=inspected, kept=kept)
    except Exception:
        _discard(kept)
        raise
    if not accepted.is_new:
        _discard(kept)
    return accepted


def _heal(actor: Actor, kept: Kept) -> None:
    for stored in filter(None, [kept.file, kept.metadata]):
        repair.heal(actor=actor, stored=stored)


def _keep(incoming: Incoming, inspected: Inspected) -> Kept:
    file = blobs.store(incoming.digest.sha256, incoming.spool)
    if not inspected.has_static_metadata:
        return Kept(file, None)
    raw = inspected.raw_metadata
    try:
        with default_storage().spool() as spool:
            spool.file.write(raw)
            return Kept(file, blobs.store(hashlib.sha256(raw).hexdigest(), spool))
    except Exception:
        _discard(Kept(file, None))
        raise


def _keep_again(before: Kept, incoming: Incoming, inspected: Inspected) -> Kept:
    """The bytes, put once more; new is also what an earlier attempt of this upload brought."""
    kept = _keep(incoming, inspected)
    metadata = kept.metadata
    if metadata and before.metadata:
        metadata = replace(metadata, is_new=metadata.is_new or before.metadata.is_new)
    return Kept(replace(kept.file, is_new=kept.file.is_new or before.file.is_new), metadata)


def _discard(kept: Kept) -> None:
    """Take the bytes back; where the database cannot be asked for now, a later sweep does."""
    with suppress(DatabaseError):
        blobs.discard(kept.file)
        if kept.metadata:
            blobs.discard(kept.metadata)


__all__ = ["Accepted", "Incoming", "accept"]
