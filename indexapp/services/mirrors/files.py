"""The bytes of a mirror's file, for jobs, which have the time to wait for them."""

from __future__ import annotations

from indexapp.services.mirrors.fetching import running
from tpi_site.kit.errors import Unavailable

_PATIENCE = 600.0
"""Seconds for a whole file; it goes on behind who has lost it."""


def fetch(file_id: int) -> None:
    """Make sure that they are in the store; raises a :class:`tpi_site.kit.errors.Refusal` where that cannot be."""
    download = running.follow(file_id)
    if download is None:
        return
    try:
        download.wait(_PATIENCE, lambda: download.is_over)
        if download.failure is not None:
            raise download.failure
        if not download.is_over:
            raise Unavailable(
                f"'{download.wanted.filename}' takes too long to come; it is tried again.", code="upstream-unavailable"
            )
    finally:
        download.leave()
