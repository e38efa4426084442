"""Syslog messages (RFC 5424) framed for TLS by their length (RFC 5425)."""

from __future__ import annotations

import re

_AUDIT = 13 * 8  # the facility "log audit"
_NOTICE, _INFORMATIONAL = 5, 6
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")


def framed(line: str, *, at: str, host: str, action: str, is_refusal: bool) -> bytes:
    """``line`` as one message; ``at`` is an RFC 3339 time, ``action`` becomes the message's id."""
    priority = _AUDIT + (_NOTICE if is_refusal else _INFORMATIONAL)
    head = f"<{priority}>1 {at} {_name(host, 255)} tpi - {_name(action, 32)} - "
    message = (head + _CONTROLS.sub(" ", line)).encode()
    return b"%d %b" % (len(message), message)


def _name(text: str, longest: int) -> str:
    return _UNPRINTABLE.sub("", text)[:longest] or "-"
