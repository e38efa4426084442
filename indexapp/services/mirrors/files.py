"""The bytes of a mirror's file."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from indexapp.clients.upstream import UpstreamFailed, open_file
from indexapp.domain.digests import MultiDigest
from indexapp.models import File, MirroredFile
from indexapp.services import blobs
from indexapp.services.mirrors import addresses
from indexapp.storage import default_storage
from tpi_site.kit.errors import Conflict, Unavailable


def fetch(file_id: int) -> None:
    """Make sure that they are in the store; raises a :class:`tpi_site.kit.errors.Refusal` where that cannot be."""
    file = File.objects.select_related("mirrored", "index__upstream").get(pk=file_id)
    if file.blob_id is not None:
        return
    digest = MultiDigest()
    with default_storage().spool() as spool:
        try:
            with open_file(addresses.of(file.index), file.mirrored.url) as answer:
                for piece in answer.body:
                    digest.update(piece)
                    spool.file.write(piece)
        except UpstreamFailed as error:
            raise Unavailable(error.sentence, code="upstream-unavailable") from None
        if not file.is_unhashed and digest.sha256 != file.sha256:
            raise Conflict("The upstream serves other bytes than it announced.", code="upstream-conflict")
        stored = blobs.store(digest.sha256, spool)
        with transaction.atomic():
            blob = blobs.claim(stored)[stored.sha256]
            File.objects.filter(pk=file_id).update(blob=blob, size=digest.size, sha256=digest.sha256, is_unhashed=False)
            MirroredFile.objects.filter(pk=file_id).update(fetched_at=timezone.now())
