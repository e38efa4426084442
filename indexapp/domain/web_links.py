"""The addresses that a release names, as far as they are safe to link."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_MAX_LENGTH = 2000
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\"'<>\\`]")


@dataclass(frozen=True)
class WebLink:
    """A labelled address; ``host`` is what a person should read before following it."""

    label: str
    url: str
    host: str


def web_links(project_urls: Mapping[str, str], home_page: str = "", download_url: str = "") -> list[WebLink]:
    """The http and https addresses in the author's order, each once; all others are left out."""
    named = {"Homepage": home_page, **project_urls, "Download": download_url}
    seen: set[str] = set()
    found = []
    for label, url in named.items():
        link = _link(label, url)
        if link is not None and link.url.rstrip("/") not in seen:
            seen.add(link.url.rstrip("/"))
            found.append(link)
    return found


def _link(label: str, url: str) -> WebLink | None:
    if len(url) > _MAX_LENGTH or _UNSAFE.search(url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host:
        return None
    return WebLink(label, url, host)
