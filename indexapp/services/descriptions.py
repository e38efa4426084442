"""Rendering long descriptions: reStructuredText, Markdown or plain text, sanitised and kept by content.

Rendering is slow, so what was rendered is kept in Django's cache under the digest of the text: releases with the same
description share it, and a changed one never meets an old rendering.
"""

from __future__ import annotations

import hashlib
from html import escape
from threading import Lock

from django.core.cache import caches
from django.utils.safestring import SafeString

from indexapp.services import readme_process
from indexapp.services.readme_process import Kind
from tpi_site.kit import shared_cache
from tpi_site.kit.errors import Unavailable

_RULES = 2
"""Raise this when the same text would be rendered otherwise."""
_KEPT_SECONDS = 14 * 24 * 3600
MAX_CHARACTERS = 200_000
_PATIENCE = 1.0  # seconds
_rendering: dict[str, Lock] = {}


def rendered(content_type: str, raw: str) -> SafeString:
    """``raw`` as safe HTML; empty for nothing. Text that its own rules refuse is shown as it was written."""
    if not raw.strip():
        return SafeString("")
    digest = hashlib.sha256(f"{content_type}\x00{raw}".encode("utf-8", "replace")).hexdigest()
    key = f"description:{_RULES}:{digest}"
    html = _kept(key)
    if html is None:
        html = _render_once(key, content_type, raw)
    return SafeString(html)  # sanitised, or escaped, by what made it


def _render_once(key: str, content_type: str, raw: str) -> str:
    """Of many who open the same page at once one renders; the others wait a little, and then see the text as written."""
    lock = _rendering.setdefault(key, Lock())
    if not lock.acquire(timeout=_PATIENCE):
        return _plain(raw)
    try:
        html = _kept(key) or _html(content_type, raw) or _plain(raw)
        _keep(key, html)
    except Unavailable:  # shown as written this time, and not kept
        return _plain(raw)
    finally:
        _rendering.pop(key, None)
        lock.release()
    return html


def _kept(key: str) -> str | None:
    """What was rendered before, as far as the cache that the nodes share can be asked."""
    try:
        kept = caches["descriptions"].get(key)
    except Exception as error:
        if not shared_cache.is_away(error):
            raise
        return None
    # Who can write to a shared cache cannot sign, but can lay what was signed under another key.
    match kept:
        case [str(of), str(html)] if of == key:
            return html
    return None


def _keep(key: str, html: str) -> None:
    try:
        caches["descriptions"].set(key, [key, html], _KEPT_SECONDS)
    except Exception as error:
        if not shared_cache.is_away(error):
            raise


def is_renderable(content_type: str, raw: str) -> bool:
    """Whether ``raw`` can be shown as what it says it is; plain text always can."""
    if not raw.strip() or content_type.lower().partition(";")[0].strip() == "text/plain":
        return True
    return _html(content_type, raw) is not None


def _html(content_type: str, raw: str) -> str | None:
    """None for what is no markup that we know, or too long, or refused."""
    kind = _kind(content_type)
    return readme_process.render(kind, raw) if kind and len(raw) <= MAX_CHARACTERS else None


def _kind(content_type: str) -> Kind | None:
    kind, _, parameters = content_type.lower().partition(";")
    if kind.strip() == "text/markdown":
        return "CommonMark" if "commonmark" in parameters else "GFM"
    return "rst" if kind.strip() in ("text/x-rst", "") else None


def _plain(raw: str) -> str:
    return f'<pre class="readme-plain" tabindex="0">{escape(raw)}</pre>'
