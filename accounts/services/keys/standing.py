"""Whether what wraps the keys of the ring answers."""

from __future__ import annotations

from accounts.services import alarms
from tpi_site.kit import key_ring

ALARM = "key-source"


def figures() -> dict[tuple[str, ...], float]:
    """For the metrics: by the kind of source."""
    found = key_ring.standing()
    return {(found.kind,): float(not found.fault)}


def watch() -> str:
    """Let the alarm ring while the source does not answer, and end when it does; returns what is wrong."""
    found = key_ring.standing()
    if found.fault:
        alarms.ring(ALARM, f"{found.fault} Keys that were opened before serve on, but not for ever.")
    else:
        alarms.settle(ALARM)
    return found.fault
