"""Reading what pages show from a standby, where there is one and it has what the page must show.

Whoever asks for a page knows from the primary up to which serial it must be; serials are given in the order of commits, so a
standby that has the serial has all before it.  So everybody reads what anybody has written.  A standby that is behind, or
away, costs the primary what it would have without one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections

log = logging.getLogger(__name__)
T = TypeVar("T")
ALIAS = "replica"
_PAUSE = 5.0  # seconds for which a replica that has just failed is not asked again
_SERIAL = "SELECT COALESCE(MAX(serial), 0) FROM indexapp_change"
_not_before = 0.0


def read(serial: int, reading: Callable[[str], T]) -> T:
    """What ``reading`` finds in the database of the alias that it is given, which has all up to ``serial``."""
    global _not_before  # noqa: PLW0603  one value per process
    if ALIAS not in settings.DATABASES or time.monotonic() < _not_before:
        return reading(DEFAULT_DB_ALIAS)
    replica = connections[ALIAS]
    try:
        with replica.cursor() as cursor:
            cursor.execute(_SERIAL)
            is_behind = cursor.fetchone()[0] < serial
        if not is_behind:
            return reading(ALIAS)
    except Error as error:
        replica.close()
        _not_before = time.monotonic() + _PAUSE
        log.warning("The replica is not used for %.0f s: %s", _PAUSE, " ".join(str(error).split()))
    return reading(DEFAULT_DB_ALIAS)
