"""Requests that a page of another site makes a browser send.

A browser keeps Basic credentials that it was once given and adds them to whatever any page sends here, so a check of the
session's CSRF token alone leaves uploads and the REST API open.  Programs send neither of the two headers.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from tpi_site.kit import edge
from tpi_site.kit.errors import Forbidden

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OWN = frozenset({"same-origin", "none"})


class OriginMiddleware:
    """Refuse what would change something and comes from a page of another site, whatever its credentials."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let the request pass, or answer 403."""
        if request.method in _SAFE or _is_own(request):
            return self.get_response(request)
        words = "A page of another site made this browser send the request; do it on this site, or with a program."
        return edge.to_response(request, Forbidden(words, code="cross-site"))


def _is_own(request: HttpRequest) -> bool:
    """By Fetch Metadata where the browser sends it, else by ``Origin``; a request with neither is a program's."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in _OWN
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        return False
    # The scheme is not compared: a proxy that ends TLS may not say so.
    return bool(host) and host in {request.get_host(), urlsplit(settings.TPI_URL).netloc}
