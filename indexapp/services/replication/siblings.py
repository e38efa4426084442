"""The other replicas of a primary, as it tells of them to one that may take over: only what can be a row becomes one."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError

from accounts.models.users import SLUG

log = logging.getLogger(__name__)
_NAME: Final = 64
_KEY_ID: Final = re.compile(r"[0-9A-Za-z]{12}\Z")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")
_URL: Final = 500
_AUTHORITIES: Final = 256 * 1024
_BY: Final = 150


def readable(told: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """The columns of each that can be a replica of this site; what the primary says besides is no column of ours."""
    for each in told:
        try:
            found = _columns(each)
        except (KeyError, TypeError, ValueError, ValidationError):
            name = each.get("name") if isinstance(each, dict) else each
            log.warning("What the primary told of its replica %.100r cannot be read; invite that one anew.", name)
            continue
        yield found


def _columns(told: Mapping[str, Any]) -> dict[str, Any]:
    name, url = _text(told["name"], _NAME), _text(told.get("url", ""), _URL)
    SLUG(name)
    if not _KEY_ID.match(told["key_id"]) or not _DIGEST.match(told["digest"]):
        raise ValueError("no credential")
    if url and not (url.startswith(("http://", "https://")) and url.isprintable()):
        raise ValueError("no address")
    site = told.get("site")
    return {
        "name": name,
        "key_id": told["key_id"],
        "digest": told["digest"],
        "site": UUID(_text(site, 36)) if site is not None else None,
        "may_take_over": told.get("may_take_over") is True and bool(url),
        "url": url,
        "ca_certificates": _text(told.get("ca_certificates", ""), _AUTHORITIES),
        "created_by": _text(told.get("created_by", ""), _BY),
    }


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise ValueError("no text")
    return value
