"""The reasons that people give for a yank or a status; they end up on pages, in feeds and in terminals."""

from __future__ import annotations

import re

from tpi_site.kit.errors import Invalid

MAX_REASON_LENGTH = 1000
"""Characters."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def clean_reason(reason: str) -> str:
    """Return ``reason`` in one line without control characters; raise :class:`Invalid` (``reason-too-long``)."""
    line = " ".join(_CONTROLS.sub(" ", reason).split())
    if len(line) > MAX_REASON_LENGTH:
        raise Invalid(f"Give a reason of at most {MAX_REASON_LENGTH} characters.", code="reason-too-long")
    return line
