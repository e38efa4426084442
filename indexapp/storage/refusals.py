"""What clients are told when bytes cannot be had or kept."""

from __future__ import annotations

from tpi_site.kit.errors import Unavailable


def away() -> Unavailable:
    """The store does not answer."""
    return Unavailable(
        "The storage does not answer; try again in a moment. The operators see why in /readyz.", code="storage-away"
    )


def key_missing() -> Unavailable:
    """The node cannot open the bytes; another may."""
    return Unavailable(
        "The key ring of this node lacks the key that opens this file, which is not damaged; the operators must give the "
        "node the key ring that the others have (see /readyz).",
        code="key-missing",
    )


def damaged() -> Unavailable:
    """The bytes are not what was put."""
    return Unavailable(
        "The bytes of this file are damaged in the storage; the operators must restore them ('manage.py fsck').",
        code="blob-damaged",
    )
