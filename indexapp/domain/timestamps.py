"""Times as they appear in protocol documents."""

from __future__ import annotations

from datetime import UTC, datetime


def iso_utc(moment: datetime) -> str:
    """Return an aware time as ``2026-01-02T03:04:05.000000Z``, the form of PEP 700; a naive one is a ``ValueError``.

    The microseconds are always there, so that texts of two times sort as the times do.
    """
    if moment.tzinfo is None:
        msg = "a time in a protocol document needs a zone"
        raise ValueError(msg)
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
