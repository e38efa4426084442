"""What pages and files tell caches (RFC 9111).

Pages are asked about every time, and answered 304 where nothing changed: a page kept for ten minutes, as PyPI's is,
hides an upload from the pipeline that made it.  Files never change below their URL.  Whatever needed credentials stays
out of shared caches.
"""

from __future__ import annotations

PUBLIC_PAGE = "public, max-age=0, must-revalidate"
PRIVATE_PAGE = "private, max-age=0, must-revalidate"
PUBLIC_FILE = "public, max-age=365000000, immutable"
PRIVATE_FILE = "private, max-age=365000000, immutable"

PUBLIC_PAGE_VARY = "Accept, Accept-Encoding"
PRIVATE_PAGE_VARY = "Accept, Accept-Encoding, Authorization"


def page_cache_control(*, credentials_needed: bool) -> str:
    """Return ``Cache-Control`` of a page."""
    return PRIVATE_PAGE if credentials_needed else PUBLIC_PAGE


def page_vary(*, credentials_needed: bool) -> str:
    """Return ``Vary`` of a page."""
    return PRIVATE_PAGE_VARY if credentials_needed else PUBLIC_PAGE_VARY


def file_cache_control(*, credentials_needed: bool) -> str:
    """Return ``Cache-Control`` of a file or of its ``.metadata``."""
    return PRIVATE_FILE if credentials_needed else PUBLIC_FILE
