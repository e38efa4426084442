"""The bytes of a mirror's file and of its metadata, for jobs, which have the time to wait for them."""

from __future__ import annotations

from indexapp.models import File
from indexapp.services import disk_room
from indexapp.services.mirrors.fetching import running
from indexapp.services.mirrors.metadata import answering
from tpi_site.kit import read_only
from tpi_site.kit.errors import Unavailable

_PATIENCE = 600.0
"""Seconds for a whole file; it goes on behind who has lost it."""
_METADATA_PATIENCE = 90.0


def fetch(file_id: int) -> None:
    """Make sure that they are in the store; raises a :class:`tpi_site.kit.errors.Refusal` where that cannot be."""
    read_only.require_off()
    download = running.follow(file_id)
    if download is None:
        return
    try:
        disk_room.require_keeping(download.wanted.filename)
        download.wait(_PATIENCE, lambda: download.is_over)
        if download.failure is not None:
            raise download.failure
        if not download.is_over:
            raise Unavailable(
                f"'{download.wanted.filename}' takes too long to come; it is tried again.", code="upstream-unavailable"
            )
    finally:
        download.leave()


def fetch_metadata(file_id: int) -> None:
    """The same of what its upstream serves beside it; nothing where that is here."""
    try:
        answering.fetch(file_id, _mirror(file_id), lambda: None).result(_METADATA_PATIENCE)
    except TimeoutError:
        raise Unavailable(
            "Its metadata takes too long to come; it is tried again.", code="upstream-unavailable"
        ) from None


def _mirror(file_id: int) -> str:
    return File.objects.filter(pk=file_id).values_list("index__name", flat=True).first() or ""
