"""Rendering long descriptions: reStructuredText, Markdown or plain text, sanitised and kept by content.

docutils is slow, so what was rendered is kept in Django's cache under the digest of the text: releases with the same
description share it, and a changed one never meets an old rendering.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from html import escape

from django.core.cache import caches
from django.utils.safestring import SafeString
from readme_renderer import markdown

from indexapp.services import readme_html, rst_process
from tpi_site.kit.errors import Unavailable

log = logging.getLogger(__name__)

_RULES = 1
"""Raise this when the same text would be rendered otherwise."""
_KEPT_SECONDS = 14 * 24 * 3600
MAX_CHARACTERS = 200_000
_MAX_TAGS = 10_000
_MAX_DEPTH = 100
_MAX_HTML = 1_000_000
_MAX_CODE = 60_000
_NESTED_QUOTES = re.compile(rf"^(?:[ \t]*(?:>|[-*+][ \t]|[0-9]{{1,9}}[.)][ \t])){{{_MAX_DEPTH},}}", re.MULTILINE)
_TAG = re.compile(r"<(/?)(?!(?:br|hr|img|input)\b)[a-z]")
_CODE = re.compile(r"<pre.*?</pre>", re.DOTALL)


def rendered(content_type: str, raw: str) -> SafeString:
    """``raw`` as safe HTML; empty for nothing. Text that its own rules refuse is shown as it was written."""
    if not raw.strip():
        return SafeString("")
    digest = hashlib.sha256(f"{content_type}\x00{raw}".encode("utf-8", "replace")).hexdigest()
    key = f"description:{_RULES}:{digest}"
    html = caches["descriptions"].get(key)
    if html is None:
        try:
            html = _render(content_type, raw)
        except Unavailable:  # shown as written this time, and not kept
            return SafeString(_plain(raw))
        caches["descriptions"].set(key, html, _KEPT_SECONDS)
    return SafeString(html)  # sanitised, or escaped, by what made it


def is_renderable(content_type: str, raw: str) -> bool:
    """Whether ``raw`` can be shown as what it says it is; plain text always can."""
    if not raw.strip() or content_type.lower().partition(";")[0].strip() == "text/plain":
        return True
    return len(raw) <= MAX_CHARACTERS and _by_type(content_type)(raw) is not None


def _render(content_type: str, raw: str) -> str:
    html = _by_type(content_type)(raw) if len(raw) <= MAX_CHARACTERS else None
    return readme_html.fit_in(html) if html else _plain(raw)


def _by_type(content_type: str) -> Callable[[str], str | None]:
    kind, _, parameters = content_type.lower().partition(";")
    if kind.strip() == "text/markdown":
        variant = "CommonMark" if "commonmark" in parameters else "GFM"
        return lambda raw: _guarded(lambda: _markdown(raw, variant))
    if kind.strip() in ("text/x-rst", ""):
        return rst_process.render
    return lambda _raw: None


def _guarded(render: Callable[[], str | None]) -> str | None:
    try:
        return render()
    except Exception:  # the renderers have no list of what they raise on malformed text
        log.info("A description could not be rendered and is shown as plain text.", exc_info=True)
        return None


def _markdown(raw: str, variant: str) -> str | None:
    """None for text that sanitising, which is quadratic in the depth of tags, or colouring would take seconds for."""
    if raw.count("<") > _MAX_TAGS or _NESTED_QUOTES.search(raw):
        return None
    html = markdown.variants[variant](raw)  # this step alone is quick; rendering repeats it
    if len(html) > _MAX_HTML or _depth(html) > _MAX_DEPTH or sum(map(len, _CODE.findall(html))) > _MAX_CODE:
        return None
    return markdown.render(raw, variant=variant)


def _depth(html: str) -> int:
    """How deep the elements of ``html`` lie in each other at most."""
    depth = deepest = 0
    for tag in _TAG.finditer(html):
        depth += -1 if tag[1] else 1
        deepest = max(deepest, depth)
    return deepest


def _plain(raw: str) -> str:
    return f'<pre class="readme-plain" tabindex="0">{escape(raw)}</pre>'
