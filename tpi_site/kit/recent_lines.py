"""The last lines that this process has logged, for who looks into what happened."""

from __future__ import annotations

import logging
from collections import deque

MOST = 500
_LONGEST = 4000  # characters
_lines: deque[str] = deque(maxlen=MOST)


class RecentLines(logging.Handler):
    """Keeps the last lines in memory, at most two megabytes of them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line of ``record``; one that cannot be made is told of as the logging module does."""
        try:
            _lines.append(self.format(record)[:_LONGEST])
        except Exception:  # noqa: BLE001  a log line must never break what is logged
            self.handleError(record)


def forget_all() -> None:
    """Empty the memory."""
    _lines.clear()


def recent_lines() -> list[str]:
    """The lines, the oldest first."""
    return list(_lines)
