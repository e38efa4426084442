"""Where a file lies below the files root of its index."""

from __future__ import annotations


def file_path(sha256: str, filename: str) -> str:
    """``ab/cd/<60 hex digits>/<filename>``, for the digest of 64 hex digits."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256[4:]}/{filename}"
