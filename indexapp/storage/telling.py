"""Addresses as they are told: without what stands before a host, which may be a password."""

from __future__ import annotations

import re

_USER = re.compile(r"((?::|%3A)(?:/|%2F){2})(?:(?!%2F)[^/?#&\s\"'])*(?:@|%40)", re.IGNORECASE)


def told(text: str) -> str:
    """``text`` with the user information struck out of each address in it, also of one that is percent-encoded."""
    return _USER.sub(r"\1", text)
