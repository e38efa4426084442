"""Addresses at mirror sites that are good for some minutes: as nginx's secure_link checks them, and as another TPI does.

nginx knows MD5 only, with the key at the end of what is digested, where a longer text cannot be made of a known digest without
the key.  The path is the decoded one, whole, as the site sees it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

SECONDS: Final = 300
"""For how long a client that was sent somewhere may begin to fetch."""
_EXPIRES, _SIGNATURE = "tpi-expires", "tpi-signature"
_LONGEST: Final = 300


def address(base_url: str, index: str, path: str) -> str:
    """The address of a file of an index at a site, without a signature; ``path`` is below the files root."""
    root = base_url.replace("{index}", index).rstrip("/")
    return f"{root}/files/{quote(path)}"


def for_nginx(url: str, key: str, until: int) -> str:
    """As ``secure_link_md5 "$secure_link_expires$uri KEY"`` with ``secure_link $arg_md5,$arg_expires`` wants it."""
    text = f"{until}{_path(url)} {key}".encode()
    digest = hashlib.md5(text, usedforsecurity=False).digest()
    md5 = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return f"{url}?{urlencode({'md5': md5, 'expires': until})}"


def for_tpi(url: str, key: str, until: int) -> str:
    """With an HMAC-SHA256 over path and moment."""
    return f"{url}?{urlencode({_EXPIRES: until, _SIGNATURE: _hmac(_path(url), key, until)})}"


def is_good(path: str, query: str, keys: tuple[str, ...], now: float) -> bool:
    """Whether a question for the decoded ``path`` carries what :func:`for_tpi` made with one of the keys, in time."""
    if _SIGNATURE not in query or len(query) > _LONGEST:
        return False
    said = parse_qs(query)
    moment, given = said.get(_EXPIRES, [""])[0], said[_SIGNATURE][0] if _SIGNATURE in said else ""
    if not moment.isascii() or not moment.isdecimal() or int(moment) < now:
        return False
    return any(hmac.compare_digest(_hmac(path, key, int(moment)).encode(), given.encode()) for key in keys)


def _hmac(path: str, key: str, until: int) -> str:
    return hmac.new(key.encode(), f"{until}\n{path}".encode(), hashlib.sha256).hexdigest()


def _path(url: str) -> str:
    return unquote(urlsplit(url).path)
