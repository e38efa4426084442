"""Forms and REST bodies: received as a whole, in their turn and within a time, before any view waits for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from tpi_site.kit import edge
from tpi_site.kit.bodies import Body, turn
from tpi_site.kit.errors import Refusal

MOST = 1024 * 1024
"""Bytes; what announces more is for the views to refuse, but for uploads, which read their own."""
_SECONDS = 10.0
_UPLOAD = re.compile(r"(?:/[a-z0-9-]+)?/legacy/?")


def _whole(body: Body) -> bytes:
    pieces = []
    while body.left:
        pieces.append(body.read(body.left))
    return b"".join(pieces)


class SmallBodyMiddleware:
    """Without it a form that never comes would keep a thread for as long as its sender likes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Receive the body, or say that it did not come."""
        if "wsgi.input" in request.META and not _UPLOAD.fullmatch(request.path_info):
            body = Body(request.META, patience=min(_SECONDS, settings.TPI_BODY_TIMEOUT))
            if 0 < body.left <= MOST:
                try:
                    with turn():
                        request._stream = BytesIO(_whole(body))  # noqa: SLF001  Django has no public way to give one
                except Refusal as refusal:
                    return edge.to_response(request, refusal)
        return self.get_response(request)
