"""Names of objects."""

from __future__ import annotations

import re

_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{62}\Z")


def is_name(name: str) -> bool:
    """Whether ``name`` is one that an object may have: ``ab/`` and 62 hex digits."""
    return bool(_NAME.match(name))


def required(name: str) -> str:
    """``name``; raises ValueError where it is none, so that no text from outside reaches a path or a key."""
    if not is_name(name):
        raise ValueError(name)
    return name


def name_of(digits: str) -> str:
    """The name made of 64 hex digits.

    One level of 256 folders: they are soon there, and today's file systems look a name up among 100,000 as quickly as
    among 100.  With a second level nearly every upload would make a folder or two, which costs more than its file.
    """
    return f"{digits[:2]}/{digits[2:]}"
