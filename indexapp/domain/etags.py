"""Entity tags (RFC 9110 sections 8.8.3 and 13.1.2)."""

from __future__ import annotations

import re
from hashlib import blake2b

_OPAQUE = re.compile(r'"([^"]*)"')


def make_etag(*inputs: str | bytes | int) -> str:
    """Return a strong entity tag, quotes included, that changes when any input or their order does.

    The inputs are everything that the bytes depend on, the content coding among them: a strong tag names bytes.
    """
    digest = blake2b(digest_size=16)
    for value in inputs:
        raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "backslashreplace")
        # With its length and type before it, ("ab", "c") is not ("a", "bc"), nor 1 the same as "1".
        digest.update(f"{type(value).__name__}:{len(raw)}:".encode())
        digest.update(raw)
    return f'"{digest.hexdigest()}"'


def etag_in_coding(etag: str, coding: str) -> str:
    """Return the tag of the same document in a content coding: other bytes, so another tag."""
    return etag if coding == "identity" else f'{etag[:-1]}-{coding}"'


def if_none_match(header: str | None, etag: str) -> bool:
    """Return whether an ``If-None-Match`` header names ``etag``, which calls for 304.  Never raises.

    Compares weakly, as the standard asks: a proxy that compresses may have made our tag weak on its way out.
    """
    if header is None:
        return False
    if header.strip() == "*":
        return True
    return etag.removeprefix("W/").strip('"') in _OPAQUE.findall(header)
